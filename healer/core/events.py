"""What the journal says: what became of the healer as a whole, and the list of everything that a record may hold.

Each class is one kind of event, stored with a time and a hash; those of incidents, upkeeps and rolls have modules of
their own. Rule: the class name in snake_case is the event's kind on disk, so that renaming a class or a field is a
change of format.
"""

from dataclasses import dataclass

from healer.core.alert import Alert
from healer.core.incident_events import IncidentEvent, IncidentOpened
from healer.core.roll_events import RollEvent
from healer.core.upkeep_events import UpkeepBegan, UpkeepEvent


@dataclass(frozen=True, slots=True)
class HealerStarted:
    """A healer took the lead and runs under this configuration.

    Attributes:
        modes: Every ladder's and group's mode, so that a switch to act is seen across a restart.
        node: Where it runs; empty where a release wrote it that did not say.
    """

    version: str
    digest: str
    modes: str
    era: int
    term: int
    node: str = ""


@dataclass(frozen=True, slots=True)
class ConfigReloaded:
    """The healer that leads goes on under another configuration. What it had begun ends under the old one.

    Attributes:
        modes: As of HealerStarted.
        by: Who had it read.
    """

    digest: str
    modes: str
    by: str


@dataclass(frozen=True, slots=True)
class AlertsReceived:
    """A webhook brought these; they are hints to look, and durable before they are acknowledged."""

    alerts: tuple[Alert, ...]


@dataclass(frozen=True, slots=True)
class AlertRefused:
    """An alert that can never start anything: another cluster, an unknown target, impossible labels."""

    alert: Alert
    reason: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Armed:
    """From now on alerts that begin are ours; those that were firing before are not."""

    why: str
    pre_existing: tuple[Alert, ...]


@dataclass(frozen=True, slots=True)
class SeenClear:
    """A pre-existing alert was seen clear on fresh data; its next firing is ours."""

    fingerprint: str


@dataclass(frozen=True, slots=True)
class AlertSettled:
    """An alert that what a person closed by hand explains, and that is theirs too until it was seen clear.

    Attributes:
        by: The alert that explains it: the loss of a failure domain that goes on.
    """

    alert: Alert
    by: Alert


@dataclass(frozen=True, slots=True)
class Frozen:
    """A person stopped every action.

    Attributes:
        owner: Whether an owner did, so that only an owner, or root, lets it go on.
    """

    reason: str
    by: str
    owner: bool = False


@dataclass(frozen=True, slots=True)
class Unfrozen:
    """A person let actions go on."""

    by: str


@dataclass(frozen=True, slots=True)
class NodeHeld:
    """A person keeps Hale from touching one node.

    Attributes:
        until: When it lapses by the wall clock, epoch seconds; None for one that lasts until it is released.
    """

    node: str
    reason: str
    by: str
    until: float | None


@dataclass(frozen=True, slots=True)
class NodeReleased:
    """A person lets Hale touch a node again, whoever held it."""

    node: str
    by: str


@dataclass(frozen=True, slots=True)
class StormBegan:
    """Nodes vanished together, and the healer froze itself."""

    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StormEnded:
    """Calm was seen for long enough; until then a healer that starts is frozen too."""


@dataclass(frozen=True, slots=True)
class ClockSet:
    """The wall clock of the healer that leads was set. The record's own times say what that means for durations.

    Attributes:
        by: Seconds forward; negative for back.
    """

    by: float


@dataclass(frozen=True, slots=True)
class SecondPathTested:
    """The second path to a person was tried out, as it is once a day."""

    placed: bool


@dataclass(frozen=True, slots=True)
class Pruned:
    """Old history went, in one and the same transaction with this record. What still decides is carried here.

    Attributes:
        records: How many went.
        total: How many went since the journal began, these included.
        first_seq: The oldest that went.
        last_seq: The newest that went.
        succeeded: Closed incidents that went and were healed, or over by themselves.
        failed: Closed incidents that went and in which something failed, or that a person was called for.
        opened: Incidents opened before it, whatever became of them: no id is used again.
        episodes: Closed episodes of those incidents that are still remembered: fingerprint, start, and when closed.
        gaps_sha256: Of the journal's gaps as they are now (healer.adapters.chain.gaps_digest).
    """

    records: int
    total: int
    first_seq: int
    last_seq: int
    succeeded: int
    failed: int
    opened: int
    episodes: tuple[tuple[str, float, float], ...]
    gaps_sha256: str


Event = (
    HealerStarted
    | ConfigReloaded
    | AlertsReceived
    | AlertRefused
    | Armed
    | SeenClear
    | AlertSettled
    | Frozen
    | Unfrozen
    | NodeHeld
    | NodeReleased
    | StormBegan
    | StormEnded
    | ClockSet
    | SecondPathTested
    | Pruned
    | UpkeepBegan
    | UpkeepEvent
    | RollEvent
    | IncidentOpened
    | IncidentEvent
)


@dataclass(frozen=True, slots=True)
class Record:
    """An event as the journal holds it.

    Attributes:
        seq: Position, from 1, without gaps.
        at_wall: Epoch seconds.
        boot_id: The boot that `at_mono` belongs to.
        at_mono: CLOCK_BOOTTIME, seconds.
    """

    seq: int
    at_wall: float
    boot_id: str
    at_mono: float
    event: Event
