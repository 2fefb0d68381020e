"""The pages of alerts that can never start anything here, and why."""

from collections.abc import Sequence

from healer.shapes.alerts import RefusedView
from healer.web.frame import Frame, page
from healer.web.markup import Markup, element, link, path_of, table, words
from healer.web.parts import code, labels, pairs, section
from healer.web.times import moment

MOST = 100
"""On the page: anybody can make more of them."""

WHAT = (
    "An alert is a hint, never grounds. These name another cluster, something that cluster.yml does not have, or a "
    "ladder that nobody wrote. They stay firing in Alertmanager and reach people like any other."
)


def refused_list(frame: Frame, found: Sequence[RefusedView]) -> Markup:
    """Return the list."""
    cells = [
        (
            link(path_of("refused", one["alert"]["fingerprint"]), words(one["alert"]["name"])),
            words(one["alert"]["target"]),
            code(one["reason"]),
            words(one["sentence"]),
            moment(one["at"]),
        )
        for one in found[:MOST]
    ]
    more = len(found) - len(cells)
    left = element("p", f"{more} more are in /api/v1/status.", class_="quiet") if more else ""
    heads = ("alert", "target", "reason", "in words", "at")
    shown = table(heads, cells, "cards") if cells else element("p", "No alert was refused.")
    return page(
        "Refused alerts",
        element("p", WHAT, class_="lead", id="intro"),
        section("refused", "The newest first", shown, left),
        frame=frame,
        section="/incidents",
        live=True,
    )


def refused(frame: Frame, one: RefusedView) -> Markup:
    """Return the page of one."""
    alert = one["alert"]
    named = {
        "reason": code(one["reason"]),
        "refused": moment(one["at"]),
        "began": moment(alert["began_at"]),
    }
    return page(
        f"Refused: {alert['name']}",
        element("p", words(one["sentence"]), class_="banner bad"),
        pairs(named),
        element("p", "An alert is a hint, never grounds. This one can start nothing here."),
        labels(alert["labels"]),
        element("p", link("/refused", "All refused alerts")),
        frame=frame,
        section="/incidents",
    )
