"""What the journal says of incidents; see healer.core.events for what its names mean on disk.

Every one of these names its incident. What it does to that incident is a line of healer.core.fold.
"""

from dataclasses import dataclass

from healer.core.alert import Alert, Target
from healer.core.attempt import Outcome
from healer.core.footprint import Footprint
from healer.core.incident import Asked
from healer.core.ladder import Verification
from healer.core.lastlines import LastLines
from healer.core.verdict import Verdict


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


IncidentEvent = (
    AlertJoined
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
"""Events that change an incident that is there."""
