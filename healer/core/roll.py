"""One group patched node by node: a canary first, then one or a few at a time, and a stop at the first failure.

A roll is a fold over journal events, and so is the upkeep of each of its nodes; what comes next follows from both.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import Enum

from healer.core import roll_events as re
from healer.core.roll_events import RollMove
from healer.core.states import IllegalMove
from healer.core.steady import Now
from healer.core.topology import Topology
from healer.core.upkeep import Upkeep
from healer.core.upkeep_steps import LEFT, PATCH


class RollState(Enum):
    """Where a roll is in its life."""

    ROLLING = "rolling"
    STOPPED = (
        "stopped"  # something failed, or a person stopped it; what is away goes on to its own end
    )
    OVER = "over"


TRANSITIONS: dict[RollState, dict[RollMove, RollState]] = {
    RollState.ROLLING: {RollMove.STOP: RollState.STOPPED, RollMove.END: RollState.OVER},
    RollState.STOPPED: {RollMove.GO_ON: RollState.ROLLING, RollMove.END: RollState.OVER},
    RollState.OVER: {},
}


@dataclass(frozen=True, slots=True)
class Roll:
    """A roll of one group.

    Attributes:
        nodes: In their order, the canary first.
        at_once: So many may be away at the same time, once the canary is back.
        soak: Seconds for which all has to stay well after a node is back, before the next one goes.
        windows: Names of the hours in which a node may be begun; empty for any time.
        since: Of its state, in steady time; what failed before it was gone on with counts no more.
    """

    id: str
    group: str
    nodes: tuple[str, ...]
    at_once: int
    soak: float
    windows: tuple[str, ...]
    by: str
    since: float
    state: RollState = RollState.ROLLING
    why: str = ""
    detail: str = ""

    @property
    def open(self) -> bool:
        """Whether it may still take a node away."""
        return self.state is not RollState.OVER


@dataclass(frozen=True, slots=True)
class Begin:
    """Take this node next, if the guards allow it."""

    node: str


@dataclass(frozen=True, slots=True)
class Turn:
    """Go on to another state."""

    move: RollMove
    why: str
    detail: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do now, and why."""

    why: str


def begun(event: re.RollBegan, at: Now) -> Roll:
    """Return a roll as it begins."""
    return Roll(
        *(event.roll, event.group, event.nodes, event.at_once, event.soak, event.windows),
        *(event.by, at.steady),
    )


def fold(roll: Roll, event: re.RollMoved, at: Now) -> Roll:
    """Return the roll after one event.

    Raises:
        IllegalMove: It cannot happen in its state.
    """
    after = TRANSITIONS[roll.state].get(event.move)
    if after is None:
        raise IllegalMove(f"roll {roll.id} is {roll.state.value}: no {event.move.value}")
    return replace(roll, state=after, since=at.steady, why=event.why, detail=event.detail)


def next_turn(
    roll: Roll,
    upkeeps: Iterable[Upkeep],
    now: float,
    *,
    known: Collection[str],
    hours: bool,
    alarms: Iterable[str],
) -> Begin | Turn | Wait:
    """Choose what comes next of a roll that is rolling.

    Args:
        roll: As the journal has it.
        upkeeps: Of its own nodes, as the journal has them.
        now: In steady time.
        known: The group's nodes in cluster.yml now. One that left it before its turn is passed over.
        hours: Whether a node may be begun at this hour.
        alarms: Critical alerts about its group that fire now.
    """
    ours = [one for one in upkeeps if one.roll == roll.id]
    wrong = next((one for one in ours if failed(one) and one.since >= roll.since), None)
    if wrong is not None:
        return Turn(RollMove.STOP, wrong.failed or "ended", f"{wrong.node}: {wrong.detail}")
    back = {one.node: one.since for one in ours if not one.open and not failed(one)}
    away = [one.node for one in ours if one.open]
    other = [node for node in roll.nodes if node not in back and node not in away]
    left = [node for node in other if node not in known]
    to_do = [node for node in other if node in known]
    soaking = [node for node, since in back.items() if now - since < roll.soak]
    fire = ", ".join(alarms)
    if soaking and fire:
        return Turn(RollMove.STOP, "alerts_fire", f"after {', '.join(soaking)} was back: {fire}")
    if soaking:
        return Wait("soaking")
    if not to_do and away:
        return Wait("last_nodes")
    if not to_do and left:
        said = f"{', '.join(left)} left {roll.group} before; every other node is patched"
        return Turn(RollMove.END, LEFT, said)
    if not to_do:
        return Turn(RollMove.END, "done", "every node is patched")
    if len(away) >= (roll.at_once if back else 1):
        return Wait("nodes_away")
    return Begin(to_do[0]) if hours else Wait("outside_window")


def nodes_of(roll: Roll, topology: Topology) -> tuple[str, ...]:
    """Return which of a roll's nodes its group has now; cluster.yml may have been edited since it began."""
    group = topology.groups.get(roll.group)
    return () if group is None else tuple(node for node in roll.nodes if node in group.nodes)


def failed(upkeep: Upkeep) -> bool:
    """Whether a node was not patched: something failed, or a person ended it before."""
    patched = any(one.done and one.action == PATCH for one in upkeep.tasks)
    return bool(upkeep.failed) or not (upkeep.open or patched)
