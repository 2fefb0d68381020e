"""What the journal says of upkeep; see healer.core.events for what its names mean on disk."""

from dataclasses import dataclass
from enum import Enum

from healer.core.actions import Args
from healer.core.attempt import Outcome


class Kind(Enum):
    """For whom a node is taken out of service."""

    PERSON = "person"  # hale-healer maintenance
    LOCK = "lock"  # the node itself, to reboot: FleetLock
    ROLL = "roll"  # hale-healer roll


class Move(Enum):
    """What can happen to an upkeep."""

    TAKEN = "taken"
    GIVE_UP = "give_up"
    PATCH = "patch"
    REBOOT = "reboot"
    PROVE = "prove"
    STOP = "stop"
    END = "end"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class UpkeepBegan:
    """A node is taken out of service: from this record on it counts as away from all of its groups.

    Attributes:
        by: Who asked for it.
        until: By when it should be over by the wall clock, epoch seconds.
        roll: The roll that it belongs to; empty for none.
        began_at: When by the wall clock, epoch seconds; None where an earlier release wrote it down.
    """

    upkeep: str
    kind: Kind
    node: str
    reason: str
    by: str
    until: float
    roll: str = ""
    began_at: float | None = None


@dataclass(frozen=True, slots=True)
class UpkeepMoved:
    """It went on to its next phase, and why: one word, and the same in a sentence."""

    upkeep: str
    move: Move
    why: str
    detail: str


@dataclass(frozen=True, slots=True)
class UpkeepSilenced:
    """Its alerts were silenced at Alertmanager, until it should be over; or are not any more."""

    upkeep: str
    silenced: bool


@dataclass(frozen=True, slots=True)
class UpkeepUntilSet:
    """A person said anew by when it should be over: by the wall clock, epoch seconds."""

    upkeep: str
    until: float
    by: str


@dataclass(frozen=True, slots=True)
class UpkeepActionIntended:
    """What will be done for it, durable before anything is sent.

    Attributes:
        gate: The node whose gate acts.
        ledger_id: The gate's ledger at the decision.
        expect: What the gate has to find, in JSON.
        seconds: That it may take.
    """

    upkeep: str
    action_id: str
    action: str
    gate: str
    args: Args
    ledger_id: str
    expect: str
    seconds: float


@dataclass(frozen=True, slots=True)
class UpkeepActionEnded:
    """How the gate says it ended, or that nobody can say."""

    upkeep: str
    action_id: str
    outcome: Outcome
    reason: str
    detail: str


UpkeepEvent = (
    UpkeepMoved | UpkeepSilenced | UpkeepUntilSet | UpkeepActionIntended | UpkeepActionEnded
)
"""Events that change an upkeep that is there."""
