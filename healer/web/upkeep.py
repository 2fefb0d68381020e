"""What people are told when they take a node out of service, or give it back."""

import asyncio
from collections.abc import Mapping, Sequence

from healer.core.ladder import Mode
from healer.core.roll_events import RollMove
from healer.core.upkeep import POSTPONED, Phase, Upkeep
from healer.core.upkeep_events import Kind
from healer.core.upkeep_guards import mode_of
from healer.core.upkeep_steps import Do
from healer.errors import Malformed, Refused
from healer.gatherer import Gatherer
from healer.instants import rfc3339
from healer.likeness import of_roll, of_upkeep
from healer.looking import looker
from healer.roller import Roller
from healer.shapes.upkeep import PlannedView, PlanView
from healer.upkeep_views import roll_view, upkeep_view
from healer.upkeeper import Upkeeper
from healer.views import verdict_view
from healer.web.desk import Desk
from healer.web.periods import period

PATCHED = ("node.patch", "node.reboot, where the patch needs it", "proof that it serves again")
"""What follows in a roll once a node is out of service."""

ROLL_SOAK = "5m"
"""For which all has to stay well after a node is back, where nobody says for how long."""

PATIENCE = 20.0
"""Seconds for which a command waits for the end of what it began; the command line waits for 30."""


async def start(
    desk: Desk, node: str, reason: str, by: str, seconds: float, seen: str = ""
) -> dict[str, object]:
    """Take a node out of service for a person, and say how far that came; say anew until when where it is so already.

    Args:
        desk: The healer's.
        node: What is taken.
        reason: Why; of an upkeep that goes on already it changes nothing.
        by: Who says so.
        seconds: By when it should be over, from now.
        seen: What they saw keep it away, as healer.likeness has it; empty for whatever does.

    Raises:
        Refused: It is not as they saw it, a guard holds, or it could not be taken; what was taken away is given back.
    """
    upkeeper = _upkeeper(desk, node)
    known = upkeeper.of(node)
    _away_as_seen(node, known, seen)
    if known is not None and known.kind is Kind.PERSON and known.phase in POSTPONED:
        return await _postponed(desk, known, reason, by, seconds)
    begun = await upkeeper.begin(node, Kind.PERSON, reason, by, seconds)
    if (begun.by, begun.reason) != (by, reason):  # while the guards were asked somebody was first
        _away_as_seen(node, begun, seen)
        return await _postponed(desk, begun, reason, by, seconds)
    desk.wake()
    phases = frozenset({Phase.AWAY, Phase.RETURNING, Phase.OVER})
    found = await upkeeper.settled(begun.id, phases, PATIENCE)
    if found.failed:
        raise Refused(found.failed, f"{node} was not taken and is given back: {found.detail}")
    until = rfc3339(found.until + desk.watch.now.ahead)
    mode = mode_of(desk.topology.groups_of(node), desk.topology)
    yours = "" if mode is Mode.ACT else f"; mode {mode.value} holds nothing that a person asks for"
    if found.phase is Phase.AWAY:
        ends = f"hale-healer maintenance end {node}"
        done = f"{node} is out of service, its alerts are silenced until {until}; end it with: {ends}{yours}"
    else:
        waits = _waits(desk, found.id)
        done = f"{node} is being taken out of service ({waits}): look again with hale-healer status{yours}"
    return {"done": done, "node": node, "by": by, "upkeep": upkeep_view(found, desk.watch)}


def _away_as_seen(node: str, known: Upkeep | None, seen: str) -> None:
    """Refuse what is said to another upkeep of a node than its speaker saw, where they say what that was.

    Raises:
        Refused: It is so; nothing was changed.
    """
    if seen and seen != of_upkeep(known):
        keeps = "nobody has it out of service now" if known is None else f"it is away now: {known}"
        raise Refused(
            "changed_since",
            f"{node} is not as you saw it: {keeps}. Look with `hale-healer status`, then decide anew",
        )


async def _postponed(
    desk: Desk, known: Upkeep, reason: str, by: str, seconds: float
) -> dict[str, object]:
    """Say until when a node is away now, and until when it was said to be before."""
    found = await _upkeeper(desk, known.node).postpone(known, by, seconds)
    desk.wake()
    before, until = (rfc3339(one.until + desk.watch.now.ahead) for one in (known, found))
    done = (
        f"{known.node} is out of service already ({known}); it should be over by {until} now, and by {before} before; "
        "its silence follows"
    )
    if reason not in ("", known.reason):
        done += f'; its reason stays, and "{reason}" is written down nowhere'
    return {"done": done, "node": known.node, "by": by, "upkeep": upkeep_view(found, desk.watch)}


async def end(desk: Desk, node: str, by: str, seen: str = "") -> dict[str, object]:
    """Give a node back, and say how far that came.

    Args:
        desk: The healer's.
        node: What is given back.
        by: Who says so.
        seen: What they saw keep it away, as healer.likeness has it; empty for whatever does.

    Raises:
        Refused: It is not away, or by another upkeep than they saw, or something is at work there that has to end
            first; nothing was changed.
    """
    upkeeper = _upkeeper(desk, node, away=True)
    known = upkeeper.of(node)
    if known is not None:  # what nobody has any more is refused as `not_away`
        _away_as_seen(node, known, seen)
    ended = await upkeeper.end(node, by)
    desk.wake()
    found = await upkeeper.settled(ended.id, frozenset({Phase.OVER}), PATIENCE)
    if found.phase is Phase.OVER and node not in desk.topology.nodes:
        done = f"its maintenance is over: {found.detail}"
    elif found.phase is Phase.OVER and found.why == "left_behind":
        done = f"{node} is back in service, and its alerts are heard again; {found.detail}"
    elif found.phase is Phase.OVER:
        done = f"{node} is back in service, and its alerts are heard again"
    else:
        done = f"{node} is being given back ({_waits(desk, found.id)}): look again with hale-healer status"
    return {"done": done, "node": node, "by": by, "upkeep": upkeep_view(found, desk.watch)}


MOVES = {"stop": RollMove.STOP, "resume": RollMove.GO_ON, "end": RollMove.END}


async def roll(desk: Desk, fields: Mapping[str, str], by: str) -> dict[str, object]:
    """Begin to roll a group, or stop, resume or end its roll.

    Raises:
        Refused: There is nothing to roll, it cannot do that now, or it is not as `seen` says; nothing was changed.
        Malformed: It makes no sense; nothing was changed.
    """
    roller, group, what = _roller(desk), fields["group"], fields.get("do", "start")
    if what not in ("start", *MOVES):
        raise Malformed(f"roll: do {what!r} is none of start, {', '.join(MOVES)}")
    if what == "start":
        found = await roller.begin(
            *(group, by),
            canary=fields.get("canary", ""),
            at_once=fields.get("at-once", "1"),
            soak=period(fields.get("soak", ROLL_SOAK)),
            windows=tuple(fields["window"].split(",")) if "window" in fields else (),
        )
        done = f"roll {found.id} of {group} has begun: {', '.join(found.nodes)}; look with hale-healer status"
    else:
        _as_seen(desk, group, fields.get("seen", ""))
        found = await roller.move(group, MOVES[what], by)
        done = f"roll {found.id} of {group} is {found.state.value}"
    desk.wake()
    return {"done": done, "by": by, "roll": roll_view(found, desk.watch, desk.topology)}


def _as_seen(desk: Desk, group: str, seen: str) -> None:
    rolling = [one for one in desk.journal.board.planned.rolling if one.group == group]
    if seen and rolling and seen != of_roll(rolling[0]):
        raise Refused(
            "changed_since",
            f"roll {rolling[0].id} of {group} is {rolling[0].state.value} now, otherwise than you saw it. Look with "
            "`hale-healer status`, then decide anew",
        )


async def plan(desk: Desk, target: str) -> PlanView:
    """Say what the roll of a group, or the maintenance of a node, would do, and what each guard says now.

    Raises:
        Refused: There is no such node or group, or nothing to roll.
    """
    if target in desk.topology.groups and target not in desk.topology.nodes:
        return await plan_of(desk, target, order(desk, target), Kind.ROLL)
    return await plan_of(desk, target, (target,), Kind.PERSON)


def order(desk: Desk, group: str) -> tuple[str, ...]:
    """Return the nodes of a group as they would be rolled.

    Raises:
        Refused: There is nothing to roll.
    """
    return _roller(desk).order(group)


async def plan_of(
    desk: Desk, target: str, nodes: Sequence[str], kind: Kind, by: Gatherer | None = None
) -> PlanView:
    """Say what would be done with these nodes, one at least, and what each guard says now.

    Args:
        desk: The healer's.
        target: What it is about: the node, or its group.
        nodes: In order.
        kind: Who would ask.
        by: Who asks what stands outside; None for somebody who asks Prometheus once for all of them.

    Raises:
        Refused: There is no such node.
    """
    upkeeper, asking = _upkeeper(desk, nodes[0]), by or looker(desk.gatherer)
    found = await asyncio.gather(*(upkeeper.asked(node, kind, asking) for node in nodes))
    planned = [
        PlannedView(
            node=node,
            allows=all(one.allowed for one in verdicts),
            steps=[*map(_step, steps), *(PATCHED if kind is Kind.ROLL else ())],
            guards=[verdict_view(one) for one in verdicts],
        )
        for node, (verdicts, steps) in zip(nodes, found, strict=True)
    ]
    return PlanView(target=target, patch=kind is Kind.ROLL, nodes=planned)


def _step(do: Do) -> str:
    told = " ".join(f"{name}={value}" for name, value in do.args if name != "owner")
    return f"{do.action} {told} at {do.gate}".replace("  ", " ")


def _roller(desk: Desk) -> Roller:
    if desk.roller is None:
        raise Refused("unknown_command", "nothing rolls groups here")
    return desk.roller


def _waits(desk: Desk, upkeep: str) -> str:
    held = desk.watch.upkeep_held.get(upkeep)
    return "at work" if held is None else f"{held.reason}: {held.sentence}"


def _upkeeper(desk: Desk, node: str, *, away: bool = False) -> Upkeeper:
    """Return the upkeeper, for a node of cluster.yml; with `away` also for one that left it since it was taken away.

    Raises:
        Refused: There is no such node, or no upkeeper.
    """
    if desk.upkeeper is None:
        raise Refused("unknown_command", "nothing takes nodes out of service here")
    if node not in desk.topology.nodes and not (away and desk.upkeeper.of(node) is not None):
        known = ", ".join(desk.topology.nodes)
        raise Refused("unknown_node", f"cluster.yml has no node {node}; there are {known}")
    return desk.upkeeper
