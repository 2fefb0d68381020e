"""The page of the ladders: what is tried for which alert, in which order, and how each try is proved."""

from collections.abc import Sequence

from healer.shapes.ladders import LadderRungView, LadderView
from healer.web.frame import Frame, page
from healer.web.markup import Markup, element, join, link, path_of, table, words
from healer.web.parts import code, pill, section
from healer.web.times import duration

INTRO = (
    "An alert names a ladder in its heal label. Its rungs are tried in order, each behind every guard; one that "
    "has nothing to work on is left out, and one that its gate refuses for good is followed by the next."
)

MODES = {
    "explain": ("only explains", "plain"),
    "approve": ("asks a person", "held"),
    "act": ("acts", "allows"),
}


def ladders(frame: Frame, shown: Sequence[LadderView], known: frozenset[str]) -> Markup:
    """Return the page.

    Args:
        frame: Whose page.
        shown: Every ladder.
        known: Alerts that have a runbook.
    """
    return page(
        "Ladders",
        element("p", INTRO, class_="lead", id="intro"),
        *(_ladder(one, place, known) for place, one in enumerate(shown)),
        frame=frame,
        section="/ladders",
        live=True,
    )


def _ladder(one: LadderView, place: int, known: frozenset[str]) -> Markup:
    word, kind = MODES.get(one["mode"], (one["mode"], "plain"))
    head = element(
        "p", pill(word, kind), " ", element("span", _climbing(one["open"]), class_="quiet")
    )
    names = [
        link(path_of("runbooks", name), name) if name in known else words(name)
        for name in one["alerts"]
    ]
    told = join(names, ", ") if names else "no alert of the packaged rules; one of your own may"
    cells = [
        (
            str(rung["rung"]),
            code(rung["action"]),
            _service(rung),
            join([_asks(rung), *(join([", only ", words(each)]) for each in rung["only_when"])]),
            _proof(rung),
            _tries(rung),
            duration_of(rung["deadline_seconds"]),
        )
        for rung in one["rungs"]
    ]
    heads = ("rung", "does", "service", "begins", "proved by", "tries", "ends within")
    return section(
        f"ladder-{place}",
        words(one["ladder"]),
        head,
        element("p", "Named by ", told, "."),
        table(heads, cells, "cards rungs"),
    )


def _climbing(count: int) -> str:
    return {0: "no open incident climbs it", 1: "1 open incident climbs it"}.get(
        count, f"{count} open incidents climb it"
    )


def _service(rung: LadderRungView) -> object:
    if rung["proof_metric"] is None:
        return "-"
    return words(rung["service"]) if rung["service"] else "the alert's own"


def _asks(rung: LadderRungView) -> str:
    if rung["proof_metric"] is None:
        return "when nothing before it helped"
    if rung["owner"]:
        return "once an owner agrees"
    if rung["asks"]:
        return "once a person agrees"
    return "on the gate's word too (fast)" if rung["fast"] else "once Prometheus confirms"


def _proof(rung: LadderRungView) -> Markup:
    if rung["proof_metric"] is None:
        return join(["-"])
    within, soak = rung["proof_within_seconds"] or 0.0, rung["proof_soak_seconds"] or 0.0
    said = f" is {rung['proof_value']:g} within {duration(within)}, for {duration(soak)}"
    return join([code(rung["proof_metric"]), said])


def _tries(rung: LadderRungView) -> str:
    if rung["proof_metric"] is None:
        return "-"
    if rung["attempts"] == 1:
        return "once"
    longer = f", each wait {rung['backoff']:g} times longer" if rung["backoff"] != 1 else ""
    return f"{rung['attempts']}, {duration(rung['wait_seconds'])} apart{longer}"


def duration_of(seconds: float) -> str:
    """Return a length of time; a dash for none."""
    return duration(seconds) if seconds else "-"
