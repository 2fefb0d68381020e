"""The runbooks: what an alert means and what to do, and above it what there is of it now."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from healer.shapes.alerts import AlertView
from healer.shapes.guards import FreezeView
from healer.shapes.incidents import IncidentRow
from healer.web.frame import Frame, page
from healer.web.markdown import render
from healer.web.markup import NOTHING, Markup, element, join, link, path_of, words
from healer.web.parts import card, section, stops
from healer.web.times import ago

MOST = 20
"""Alerts and incidents above a runbook."""


@dataclass(frozen=True, slots=True)
class Present:
    """What there is of an alert now.

    Attributes:
        incidents: Open ones that it is part of, or that it is about.
        alerts: Those of its name that fire and belong to none of them.
        freezes: What stops Hale, whatever the runbook says that it does.
        frozen: Whether the alert is about them.
        left: Open incidents of it for which there is no room.
    """

    incidents: Sequence[IncidentRow]
    alerts: Sequence[AlertView]
    freezes: Sequence[FreezeView] = ()
    frozen: bool = False
    left: int = 0


def runbook(frame: Frame, name: str, text: str, present: Present | None) -> Markup:
    """Return a runbook; its own title gives way to the page's.

    Args:
        frame: Whose page.
        name: The alert's.
        text: In Markdown.
        present: What there is of it now; None for whoever may not see that.
    """
    return page(
        name,
        _present(present, frame) if present is not None else _unseen(frame),
        element("article", _prose(text), class_="prose", id="text"),
        frame=frame,
        section="/runbooks/",
        live=present is not None,
        tab=f"Runbook {name}",
    )


@cache
def _prose(text: str) -> Markup:
    """Return a runbook without its title. Kept, since anybody may read it, and rendering takes time."""
    first, _, rest = text.partition("\n")
    return render(rest if first.startswith("# ") else text)


def runbook_list(
    frame: Frame, names: Sequence[str], counts: dict[str, int], missing: str = ""
) -> Markup:
    """Return the runbooks that there are.

    Args:
        frame: Whose page.
        names: Of their alerts.
        counts: How many open incidents each alert is part of; empty for whoever may not see that.
        missing: One that was asked for and is not.
    """
    none = element("p", "There is no runbook ", element("code", missing), ".", class_="banner bad")
    items = [
        element("li", link(path_of("runbooks", one), one), _open(counts.get(one, 0)))
        for one in names
    ]
    shown = element("ul", *items, class_="index") if items else element("p", "None are installed.")
    intro = "One page for each alert: what it means, what Hale does by itself, what to check, what to do."
    return page(
        "Runbooks",
        none if missing else NOTHING,
        element("p", intro, class_="lead", id="intro"),
        element("div", shown, id="index"),
        frame=frame,
        section="/runbooks/",
        live=bool(counts),
    )


def _open(count: int) -> Markup:
    return element("span", f"{count} open", class_="pill held") if count else NOTHING


def _present(present: Present, frame: Frame) -> Markup:
    found = [card(one, frame.now) for one in present.incidents]
    if present.left:
        found.append(element("p", f"{present.left} more of it are open.", class_="quiet"))
    alerts = [
        element("li", words(one["target"]), ", for ", ago(one["began_at"], frame.now), _quiet(one))
        for one in present.alerts[:MOST]
    ]
    if alerts:
        found.append(element("p", "It fires and belongs to no open incident:"))
        found.append(element("ul", *alerts))
    if not found and not (present.frozen and present.freezes):
        found.append(element("p", "Nothing of this is open now."))
    return section(
        "present", "Now", stops(present.freezes, here=present.frozen), *found, class_="incidents"
    )


def _quiet(one: AlertView) -> str:
    return ", silenced" if one["silenced"] else ""


def _unseen(frame: Frame) -> Markup:
    said = join([link("/incidents", "Sign in"), " to see what there is of it now."])
    return element("p", said, class_="quiet", id="present") if frame.signs else NOTHING
