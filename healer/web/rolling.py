"""A roll as the pages show it: how far it is, where each node is, and what can be done with it."""

from collections.abc import Sequence

from healer.shapes.upkeep import RollMemberView, RollView
from healer.web.away import held
from healer.web.frame import Frame
from healer.web.markup import NOTHING, Markup, element, join, table, words
from healer.web.parts import because, form, group_link, node_link, pairs, pill, section
from healer.web.times import ago, duration

MOST = 50
"""Nodes of one roll on a page."""

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
    "left": ("left the group", "later"),
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

STOP, RESUME, END = ("stop", "Stop", "deny"), ("resume", "Resume", "adopt"), ("end", "End", "")
MOVES = {"rolling": (STOP, END), "stopped": (RESUME, END)}
"""What can be done with a roll in a state: the word of the command, the button's, and its class."""

NOTES = {
    "rolling": "Stopped or ended it begins no further node. What is being patched is proved and given back; what is "
    "not patched yet is given back as it is.",
    "stopped": "Give back what it left first. Resumed it patches a node that failed again.",
}

ROLLS = {"rolling": "acting", "stopped": "escalated", "over": "plain"}


def roll(frame: Frame, one: RollView) -> Markup:
    """Return a roll with each of its nodes, and what can be done with it."""
    title = join(["Roll ", one["id"], " of ", group_link(one["group"])])
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
        (str(place + 1), element("strong", node_link(each["node"])), *_member(frame, each))
        for place, each in near
    ]
    left = len(one["members"]) - len(near)
    more = f"{left} more wait or are done: /api/v1/status has them all."
    return section(
        *(f"roll-{one['id']}", title, pairs(named)),
        table(("turn", "node", "is", "since", "why"), cells, "cards"),
        element("p", more, class_="quiet") if left else NOTHING,
        _moves(frame, one),
        class_="roll",
    )


def _moves(frame: Frame, one: RollView) -> Markup:
    """Return the buttons of a roll that is not over; nothing for whoever may press none."""
    if frame.signer is None:
        return NOTHING
    pressed = [
        form(
            *(frame, "roll", f"{button} roll {one['id']}"),
            fields={"group": one["group"], "do": do, "seen": one["seen"]},
            class_=class_,
        )
        for do, button, class_ in MOVES.get(one["state"], ())
    ]
    if not pressed:
        return NOTHING
    note = element("p", NOTES[one["state"]], class_="quiet")
    return join([element("div", *pressed, class_="actions"), note])


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
    quiet = ("waiting", "done", "left", "not_reached", "unknown")
    first = [one for one in placed if one[1]["where"] not in quiet]
    coming = [one for one in placed if one[1]["where"] == "waiting"]
    over = [one for one in placed if one[1]["where"] in quiet[1:]]
    return sorted((first + coming[:10] + over[::-1])[:MOST], key=lambda one: one[0])


def _member(frame: Frame, one: RollMemberView) -> tuple[object, ...]:
    word, colour = WHERE.get(one["where"], (one["where"], "plain"))
    why = [because(one["reason"], one["detail"])] if one["reason"] else []
    why += [join(["waits for ", held(one["held"])])] if one["held"] else []
    return pill(word, colour), ago(one["since"], frame.now), join(why or ["-"], "; ")
