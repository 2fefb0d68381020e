"""The page of the upkeep: which nodes are out of service on purpose, how far each roll is, who has a reboot lock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from healer.shapes.guards import FreezeView, MaintenanceView
from healer.shapes.upkeep import AdmissionView, LockWaitView, RollView, UpkeepView
from healer.web.away import card
from healer.web.frame import Frame, page
from healer.web.markup import NOTHING, Markup, element, join, table, words
from healer.web.parts import (
    because,
    console,
    group_link,
    node_link,
    pill,
    section,
    stops,
    windows_open,
)
from healer.web.rolling import roll
from healer.web.times import ago

INTRO = (
    "Nodes that people, a roll or the nodes themselves took out of service. Nothing else is begun there, and their "
    "groups count them as away. They come back when somebody ends it, when the roll has proved them, or when they say "
    "themselves that they are up."
)

MOST = 50
"""Nodes on the page, of each kind."""

MOST_ASKED = 10
"""Nodes that are asked for the page what they lack to come back."""

KINDS = (
    ("person", "people", "Nodes in maintenance"),
    ("lock", "locks", "Reboot locks"),
    ("roll", "failed", "Left by a roll"),
)
"""Who takes nodes away, the id of that section, and its heading."""

NOTES = {
    "lock": "A node gives its lock back itself once it is up. Give it back here only where it never will.",
    "roll": "Look at what failed there before you give it back: what was patched may be what broke it.",
}


@dataclass(frozen=True, slots=True)
class Lacking:
    """A node that is away without anybody's wish.

    Attributes:
        why: Why nobody can say what it lacks; empty where that is known.
        asked: What it has to show before it comes back; None where nobody can say.
    """

    node: str
    why: str
    asked: AdmissionView | None


@dataclass(frozen=True, slots=True)
class Upkept:
    """What the page shows.

    Attributes:
        freezes: Why nothing is done anywhere.
        windows: Maintenance windows of cluster.yml that are open.
        away: Nodes that are out of service.
        rolls: Those that go on, then the newest that are over.
        locks: Nodes that were refused a reboot lock, and ask again.
        waiting: Nodes that are to come back, at most MOST_ASKED.
        left: How many more of those there are.
        groups: The nodes of each group.
    """

    freezes: Sequence[FreezeView]
    windows: Sequence[MaintenanceView]
    away: Sequence[UpkeepView]
    rolls: Sequence[RollView]
    locks: Sequence[LockWaitView]
    waiting: Sequence[Lacking]
    left: int
    groups: Mapping[str, Sequence[str]]


def maintenance(frame: Frame, shown: Upkept) -> Markup:
    """Return the page."""
    rolling = {one["id"] for one in shown.rolls if one["state"] != "over"}
    # What is under way stands in the table of its roll; what waits for a person stands here too.
    away = [one for one in shown.away if one["roll"] not in rolling or one["phase"] == "stopped"]
    calm = not (shown.away or rolling)
    well = element("p", "No node is out of service, and nothing is rolled.", class_="banner well")
    return page(
        "Maintenance",
        stops(shown.freezes),
        element("p", INTRO, class_="lead", id="intro"),
        element("div", well, id="none") if calm else NOTHING,
        *(_away(frame, away, *kind) for kind in KINDS),
        _locks(frame, shown.locks),
        *(roll(frame, one) for one in shown.rolls),
        _waiting(shown.waiting, shown.left),
        windows_open(shown.windows, "Windows of cluster.yml that are open"),
        _nodes(shown.groups),
        _typed(frame),
        frame=frame,
        section="/maintenance",
        live=True,
    )


def _away(frame: Frame, away: Sequence[UpkeepView], kind: str, id_: str, title: str) -> Markup:
    found = [one for one in away if one["kind"] == kind]
    if not found:
        return NOTHING
    left = len(found) - MOST
    more = element("p", f"{left} more are in /api/v1/status.", class_="quiet")
    cards = (card(frame, one) for one in found[:MOST])
    note = element("p", NOTES[kind], class_="quiet") if kind in NOTES else NOTHING
    return section(id_, title, note, *cards, more if left > 0 else NOTHING)


def _locks(frame: Frame, waiting: Sequence[LockWaitView]) -> Markup:
    if not waiting:
        return NOTHING
    cells = [
        (
            element("strong", node_link(one["node"])),
            ago(one["since"], frame.now),
            join([ago(one["asked"], frame.now), " ago"]),
            because(one["reason"], one["detail"]),
        )
        for one in waiting[:MOST]
    ]
    shown = table(("node", "waits for", "asked", "why not yet"), cells, "cards")
    left = len(waiting) - len(cells)
    more = element("p", f"{left} more wait.", class_="quiet") if left else NOTHING
    return section("lock-waits", "Waiting for a reboot lock", shown, more)


def _waiting(waiting: Sequence[Lacking], left: int) -> Markup:
    if not waiting:
        return NOTHING
    cells = [(element("strong", node_link(one.node)), *_lacks(one)) for one in waiting]
    shown = table(("node", "admit says", "still needs", "has"), cells, "cards")
    more = element("p", f"{left} more: each node's page says it.", class_="quiet")
    return section("waiting", "To come back", shown, more if left else NOTHING)


def _lacks(one: Lacking) -> tuple[object, ...]:
    """Return whether a node would be admitted, and else the first thing that it lacks and how many there are."""
    if one.asked is None:
        return pill("not yet", "held"), "to be heard of, or to be asked again", one.why
    lacks = [each for each in one.asked["steps"] if each["reason"]]
    if not lacks:
        button = "switch it on" if one.asked["fenced"] else "admit it"
        return pill("yes", "allows"), f"you: {button} on its page", "-"
    more = f", and {len(lacks) - 1} more" if len(lacks) > 1 else ""
    needs = join([because(lacks[0]["reason"], f"{lacks[0]['step']}: {lacks[0]['need']}"), more])
    return pill("not yet", "held"), needs, words(lacks[0]["have"])


def _nodes(groups: Mapping[str, Sequence[str]]) -> Markup:
    """Return all groups and nodes, folded: each has a page with what can be done there."""
    parts = [
        element(
            "details",
            element(
                "summary",
                join([words(name), ": 1 node" if len(nodes) == 1 else f": {len(nodes)} nodes"]),
            ),
            element("p", group_link(name, "The group, and what a roll of it would do")),
            element("ul", *(element("li", node_link(one)) for one in nodes), class_="index"),
            id=f"of-{place}",
        )
        for place, (name, nodes) in enumerate(groups.items())
    ]
    why = element("p", "Choose a node for its maintenance, or a group for a roll.", class_="quiet")
    return section("nodes", "Take something out of service", why, *parts)


def _typed(frame: Frame) -> Markup:
    cells = [
        ('hale-healer maintenance start NODE --reason "WHY"', "take one out of service"),
        ("hale-healer maintenance end NODE", "give it back"),
        ("hale-healer plan NODE", "what that would do, and what each guard says; of a GROUP too"),
        ("hale-healer roll GROUP", "patch a group node by node"),
        ("hale-healer roll GROUP --do stop", "begin no further node; or resume, or end"),
        ("hale-healer admit NODE", "let one come back that Hale took something from"),
    ]
    shown = [(element("code", command), what) for command, what in cells]
    return console(frame, table(("type", "to"), shown, "cards"))
