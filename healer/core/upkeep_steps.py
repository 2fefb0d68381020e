"""What an upkeep does next: one pure function from its journal to one step. Guards are asked elsewhere."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from healer.core.actions import (
    ADMIT,
    BAR,
    FAILOVER,
    LOCK,
    MARKING,
    STANDBY,
    SWITCHOVER,
    UNLOCK,
    Args,
    steps,
    subject_of,
)
from healer.core.alert import Target
from healer.core.topology import Topology
from healer.core.upkeep import UNTOUCHED, WORK, Phase, Task, Upkeep
from healer.core.upkeep_events import Kind, Move

PATCH, REBOOT = WORK[Phase.PATCHING], WORK[Phase.REBOOTING]
OF_DATABASES = (SWITCHOVER, BAR, FAILOVER)
TAKES_AWAY = (*OF_DATABASES, "pool.drain", "address.decline", STANDBY)
"""Verbs by which users are moved away from a node, in this order."""

DOES_TOO = {BAR: SWITCHOVER}
"""Verbs that are done with another one: who was switched over is barred."""

NO_MOVES: Mapping[str, str] = MappingProxyType({})
"""Of a node without a member of a database."""

TRIES = 3
"""So often something is tried before the node is given back, or stays as it is for a person."""

TAKING_SECONDS = 180.0
"""In which all of a node is taken, or it is given back: a gate that is silent keeps nobody waiting longer."""

HELD_SECONDS = 180.0
"""For which a patch that was not begun waits for one hold after the other; then its node, which is well, is given
back. Longer than what owners have to themselves after the node's users moved away."""

AGAIN, LONGEST_AGAIN = 6.0, 60.0
"""Seconds until the second try, doubled each time. A gate keeps 5 s between two of them."""

NEEDS_REBOOT = "patched_needs_reboot"

SECONDS = {
    LOCK: 15.0,
    "node.unlock": 15.0,
    SWITCHOVER: 120.0,
    BAR: 60.0,
    FAILOVER: 60.0,
    ADMIT: 60.0,
    STANDBY: 90.0,
}
"""That an action may take; 30 where nothing stands here, and for a patch and a boot what cluster.yml says."""


@dataclass(frozen=True, slots=True)
class Do:
    """Do this through a gate, once the guards allow it."""

    action: str
    gate: str
    args: Args
    look: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Go:
    """Go on to the next phase."""

    move: Move
    why: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Silence:
    """Have its alerts silenced, or no longer."""

    wanted: bool


@dataclass(frozen=True, slots=True)
class Prove:
    """Look whether the node serves again."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do now."""


LEFT = "left"
"""Why a roll is through with a node that left cluster.yml."""

_GONE = {
    Phase.TAKING: Move.GIVE_UP,
    Phase.PATCHING: Move.STOP,
    Phase.REBOOTING: Move.STOP,
    Phase.PROVING: Move.STOP,
    Phase.STOPPED: Move.END,
}
"""How a roll's upkeep of such a node goes on: no gate of it can be asked, and nobody waits for it to come back. A
person's own goes on until the person ends it."""

BEFORE_PATCH = (Phase.TAKING, Phase.PATCHING)
"""Phases from which a node is given back unpatched where its roll stops; no patch of it may have begun."""

Next = Do | Go | Silence | Prove | Rest


def next_step(
    upkeep: Upkeep,
    topology: Topology,
    now: float,
    lost: frozenset[str],
    moves: Mapping[str, str] = NO_MOVES,
    *,
    rolling: bool = True,
    silent: Collection[str] = (),
) -> Next:
    """Choose what comes next.

    Args:
        upkeep: As the journal has it; none of its actions runs.
        topology: The cluster.
        now: In steady time.
        lost: Nodes that nobody hears of, whose gates can do nothing and need not.
        moves: By which verb each database is moved away, as healer.core.upkeep_databases says; only asked for while
            the node is being taken.
        rolling: Whether the roll that it belongs to goes on; true where it belongs to none.
        silent: Nodes whose gates did not answer lately; what they keep away is given back once they do.
    """
    gone = _GONE.get(upkeep.phase)
    if gone is not None and upkeep.kind is Kind.ROLL and upkeep.node not in topology.nodes:
        return Go(gone, LEFT, f"cluster.yml has no {upkeep.node} any more")
    if not rolling and upkeep.phase in BEFORE_PATCH and not upkeep.at_work:
        return Go(Move.GIVE_UP, "roll_stopped", "its roll was stopped before it was patched")
    if upkeep.silence_old and upkeep.phase is not Phase.RETURNING:
        return Silence(wanted=True)
    match upkeep.phase:
        case Phase.TAKING:
            return _take(upkeep, topology, now, lost, moves)
        case Phase.AWAY if upkeep.kind is Kind.ROLL:
            return Go(Move.PATCH, "taken")
        case Phase.AWAY | Phase.STOPPED:
            return _take_late(upkeep, topology, now, lost) or Rest()
        case Phase.PATCHING:
            return _take_late(upkeep, topology, now, lost) or _work(upkeep, PATCH, topology, now)
        case Phase.REBOOTING:
            return _take_late(upkeep, topology, now, lost) or _work(upkeep, REBOOT, topology, now)
        case Phase.PROVING:
            return Prove()
        case Phase.RETURNING:
            return _return(upkeep, topology, now, silent)
        case _:
            return Rest()


def taking(
    upkeep: Upkeep, topology: Topology, moves: Mapping[str, str] = NO_MOVES
) -> tuple[Do, ...]:
    """Return all that takes a node out of service, in order, its lock first."""
    found = [
        Do(verb, step.gate, step.args, step.look, seconds_of(verb, topology))
        for verb in (LOCK, *TAKES_AWAY)
        for step in steps(verb, Target(upkeep.node), topology, upkeep.owner)
        if verb not in OF_DATABASES or moves.get(dict(step.args)["database"]) == verb
    ]
    return tuple(found)


def seconds_of(verb: str, topology: Topology) -> float:
    """Return how long an action may take."""
    if verb == PATCH:
        return (topology.patch_seconds or 0.0) + 60.0
    if verb == REBOOT:
        return topology.reboot_seconds
    return SECONDS.get(verb, 30.0)


def _take(
    upkeep: Upkeep,
    topology: Topology,
    now: float,
    lost: frozenset[str],
    moves: Mapping[str, str],
) -> Next:
    if now - upkeep.since > TAKING_SECONDS:
        return Go(Move.GIVE_UP, "too_slow", f"it was not taken within {TAKING_SECONDS:g} s")
    left = _left(upkeep, topology, lost, moves)
    if not upkeep.silenced and all(one.action != LOCK for one in left):
        return Silence(wanted=True)
    return _try(upkeep, left[0], now, Move.GIVE_UP) if left else Go(Move.TAKEN, "taken")


def _take_late(upkeep: Upkeep, topology: Topology, now: float, lost: frozenset[str]) -> Next | None:
    """Return what takes a node away at a balancer that was dead before and is back; None where nothing does.

    It would send requests to the node. A roll's patch and boot wait for it, and the roll stops where it cannot be done.
    """
    if upkeep.at_work or upkeep.node not in topology.nodes:
        return None
    works = upkeep.phase in (Phase.PATCHING, Phase.REBOOTING)
    found: Next | None = None
    for one in _left(upkeep, topology, lost):
        if one.gate == upkeep.node:
            continue
        if works and now - upkeep.since > TAKING_SECONDS:
            detail = f"{one.action} at {one.gate} was not done within {TAKING_SECONDS:g} s"
            return Go(Move.STOP, "too_slow", detail)
        found = _try(upkeep, one, now, Move.STOP if works else None)
        if not isinstance(found, Rest):
            return found
    return found


def _left(
    upkeep: Upkeep, topology: Topology, lost: frozenset[str], moves: Mapping[str, str] = NO_MOVES
) -> list[Do]:
    """Return what of `taking` is still to be done, in order; a balancer that is dead balances for nobody."""
    return [
        one
        for one in taking(upkeep, topology, moves)
        if (one.gate not in lost or one.gate == upkeep.node) and not _done(upkeep, one)
    ]


def _done(upkeep: Upkeep, one: Do) -> bool:
    verbs = (one.action, DOES_TOO.get(one.action, one.action))
    tries = (upkeep.last(verb, (one.gate, one.args)) for verb in verbs)
    return any(last is not None and last.done for last in tries)


def _work(upkeep: Upkeep, verb: str, topology: Topology, now: float) -> Next:
    one = Do(verb, upkeep.node, (), "", seconds_of(verb, topology))
    last = upkeep.last(verb, (one.gate, one.args))
    if last is None or last.outcome in UNTOUCHED:
        return _try(upkeep, one, now, Move.STOP)
    if not last.done:
        return Go(Move.STOP, last.reason, last.detail)
    if verb == PATCH and last.reason == NEEDS_REBOOT:
        return Go(Move.REBOOT, last.reason, last.detail)
    return Go(Move.PROVE, last.reason, last.detail)


def to_give_back(upkeep: Upkeep, topology: Topology) -> tuple[Do, ...]:
    """Return how each mark is taken back that is still in cluster.yml, in order; the lock alone, and last."""
    found = list[Do]()
    for mark in reversed(upkeep.marks):
        verb, (gate, args) = MARKING[mark.action], mark.place
        found += [
            Do(verb, gate, args, step.look, seconds_of(verb, topology))
            for step in steps(verb, Target(upkeep.node), topology, upkeep.owner)
            if (step.gate, step.args) == mark.place and gate in topology.nodes
        ]
    return tuple(one for one in found if one.action != UNLOCK) or tuple(found)


def _return(upkeep: Upkeep, topology: Topology, now: float, silent: Collection[str]) -> Next:
    gone = upkeep.node not in topology.nodes
    standing = () if gone else to_give_back(upkeep, topology)
    for one in standing:
        # One gate that is silent, or refuses, keeps no other one from giving the node back.
        tried = Rest() if one.gate in silent else _try(upkeep, one, now, None)
        if not isinstance(tried, Rest):
            return tried
    if standing:
        return Rest()
    if upkeep.silenced:
        return Silence(wanted=False)
    return _over(upkeep, gone=gone)


def _over(upkeep: Upkeep, *, gone: bool) -> Go:
    """Return the last move. Nobody of cluster.yml can be asked for what is left, so that keeps nobody waiting."""
    changed = f"cluster.yml has no {upkeep.node} any more" if gone else "cluster.yml changed"
    if not upkeep.marks:
        why, detail = ("node_gone", changed) if gone else ("returned", "")
        return Go(Move.RETURNED, why, detail)
    still = ", ".join(f"{mark.action} at {mark.gate}" for mark in upkeep.marks)
    by_hand = "; ".join(f"on {one.gate}: {by_person(one)}" for one in upkeep.marks)
    again = f"Should {upkeep.node if gone else 'one'} serve again, {by_hand}"
    why = "node_gone" if gone else "left_behind"
    return Go(Move.RETURNED, why, f"{changed}; still there: {still}. {again}")


def by_person(mark: Task) -> str:
    """Return the command by which a person takes a mark back on the node where it is, whoever set it."""
    command = MARKING[mark.action].partition(".")[2]
    return " ".join(filter(None, ("hale-gate", command, subject_of(mark.args), "--all")))


def _try(upkeep: Upkeep, one: Do, now: float, after: Move | None) -> Next:
    """Try something, once more after a pause, or go on without it; what is given back is tried for ever."""
    last = upkeep.last(one.action, (one.gate, one.args))
    tries = upkeep.tries(one.action, (one.gate, one.args))
    if last is None:
        return one
    if after is not None and tries >= TRIES:
        return Go(after, last.reason, f"{one.action} at {one.gate}: {last.detail}")
    pause = min(AGAIN * 2.0 ** (tries - 1), LONGEST_AGAIN)
    return one if now - (last.ended or last.began) >= pause else Rest()
