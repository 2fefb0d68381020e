"""One incident: what it is about, what was tried, and why a person has it.

It is a fold over journal events: it is never stored, only replayed.
"""

from dataclasses import dataclass, replace

from healer.core.actions import GIVING_BACK, MARKING, Args, Step, lasting
from healer.core.alert import Alert, Target
from healer.core.attempt import Attempt, Outcome
from healer.core.ladder import Ladder
from healer.core.lastlines import LastLines
from healer.core.states import TRANSITIONS, UNSETTLED, IllegalMove, Move, State
from healer.core.verdict import Verdict

MERGED = "merged"
"""How an incident ends that became part of another one."""

NOT_TRUE = "not_true"
"""How an incident ends that no evidence ever found true."""


FOR_A_PERSON = "for_a_person"
"""Why a person has what no ladder is for. Their own alert has reached them already, without waiting."""


NOT_RETURNED = "not_returned"
"""Why a person has a mark that could not be taken back. It is tried again now and then, without calling anew."""


EXPLAINED = "explain_mode"
"""Why nothing is done where the owner asked only to be told what would be done."""


EXPLAINED_AFTER = 10.0
"""Seconds for which an incident that is only explained may yet find a deeper cause, before people hear of the
explanation. The alert itself has paged by then: nobody's patience is asked for where nothing may act."""


DENIED = "denied"
"""Why a person has what they said no to."""


UNREAD_AFTER = 10.0
"""Seconds for which something may not be readable before people hear of it: a lost packet, sshd's own restart."""


CATCH_UP_AFTER = 300.0
"""Seconds that a barred copy of a database has to catch up, before people hear that it may not lead again."""


SAID_AFTER = {
    EXPLAINED: EXPLAINED_AFTER,
    # Who answers wrongly may answer rightly at the next look; who is silent likewise.
    **dict.fromkeys(("gate_silent", "other_gate", "no_evidence", "stale_evidence"), UNREAD_AFTER),
    **dict.fromkeys(("owner_unknown", "holder_unknown"), UNREAD_AFTER),
    "no_sample": 30.0,  # one scrape and one evaluation
    "not_replica": CATCH_UP_AFTER,
}
"""Seconds for which such a hold, or another that calls, lasts before people hear of it; of any other at once."""


NOT_RETRIED = frozenset({DENIED, FOR_A_PERSON})
"""Why a person has it whose word, or want of a ladder, another try would pass over."""


FAILED_BEFORE = frozenset({"poor_record", "canary_failed"})
"""Reasons of a hold because what was tried did not help: those that another try by a person's will lifts."""


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's yes to one rung of one incident.

    Attributes:
        expectation: Digest of the state it was given for; another state needs another yes.
        until: When it lapses, in steady time.
        given_at: When it was given, in steady time.
    """

    ladder: str
    rung: int
    target: Target
    expectation: str
    by: str
    until: float
    given_at: float


@dataclass(frozen=True, slots=True)
class Asked:
    """The step that a person's yes is asked for, as it was shown to them.

    Attributes:
        ladder_digest: Which rungs its ladder had.
        rung: Index into them.
        gate: The node whose gate would act.
        expectation: Digest of the state that the action would find.
    """

    ladder: str
    ladder_digest: str
    rung: int
    action: str
    target: Target
    gate: str
    expectation: str

    def same_step(self, other: "Asked") -> bool:
        """Whether it is the same action in the same place, be the state another."""
        return replace(self, expectation=other.expectation) == other


@dataclass(frozen=True, slots=True)
class Incident:
    """One trouble, from the first alert to its proven end.

    Attributes:
        id: Ours, stable: a running number.
        cause: The alert that stands for the trouble now.
        symptoms: Alerts that the cause explains, in order of arrival.
        ladder: Name of the ladder that the cause asks for.
        attempts: What was tried, oldest first.
        verdicts: What every guard said at the last decision.
        hold: The refusal that keeps it HELD.
        asked: The step that waits for a person's yes; None where none does.
        called_at: Since when a hold that calls keeps it held, whichever; the last change where none does. Steady time.
        confirmed: Whether fresh evidence ever said that the trouble is real.
        adopted_by: Who put it into our hands, though pre-existing or given up.
        adopted_at: When, or when a person had it tried again.
        adopted_after: How many attempts there were then: they no longer count against the ladder.
        admitted_by: Who admits the node that it had fenced; None where nobody does.
        admitted_at: When.
        settled_by: Who settled it by hand; None where nobody did.
        settlement: How, in their words.
        mitigation: How it was put out of harm's way, for people.
        escalation: Why a person has it, one word.
        outcome: How it ended, one word.
        digest: The configuration it was opened under.
        began_at: When its first cause began; another cause, or the same one told anew, does not move it.
        served_at: Since when users are served again; None while they may not be.
        opened_ahead, changed_ahead, adopted_ahead, admitted_ahead: By how much the wall clock had been set forward
            at each of these.
        last_lines: What the copies had of each node that it misses, for people alone.
    """

    id: str
    cause: Alert
    ladder: str
    opened_at: float
    changed_at: float
    digest: str
    state: State = State.OPEN
    symptoms: tuple[Alert, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    hold: Verdict | None = None
    asked: Asked | None = None
    called_at: float = 0.0
    confirmed: bool = False
    adopted_by: str | None = None
    adopted_at: float = 0.0
    adopted_after: int = 0
    admitted_by: str | None = None
    admitted_at: float = 0.0
    settled_by: str | None = None
    settlement: str = ""
    approvals: tuple[Approval, ...] = ()
    mitigation: str = ""
    escalation: str = ""
    escalation_detail: str = ""
    outcome: str = ""
    began_at: float = 0.0
    served_at: float | None = None
    opened_ahead: float = 0.0
    changed_ahead: float = 0.0
    adopted_ahead: float = 0.0
    admitted_ahead: float = 0.0
    last_lines: tuple[LastLines, ...] = ()

    @property
    def opened(self) -> float:
        """When it was opened, in steady time."""
        return self.opened_at - self.opened_ahead

    @property
    def changed(self) -> float:
        """When its state changed last, in steady time."""
        return self.changed_at - self.changed_ahead

    @property
    def adopted(self) -> float:
        """When a person put it into our hands or had it tried again, in steady time; 0 where nobody did."""
        return self.adopted_at - self.adopted_ahead

    @property
    def admitted(self) -> float:
        """When a person admitted its node, in steady time; 0 where nobody did."""
        return self.admitted_at - self.admitted_ahead

    @property
    def target(self) -> Target:
        """What the trouble is about."""
        return self.cause.target

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """The cause and its symptoms."""
        return (self.cause, *self.symptoms)

    @property
    def calls(self) -> bool:
        """Whether a person has it because we could not help: then we say so ourselves."""
        if self.escalation == NOT_RETURNED:
            return bool(self.marks) and self.state in (State.OPEN, State.ESCALATED, *UNSETTLED)
        return self.state is State.ESCALATED and self.escalation != FOR_A_PERSON

    def holds(self, now: float) -> bool:
        """Whether people need to hear that nothing is done about it; `now` in steady time."""
        if self.state is not State.HELD or self.hold is None or not self.hold.calls:
            return False
        # Whatever the clock did, people are called rather than not.
        return abs(now - self.called_at) >= SAID_AFTER.get(self.hold.reason or "", 0.0)

    @property
    def retryable(self) -> bool:
        """Whether what was tried failed, and a person may have it tried again.

        Not where a person said no, or no ladder is for it: that is handed over by adoption. Nor where a hold ends
        by itself or counts what was done to the target, whoever asked for it (budget, cooldown, flapping).
        """
        if not self.counted:
            return False
        match self.state:
            case State.ESCALATED:
                return self.escalation not in NOT_RETRIED
            case State.HELD:
                return self.hold is not None and self.hold.reason in FAILED_BEFORE
            case _:
                return self.state is State.MITIGATED

    @property
    def counted(self) -> tuple[Attempt, ...]:
        """Attempts that count against the ladder: those since a person last gave it to us or had it tried again."""
        return self.attempts[self.adopted_after :]

    @property
    def running(self) -> Attempt | None:
        """The attempt whose outcome is not known yet."""
        last = self.attempts[-1] if self.attempts else None
        return last if last is not None and last.outcome is None else None

    @property
    def grounds(self) -> tuple[object, ...]:
        """What a decision about it rests on: where any of it changes before the intent, nothing is begun."""
        given = (self.adopted_at, self.admitted_at, self.settled_by, self.approvals)
        return (self.state, self.cause, self.ladder, self.attempts, *given)

    @property
    def owner(self) -> str:
        """The name under which this incident owns marks; unique beyond one journal's life."""
        return f"incident:{self.opened_at:.0f}.{self.id}"

    @property
    def marks(self) -> tuple[Attempt, ...]:
        """Attempts that may have set a mark which was not taken back since, oldest first."""
        standing: dict[tuple[str, str | None, Args], Attempt] = {}
        for one in self.attempts:
            if one.action in GIVING_BACK and one.outcome in (Outcome.DONE, Outcome.VERIFIED):
                standing.pop((one.gate, one.action, lasting(one.args)), None)
            elif one.action in MARKING and one.outcome not in (Outcome.REFUSED, Outcome.NOT_SENT):
                standing[one.gate, MARKING[one.action], lasting(one.args)] = one
        return tuple(standing.values())

    def tries(self, ladder: Ladder, index: int, action: str, target: Target, step: Step) -> int:
        """How often a step of a rung was tried, refusals for good and unknown outcomes included.

        What an earlier ladder tried counts too, where it was the same action on the same target, and so does what
        this one tried when its rungs were others: no change of cause or configuration gives another set of attempts.
        """
        return sum(
            (attempt.rung == index and attempt.action == action)
            if attempt.tried_by(ladder)
            else (attempt.action, attempt.target) == (action, target)
            for attempt in self._counted(step)
        )

    def last_of(self, action: str, step: Step) -> Attempt | None:
        """Return the newest attempt at a step that counts."""
        found = [one for one in self._counted(step) if one.action == action]
        return found[-1] if found else None

    def _counted(self, step: Step) -> list[Attempt]:
        return [
            one
            for one in self.counted
            if (one.gate, lasting(one.args)) == (step.gate, step.args) and one.touched
        ]

    def after(self, move: Move) -> State:
        """Return the state that a move leads to.

        Raises:
            IllegalMove: The table has no such row; nothing changed.
        """
        try:
            return TRANSITIONS[self.state][move]
        except KeyError:
            msg = f"incident {self.id}: {move.value} is not allowed while {self.state.value}"
            raise IllegalMove(msg) from None
