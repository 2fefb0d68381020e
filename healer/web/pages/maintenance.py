"""The page of the upkeep: which nodes are out of service on purpose, how far each roll is, who has a reboot lock."""

from collections.abc import Sequence
from dataclasses import dataclass

from healer.shapes import FreezeView, MaintenanceView, RollMemberView, RollView, UpkeepView
from healer.web.frame import Frame, page
from healer.web.markup import NOTHING, Markup, element, join, table, words
from healer.web.parts import because, pairs, pill, section, stops, windows_open
from healer.web.times import ago, between, duration, moment

INTRO = (
    "Nodes that people, a roll or the nodes themselves took out of service. Nothing else is begun there, and their "
    "groups count them as away. They come back when somebody ends it, when the roll has proved them, or when they say "
    "themselves that they are up."
)

MOST = 100
"""Nodes on the page, of each kind; and of each roll."""

PHASES = {
    "taking": ("being taken out", "acting"),
    "away": ("out of service", "mitigated"),
    "patching": ("being patched", "acting"),
    "rebooting": ("rebooting", "acting"),
    "proving": ("being proved", "verifying"),
    "stopped": ("failed, and waits for you", "escalated"),
    "returning": ("being given back", "verifying"),
}
"""What people read for each phase of an upkeep, and its colour."""

WHERE = {
    "waiting": ("waiting", "later"),
    "draining": ("draining", "acting"),
    "away": ("out of service", "mitigated"),
    "patching": ("patching", "acting"),
    "rebooting": ("rebooting", "acting"),
    "verifying": ("verifying", "verifying"),
    "returning": ("being given back", "verifying"),
    "soaking": ("soaking", "verifying"),
    "done": ("done", "done"),
    "failed": ("failed", "failed"),
    "not_reached": ("not reached", "later"),
    "unknown": ("not known any more", "unknown"),
}
"""What people read for where a node of a roll is, and its colour."""

WAITS = {
    "soaking": "until all has stayed well for long enough",
    "nodes_away": "for the nodes that are away",
    "last_nodes": "for the last nodes",
    "outside_window": "for its hours",
}
"""What a roll waits for, by the word for it; else it is a node's turn, which a guard holds."""

ROLLS = {"rolling": "acting", "stopped": "escalated", "over": "plain"}

KINDS = (
    ("person", "people", "Nodes in maintenance"),
    ("lock", "locks", "Reboot locks"),
    ("roll", "failed", "Left by a roll"),
)
"""Who takes nodes away, the id of that section, and its heading."""


@dataclass(frozen=True, slots=True)
class Upkept:
    """What the page shows.

    Attributes:
        freezes: Why nothing is done anywhere.
        windows: Maintenance windows of cluster.yml that are open.
        away: Nodes that are out of service.
        rolls: Those that go on, then the newest that are over.
    """

    freezes: Sequence[FreezeView]
    windows: Sequence[MaintenanceView]
    away: Sequence[UpkeepView]
    rolls: Sequence[RollView]


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
        *(_roll(frame, one) for one in shown.rolls),
        windows_open(shown.windows, "Windows of cluster.yml that are open"),
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
    cards = (_card(frame, one) for one in found[:MOST])
    return section(id_, title, *cards, more if left > 0 else NOTHING)


def _card(frame: Frame, one: UpkeepView) -> Markup:
    word, colour = PHASES.get(one["phase"], (one["phase"], "plain"))
    head = [
        element("strong", words(one["node"])),
        pill(word, colour),
        _late(frame, one),
        element("span", "for ", ago(one["began"], frame.now), class_="quiet"),
    ]
    why = element("p", words(one["reason"])) if one["reason"] else NOTHING
    until = join(["should be back ", moment(one["until"])])
    who = element("p", "by ", words(one["by"]), " · ", until, class_="quiet")
    wrong = one["failed"] or one["phase"] == "stopped"
    failed = because(one["failed"] or one["why"], one["detail"])
    return element(
        "article",
        element("p", join(head, " "), class_="head"),
        *(why, who),
        element("p", element("strong", "Failed: "), failed) if wrong else NOTHING,
        element("p", element("strong", "Waits: "), _held(one["held"])) if one["held"] else NOTHING,
        class_=f"card {colour}",
        id=f"upkeep-{one['id']}",
    )


def _late(frame: Frame, one: UpkeepView) -> Markup:
    late = between(one["until"], frame.now) or 0.0
    return pill(f"overdue for {duration(late)}", "held") if late > 0 else NOTHING


def _held(said: str) -> Markup:
    reason, _, sentence = said.partition(": ")
    return because(reason, sentence) if sentence else words(said)


def _roll(frame: Frame, one: RollView) -> Markup:
    title = join(["Roll ", one["id"], " of ", words(one["group"])])
    done = sum(each["where"] in ("done", "soaking") for each in one["members"])
    named: dict[str, object] = {
        "now": join([pill(one["state"], ROLLS.get(one["state"], "plain")), " ", _why(one)]),
        "patched": f"{done} of {len(one['members'])}",
        "canary": words(one["nodes"][0]) if one["nodes"] else "-",
        "at once": str(one["at_once"]),
        "soak": duration(one["soak_seconds"]),
        "hours": words(", ".join(one["windows"]) or "any"),
        "by": words(one["by"]),
        "since": ago(one["since"], frame.now),
    }
    near = _near(one["members"])
    cells = [
        (str(place + 1), element("strong", words(each["node"])), *_member(frame, each))
        for place, each in near
    ]
    left = len(one["members"]) - len(near)
    more = f"{left} more wait or are done: /api/v1/status has them all."
    return section(
        *(f"roll-{one['id']}", title, pairs(named)),
        table(("turn", "node", "is", "since", "why"), cells, "cards"),
        element("p", more, class_="quiet") if left else NOTHING,
        class_="roll",
    )


def _why(one: RollView) -> Markup:
    if one["state"] == "rolling" and one["waits"]:
        known = WAITS.get(one["waits"])
        return join(["waits ", known or words(f"for {one['waits']}")])
    if one["state"] == "rolling":
        return words("a node is on its way")
    return because(one["why"], one["detail"])


def _near(members: Sequence[RollMemberView]) -> list[tuple[int, RollMemberView]]:
    """Return those to show with their place, in their order: who is neither waiting nor done, and what is around."""
    placed = list(enumerate(members))
    if len(placed) <= MOST:
        return placed
    quiet = ("waiting", "done", "not_reached", "unknown")
    first = [one for one in placed if one[1]["where"] not in quiet]
    coming = [one for one in placed if one[1]["where"] == "waiting"]
    over = [one for one in placed if one[1]["where"] in quiet[1:]]
    return sorted((first + coming[:10] + over[::-1])[:MOST], key=lambda one: one[0])


def _member(frame: Frame, one: RollMemberView) -> tuple[object, ...]:
    word, colour = WHERE.get(one["where"], (one["where"], "plain"))
    why = [because(one["reason"], one["detail"])] if one["reason"] else []
    why += [join(["waits for ", _held(one["held"])])] if one["held"] else []
    return pill(word, colour), ago(one["since"], frame.now), join(why or ["-"], "; ")
