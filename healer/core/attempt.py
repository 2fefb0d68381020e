"""One rung tried once: what was asked of which gate, and how that ended."""

from dataclasses import dataclass
from enum import Enum

from healer.core.actions import Args
from healer.core.alert import Target
from healer.core.footprint import Footprint
from healer.core.ladder import Ladder, Verification


class Outcome(Enum):
    """How one attempt ended, in the words of the gate and of the verification."""

    DONE = "done"  # the gate says the verb succeeded; not yet proved
    FAILED = "failed"  # the verb ran and did not succeed
    REFUSED = "refused"  # the gate declined; nothing was touched
    UNKNOWN = "unknown"  # it may have run; it is proved or disproved, never repeated
    NOT_SENT = "not_sent"  # it never left us, or the gate voided it; nothing was touched
    VERIFIED = "verified"
    NOT_VERIFIED = "not_verified"


PROVED_NEXT = (Outcome.DONE, Outcome.UNKNOWN)
"""Ends after which the effect is looked at. What may have happened is proved or disproved, not repeated."""


PASSING_REFUSALS = frozenset(
    {"changed", "stale_nonce", "busy", "spacing", "held", "lower_token", "voided"}
    # Of a database, whose members come and go.
    | {"paused", "scheduled", "not_leader", "leads", "not_streaming", "lagging", "other_timeline"}
    | {"candidate_barred", "not_synchronous", "last_copy", "not_replica"}
)
"""Words of a gate's refusal that speak of the moment; any other means that a person has to look."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One rung tried once.

    Attributes:
        action_id: The gate's id for it, `era.term.number`.
        ladder: The ladder it was tried from.
        rung: Index into that ladder.
        gate: The node whose gate acts.
        args: What its verb is told.
        about: What the alert was about when it was begun; the proof is looked for there.
        ledger_id: The gate's ledger at the decision; another one has forgotten what ran.
        began_at: When it became durable, epoch seconds.
        ended_at: When its outcome was known; None while it runs.
        began_ahead, ended_ahead: By how much the wall clock had been set forward by then (healer.core.steady).
        deadline_at: When it counts as ended with an unknown outcome if its gate cannot be asked.
        prometheus_at: Prometheus' own time at the end; samples must be newer to prove anything.
        outcome: None while it runs.
        reason: The gate's or the verification's word.
        verify: What proves it, as its rung said when it was begun; None where the journal does not say.
        ladder_digest: Which rungs its ladder had then; empty where the journal does not say.
    """

    action_id: str
    ladder: str
    rung: int
    action: str
    target: Target
    gate: str
    args: Args
    footprint: Footprint
    about: Target
    ledger_id: str
    began_at: float
    deadline_at: float
    ended_at: float | None = None
    prometheus_at: float | None = None
    outcome: Outcome | None = None
    reason: str = ""
    detail: str = ""
    verify: Verification | None = None
    ladder_digest: str = ""
    began_ahead: float = 0.0
    ended_ahead: float = 0.0

    @property
    def began(self) -> float:
        """When it became durable, in steady time."""
        return self.began_at - self.began_ahead

    @property
    def ended(self) -> float | None:
        """When its outcome was known, in steady time; None while it runs."""
        return None if self.ended_at is None else self.ended_at - self.ended_ahead

    @property
    def over(self) -> float:
        """When it ended, or began where it has not, in steady time: since when something may have come of it."""
        return self.began if self.ended is None else self.ended

    @property
    def proved(self) -> bool:
        """Whether it was seen to have done what it should."""
        return self.outcome is Outcome.VERIFIED

    @property
    def refused_for_good(self) -> bool:
        """Whether its gate declined for what the target is, and not for the moment."""
        return self.outcome is Outcome.REFUSED and self.reason not in PASSING_REFUSALS

    def tried_by(self, ladder: Ladder) -> bool:
        """Whether it is one of this ladder's rungs as they are now, so that `rung` is the number of the same one."""
        return self.ladder == ladder.name and self.ladder_digest in ("", ladder.digest)

    @property
    def touched(self) -> bool:
        """Whether it may have touched anything: not where it never left us, or came at a bad moment."""
        if self.outcome is Outcome.REFUSED:
            return self.reason not in PASSING_REFUSALS
        return self.outcome is not Outcome.NOT_SENT
