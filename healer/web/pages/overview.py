"""The first page: what stops Hale, what is wrong with the cluster, what is done about it, and what was."""

from collections.abc import Sequence
from dataclasses import dataclass

from healer.sentences import alertmanagers
from healer.shapes.guards import HoldView
from healer.shapes.incidents import IncidentRow
from healer.shapes.marks import MarkView
from healer.shapes.status import GroupStateView, StatusView
from healer.shapes.upkeep import RollView
from healer.web.away import PHASES
from healer.web.frame import Frame, page
from healer.web.markup import NOTHING, Markup, element, join, link, path_of, table, words
from healer.web.parts import (
    card,
    code,
    group_link,
    group_state,
    incident_link,
    node_link,
    owner_link,
    pairs,
    pill,
    section,
    stops,
    windows_open,
)
from healer.web.times import ago, between, duration, moment

RECENT = 20
"""Closed incidents on the page."""

MOST = 100
"""Open incidents on the page; and marks."""

STANDS: dict[bool | None, str] = {True: "it stands", False: "not yet", None: "not known"}

GOOD = frozenset({"healed", "cleared"})
"""Outcomes after which the trouble is gone."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many incidents are open, those included for which the page has no room."""

    open: int
    people: int
    healing: int


def overview(
    frame: Frame,
    status: StatusView,
    tally: Tally,
    still: Sequence[IncidentRow],
    closed: Sequence[IncidentRow],
    groups: Sequence[GroupStateView],
) -> Markup:
    """Return the page.

    Args:
        frame: Whose page.
        status: How the healer stands.
        tally: Of the open incidents.
        still: Those that are shown, at most MOST.
        closed: The newest closed incidents, at most RECENT.
        groups: How every group stands.
    """
    return page(
        headline(status, tally),
        stops(status["freezes"]),
        *_open(still, frame.now, tally.open - len(still), sees=not status["freezes"]),
        _held(status["holds"]),
        _upkept(status),
        windows_open(status["maintenance"]),
        _marks(status["marks"], frame.now),
        _groups(groups),
        _closed(closed),
        _itself(status),
        frame=frame,
        section="/incidents",
        live=True,
        tab=_tab(status, tally),
    )


def headline(status: StatusView, tally: Tally) -> str:
    """Say in one line how things are."""
    if tally.people:
        return _count(tally.people, "incident needs a person", "incidents need a person")
    if status["freezes"]:
        return "Hale does nothing now"
    if tally.healing:
        return _count(tally.healing, "incident is being healed", "incidents are being healed")
    if tally.open:
        return _count(tally.open, "incident is open", "incidents are open")
    return "All is well"


def _tab(status: StatusView, tally: Tally) -> str:
    number = f"({tally.open}) " if tally.open else ""
    return f"{number}{headline(status, tally)} · {status['cluster']}"


def _count(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


def _open(still: Sequence[IncidentRow], now: str, left: int, *, sees: bool) -> list[Markup]:
    if not still:
        said = "No open incident." if sees else "No open incident that Hale knows of."
        return [element("p", said, class_="banner well" if sees else "banner", id="none-open")]
    healing = ("acting", "verifying")
    parts = (
        ("people", "Needs a person", [one for one in still if one["needs_person"]]),
        ("healing", "Being healed now", [one for one in still if one["state"] in healing]),
        ("looked-at", "Looked at", [one for one in still if _looked_at(one)]),
        ("mitigated", "Out of harm's way", [one for one in still if one["state"] == "mitigated"]),
    )
    shown = [
        section(name, title, *(card(one, now) for one in found), class_="incidents")
        for name, title, found in parts
        if found
    ]
    if left:
        more = f"{left} more are open: /api/v1/incidents?state=open has them all."
        shown.append(element("p", more, class_="quiet", id="more-open"))
    return shown


def _looked_at(one: IncidentRow) -> bool:
    return not one["needs_person"] and one["state"] in ("open", "held")


def _held(holds: Sequence[HoldView]) -> Markup:
    if not holds:
        return NOTHING
    cells = [
        (
            element("strong", one["node"]),
            words(one["reason"]),
            words(one["by"]),
            moment(one["until"]) if one["until"] else "it is released",
        )
        for one in holds
    ]
    shown = table(("node", "why", "by", "until"), cells, "cards")
    return section("holds", "Held by people", shown, element("p", link("/stop", "Release one")))


def _upkept(status: StatusView) -> Markup:
    """Return how many nodes are out of service and how far each roll is; nothing where there is none of both."""
    if not (status["upkeep"] or status["rolls"]):
        return NOTHING
    away = [
        element(
            *("li", element("strong", node_link(one["node"]))),
            *(f" {PHASES[one['phase']][0]}, by ", words(one["by"])),
        )
        for one in status["upkeep"][:RECENT]
    ]
    left = len(status["upkeep"]) - len(away)
    more = [element("li", f"{left} more")] if left > 0 else []
    rolls = [
        element(
            "li", f"roll {one['id']} of ", element("strong", group_link(one["group"])), _far(one)
        )
        for one in status["rolls"]
    ]
    how = element("p", link("/maintenance", "What each waits for, and how it comes back"))
    shown = element("ul", *rolls, *away, *more)
    return section("upkeep", "Out of service on purpose", shown, how)


def _far(one: RollView) -> str:
    return f" {one['state']}: {len(one['done'])} of {len(one['nodes'])} done"


def _marks(marks: Sequence[MarkView], now: str) -> Markup:
    if not marks:
        return NOTHING
    cells = [
        (
            code(one["mark"]),
            words(one["subject"]),
            words(one["node"]),
            join([owner_link(owner) for owner in one["owners"]], ", "),
            ago(one["since"], now),
            STANDS[one["seen"]],
        )
        for one in marks[:MOST]
    ]
    left = len(marks) - len(cells)
    more = element("p", f"{left} more are in /api/v1/status.", class_="quiet") if left else NOTHING
    heads = ("mark", "of", "at the gate of", "for", "since", "node says")
    how = element("p", link("/marks", "What each waits for, and how it comes back"))
    return section("marks", "Taken away for now", table(heads, cells, "cards"), more, how)


def _groups(groups: Sequence[GroupStateView]) -> Markup:
    if not groups:
        return NOTHING
    shown = element("div", *(group_state(one) for one in groups), class_="grid")
    return section("groups", "Groups", shown)


def _closed(rows: Sequence[IncidentRow]) -> Markup:
    if not rows:
        return NOTHING
    cells = [
        (
            incident_link(one["id"], words(one["target"])),
            words(one["cause"]["name"]),
            pill(one["reason"].replace("_", " "), "closed" if one["reason"] in GOOD else "plain"),
            moment(one["changed_at"]),
            duration(between(one["opened_at"], one["changed_at"]) or 0.0),
        )
        for one in rows
    ]
    heads = ("target", "cause", "outcome", "closed", "took")
    more = element("p", link("/history", "Search all that is over"))
    return section("closed", "Closed lately", table(heads, cells, "cards"), more)


def _itself(status: StatusView) -> Markup:
    age, old = status["watchdog_age_seconds"], len(status["pre_existing"])
    refused = len(status["refused"])
    named: dict[str, object] = {
        "Watchdog": "not heard" if age is None else f"heard {duration(age)} ago",
        "Alertmanagers": alertmanagers(status),
        "lease": "held" if status["leader"] else "not held",
        "journal": "has room" if status["storing"] else "has no room",
        "armed": moment(status["armed_at"]) if status["armed_at"] else "not yet",
    }
    if old:
        named["fired before arming"] = _pre_existing(status, old)
    if refused:
        text = _count(refused, "alert", "alerts")
        named["refused"] = link(path_of("refused"), text)
    named["version"] = f"hale-healer {status['version']} on {status['node']}"
    return section("itself", "Hale itself", pairs(named))


def _pre_existing(status: StatusView, count: int) -> Markup:
    names = sorted({f"{one['name']} at {one['target']}" for one in status["pre_existing"]})[:10]
    items = [element("li", words(one)) for one in names]
    text = _count(count, "alert: explained, not touched", "alerts: explained, not touched")
    return join([element("details", element("summary", text), element("ul", *items), id="old")])
