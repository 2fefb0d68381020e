"""The page of one group: how it stands, in which order it would be rolled, and what the guards say of the first."""

from collections.abc import Sequence
from dataclasses import dataclass

from healer.shapes.guards import FreezeView
from healer.shapes.status import GroupStateView
from healer.shapes.upkeep import PlannedView, PlanView, RollView
from healer.web.frame import Frame, page
from healer.web.markup import NOTHING, Markup, element, join, table, words
from healer.web.parts import (
    choice,
    console,
    form,
    group_state,
    guards_table,
    line,
    node_link,
    section,
    stops,
)
from healer.web.planned import verdict
from healer.web.rolling import roll

MOST_ASKED = 10
"""Nodes, the first of a roll, of which the guards are asked for the page."""

ROLL = (
    "A roll patches one node after the other: each is taken out of service as in maintenance, patched, booted where "
    "the patch needs it, proved and given back. The first failure stops it."
)


@dataclass(frozen=True, slots=True)
class GroupShown:
    """What the page shows.

    Attributes:
        freezes: Why nothing is done anywhere.
        stands: How it stands.
        rolls: Its own: the one that goes on, and the newest that are over.
        order: Its nodes as they would be rolled.
        windows: Names of the hours that cluster.yml has.
        planned: What a roll would do with the first of them; None where it cannot be rolled.
        why_not: Why it cannot; empty where it can.
    """

    freezes: Sequence[FreezeView]
    stands: GroupStateView
    rolls: Sequence[RollView]
    order: Sequence[str]
    windows: Sequence[str]
    planned: PlanView | None
    why_not: str


def group(frame: Frame, shown: GroupShown) -> Markup:
    """Return the page."""
    name = shown.stands["group"]
    rolling = any(one["state"] != "over" for one in shown.rolls)
    return page(
        f"Group {name}",
        stops(shown.freezes),
        *(roll(frame, one) for one in shown.rolls),
        NOTHING if rolling else _plan(frame, shown),
        section("stands", "How it stands", group_state(shown.stands)),
        _typed(frame, name),
        frame=frame,
        section="/maintenance",
        live=True,
        typed=True,
    )


def _plan(frame: Frame, shown: GroupShown) -> Markup:
    title = "What a roll would do"
    if shown.planned is None:
        nodes = element(
            "ul", *(element("li", node_link(one)) for one in shown.order), class_="index"
        )
        return section("plan", title, element("p", words(shown.why_not)), nodes)
    parts = [_turn(place, one) for place, one in enumerate(shown.planned["nodes"], 1)]
    left = shown.order[len(parts) :]
    after = [element("li", node_link(one)) for one in left]
    more = (
        element(
            "details",
            element("summary", f"{len(left)} more follow"),
            element("ul", *after),
            id="follow",
        )
        if left
        else NOTHING
    )
    return section("plan", title, element("p", ROLL), *parts, more, _start(frame, shown))


def _turn(place: int, one: PlannedView) -> Markup:
    head = element("p", f"{place}. ", element("strong", node_link(one["node"])), " ", verdict(one))
    inner = element("summary", "Steps and guards")
    steps = element("ol", *(element("li", words(step)) for step in one["steps"]))
    guards = guards_table(one["guards"])
    return join([head, element("details", inner, steps, guards, id=f"turn-{place}")])


def _start(frame: Frame, shown: GroupShown) -> Markup:
    name, windows = shown.stands["group"], [(one, one) for one in shown.windows]
    inputs = (
        choice("canary", "First", [(one, one) for one in shown.order], shown.order[0], "canary"),
        line("at-once", "At once", 5, "1, or 25% after the first", "at-once", needed=False),
        line("soak", "Soak", 10, "5m", "soak", needed=False),
        choice("window", "Hours", [("", "any"), *windows], "", "window"),
    )
    return form(frame, "roll", f"Roll {name}", *inputs, fields={"group": name}, class_="deny")


def _typed(frame: Frame, name: str) -> Markup:
    cells = [
        (f"hale-healer plan {name}", "the order, and what each guard says of every node"),
        (f"hale-healer roll {name} --canary NODE --soak 10m", "roll it"),
        (f"hale-healer roll {name} --do stop", "begin no further node; or resume, or end"),
    ]
    shown = [(element("code", command), what) for command, what in cells]
    return console(frame, table(("type", "to"), shown, "cards"))
