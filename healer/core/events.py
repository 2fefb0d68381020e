"""What the journal says. Each class is one kind of event; the journal stores it with a time and a hash.

The class name in snake_case is the event's kind on disk: renaming a class or a field is a change of format.
Every event that changes an incident names it.
"""

from dataclasses import dataclass

from healer.core.alert import Alert, Target
from healer.core.attempt import Outcome
from healer.core.footprint import Footprint
from healer.core.incident import Asked
from healer.core.ladder import Verification
from healer.core.lastlines import LastLines
from healer.core.roll_events import RollBegan, RollMoved
from healer.core.upkeep_events import (
    UpkeepActionEnded,
    UpkeepActionIntended,
    UpkeepBegan,
    UpkeepMoved,
    UpkeepSilenced,
    UpkeepUntilSet,
)
from healer.core.verdict import Verdict


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


@dataclass(frozen=True, slots=True)
class IncidentOpened:
    """A new trouble."""

    incident: str
    cause: Alert
    ladder: str
    digest: str


@dataclass(frozen=True, slots=True)
class AlertJoined:
    """Another alert is explained by an open incident."""

    incident: str
    alert: Alert


@dataclass(frozen=True, slots=True)
class AlertRenewed:
    """An alert of an open incident ended and fires again, or its silence changed: same trouble, newer episode."""

    incident: str
    alert: Alert


@dataclass(frozen=True, slots=True)
class AlertLeft:
    """An alert is not explained by an open incident any more, and is looked at anew."""

    incident: str
    alert: Alert


@dataclass(frozen=True, slots=True)
class CauseReplaced:
    """A deeper cause was found; the next rung is chosen anew, what was tried stays counted."""

    incident: str
    cause: Alert
    ladder: str


@dataclass(frozen=True, slots=True)
class IncidentHeld:
    """The guards said no, or only explain; `verdicts` is what each of them said.

    Attributes:
        asked: The step that waits for a person's yes; None where none does.
    """

    incident: str
    hold: Verdict
    verdicts: tuple[Verdict, ...]
    asked: Asked | None = None


@dataclass(frozen=True, slots=True)
class ActionIntended:
    """What will be done, durable before anything is sent.

    Attributes:
        about: What the alert is about; where a rung acts on another service, not the same as target.
        gate: The node whose gate acts.
        args: What its verb is told.
        ledger_id: The gate's ledger at the decision.
        expect: What the decision rested on, as the gate will compare it, in JSON.
        verify: What proves it, whatever cluster.yml says when it ends; None where a release wrote it that did not
            say. Of a mark that is taken back it is what proved the mark.
        ladder_digest: Which rungs the ladder had; empty as before.
    """

    incident: str
    action_id: str
    ladder: str
    rung: int
    action: str
    target: Target
    about: Target
    gate: str
    args: tuple[tuple[str, str], ...]
    footprint: Footprint
    ledger_id: str
    expect: str
    deadline_at: float
    verdicts: tuple[Verdict, ...]
    verify: Verification | None = None
    ladder_digest: str = ""


@dataclass(frozen=True, slots=True)
class ActionEnded:
    """How the gate says it ended, or that nobody can say."""

    incident: str
    action_id: str
    outcome: Outcome
    reason: str
    detail: str
    prometheus_at: float | None


@dataclass(frozen=True, slots=True)
class VerificationEnded:
    """Whether the last action was seen to have helped.

    Attributes:
        settles: Whether the incident is over with it; not where its cause was replaced meanwhile.
        served_at: Since when every look was good, epoch seconds of the healer; None where it was not proved, or by
            the gate's word alone.
    """

    incident: str
    action_id: str
    verified: bool
    settles: bool
    reason: str
    detail: str
    served_at: float | None = None


@dataclass(frozen=True, slots=True)
class IncidentMitigated:
    """It is out of harm's way and waits for a person, by day."""

    incident: str
    detail: str


@dataclass(frozen=True, slots=True)
class IncidentEscalated:
    """A person has it now."""

    incident: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class IncidentAdopted:
    """A person put it into our hands: what was pre-existing or given up may be tried again."""

    incident: str
    by: str


@dataclass(frozen=True, slots=True)
class IncidentRetried:
    """A person has what failed tried again: attempts before it no longer count against the ladder."""

    incident: str
    by: str


@dataclass(frozen=True, slots=True)
class NodeAdmitted:
    """A person lets the node come back that an incident had fenced: it is switched on, and nothing else is tried."""

    incident: str
    by: str


@dataclass(frozen=True, slots=True)
class IncidentSettled:
    """A person settled it by hand: it closes as soon as nothing that it took away is left to give back.

    What still fires then is not ours to touch until it was seen clear once.
    """

    incident: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class ApprovalGiven:
    """A person said yes to one rung, on one target, in one state.

    Attributes:
        action: What the rung does; empty where a release wrote it that did not say.
    """

    incident: str
    ladder: str
    rung: int
    target: Target
    expectation: str
    by: str
    until: float
    action: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalDenied:
    """A person said no; the incident goes to them."""

    incident: str
    rung: int
    by: str


@dataclass(frozen=True, slots=True)
class LastLinesRead:
    """The copies of a missed node's journal were looked at, for people: nothing is decided by what was found."""

    incident: str
    found: LastLines


@dataclass(frozen=True, slots=True)
class IncidentClosed:
    """The end: healed, cleared, not_true, gone, merged or by_hand."""

    incident: str
    outcome: str
    detail: str


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
    | UpkeepMoved
    | UpkeepSilenced
    | UpkeepUntilSet
    | UpkeepActionIntended
    | UpkeepActionEnded
    | RollBegan
    | RollMoved
    | IncidentOpened
    | AlertJoined
    | AlertRenewed
    | AlertLeft
    | CauseReplaced
    | IncidentHeld
    | ActionIntended
    | ActionEnded
    | VerificationEnded
    | IncidentMitigated
    | IncidentEscalated
    | IncidentAdopted
    | IncidentRetried
    | NodeAdmitted
    | IncidentSettled
    | ApprovalGiven
    | ApprovalDenied
    | LastLinesRead
    | IncidentClosed
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
