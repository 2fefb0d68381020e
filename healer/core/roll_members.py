"""Where each node of a roll is, as people are told it. Pure: what the journal knows, and nothing else."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum

from healer.core.roll import Roll, RollState, failed
from healer.core.upkeep import Phase, Upkeep
from healer.core.upkeep_steps import LEFT


class Where(Enum):
    """How far a node of a roll is."""

    WAITING = "waiting"
    DRAINING = "draining"  # it is locked, and its users are moved away
    AWAY = "away"  # nobody uses it any more, and nothing is done there yet
    PATCHING = "patching"
    REBOOTING = "rebooting"
    VERIFYING = "verifying"
    RETURNING = "returning"
    SOAKING = "soaking"  # it serves again, and all has to stay well before the next one goes
    DONE = "done"
    FAILED = "failed"
    LEFT = "left"  # it is not in the group any more, and was not patched before
    NOT_REACHED = "not_reached"  # the roll was ended before its turn came
    UNKNOWN = "unknown"  # the roll is over, and what was done there is not at hand any more


AT_WORK = {
    Phase.TAKING: Where.DRAINING,
    Phase.AWAY: Where.AWAY,
    Phase.PATCHING: Where.PATCHING,
    Phase.REBOOTING: Where.REBOOTING,
    Phase.PROVING: Where.VERIFYING,
    Phase.STOPPED: Where.FAILED,
    Phase.RETURNING: Where.RETURNING,
}


@dataclass(frozen=True, slots=True)
class Member:
    """One node of a roll.

    Attributes:
        upkeep: The newest that this roll began on it; None where it began none.
    """

    node: str
    where: Where
    upkeep: Upkeep | None


def members(
    roll: Roll, upkeeps: Iterable[Upkeep], now: float, known: Collection[str]
) -> tuple[Member, ...]:
    """Return the nodes of a roll in their order.

    Args:
        roll: As the journal has it.
        upkeeps: All that are at hand; those of other rolls count for nothing.
        now: In steady time.
        known: The group's nodes in cluster.yml now.
    """
    newest = {one.node: one for one in upkeeps if one.roll == roll.id}
    begun = [node for node in roll.nodes if node in newest]
    forgotten = roll.nodes[: roll.nodes.index(begun[0])] if begun else roll.nodes
    return tuple(
        Member(node, _begun(roll, newest[node], now, here=node in known), newest[node])
        if node in newest
        else Member(node, _not_begun(roll, here=node in known, forgotten=node in forgotten), None)
        for node in roll.nodes
    )


def _begun(roll: Roll, upkeep: Upkeep, now: float, *, here: bool) -> Where:
    if upkeep.open:
        return AT_WORK[upkeep.phase]
    if not failed(upkeep):
        soaks = roll.state is RollState.ROLLING and now - upkeep.since < roll.soak
        return Where.SOAKING if soaks else Where.DONE
    # What failed before the roll was gone on with is patched again.
    again = roll.state is RollState.ROLLING and upkeep.since < roll.since
    if again:
        return Where.WAITING if here else Where.LEFT
    return Where.FAILED


def _not_begun(roll: Roll, *, here: bool, forgotten: bool) -> Where:
    if roll.open:
        return Where.WAITING if here else Where.LEFT
    if roll.why == "done":
        return Where.DONE
    if roll.why == LEFT and not forgotten:
        return Where.LEFT  # the roll ended when it was through with all others
    return Where.UNKNOWN if forgotten else Where.NOT_REACHED
