"""What people may say to the healer. Every word is journalled with who said it."""

from healer import likeness
from healer.core import incident_events as ie
from healer.core.actions import subject_of
from healer.core.board import Board
from healer.core.decide import BY_HAND, decide
from healer.core.decision import FINAL, Decision, Hold, awaited_yes
from healer.core.incident import EXPLAINED, Asked, Incident
from healer.core.plan import Escalate, plan
from healer.core.states import TRANSITIONS, UNSETTLED, IllegalMove, State
from healer.errors import Refused
from healer.gatherer import Gatherer
from healer.journal import Journal
from healer.now import now_of
from healer.ports import Clock
from healer.sentences import summary
from healer.standing import Watch
from healer.stops import Stops

Word = ie.ApprovalGiven | ie.ApprovalDenied | ie.IncidentAdopted | ie.IncidentRetried
"""What a person says about one incident."""

USELESS = FINAL | {EXPLAINED}
"""Reasons of holds that say best why a yes would mean nothing."""


class Operators(Stops):
    """The commands of people about incidents, besides those that stop Hale; checked against what the journal knows."""

    def __init__(self, journal: Journal, gatherer: Gatherer, watch: Watch, clock: Clock) -> None:
        super().__init__(journal, gatherer, clock)
        self._watch = watch

    async def approve(  # the incident, who, and what they had before them
        self, incident_id: str, by: str, seen: str = "", *, action: str = "", owner: bool = False
    ) -> ie.ApprovalGiven:
        """Agree to the next rung of an incident, on its target as it is now. It is good for one action.

        Args:
            incident_id: Which one.
            by: Who agrees.
            seen: What they saw of it, as healer.likeness has it; empty where nobody asked.
            action: What they agree to, as service.restart; empty for whatever they were asked for.
            owner: Whether they may agree to what is for owners.

        Raises:
            Refused: There is no such incident, its rung is for an owner to agree to, it waits for no approval, it has
                this one already, or it is not as it was seen, or what would be done is not what was asked for;
                nothing was changed.
        """
        incident = self._waiting(incident_id, seen)
        facts = await self._gatherer.read(incident, self._watch.standing())
        decision = decide(incident, facts, None)
        asked = awaited_yes(decision) if isinstance(decision, Hold) else None
        if asked is None or not isinstance(decision, Hold):
            raise _not_asked(incident, decision)
        if decision.proposal.rung.by_owner and not owner:
            detail = (
                f"{asked.action} of ladder {asked.ladder} is for an owner, or root, to agree to"
            )
            raise Refused("not_owner", detail)
        before = self._known(incident_id).asked
        shown = before is not None and (before == asked or (not seen and before.same_step(asked)))
        if not shown or action not in ("", asked.action):
            raise _asks_other(incident, asked)
        given = ie.ApprovalGiven(
            incident_id,
            asked.ladder,
            asked.rung,
            asked.target,
            asked.expectation,
            by,
            self._clock.wall() + facts.topology.numbers.approval_seconds,
            asked.action,
        )
        await self._change(given, "too_late", seen)
        return given

    async def deny(self, incident_id: str, by: str, seen: str = "") -> None:
        """Say no: the incident goes to a person, whether a yes is asked for or not.

        Raises:
            Refused: It is not open or held any more, or not as it was seen; nothing was changed.
        """
        incident = self._waiting(incident_id, seen)
        step = plan(incident, self._gatherer.topology, self._clock.wall())
        rung = 0 if isinstance(step, Escalate) else step.rung_index
        await self._change(ie.ApprovalDenied(incident_id, rung, by), "nothing_to_approve", seen)

    async def adopt(self, incident_id: str, by: str, seen: str = "") -> None:
        """Put a pre-existing, mitigated or escalated incident into the healer's hands.

        Raises:
            Refused: It is none of these, or it is not as it was seen; nothing was changed.
        """
        incident = self._known(incident_id)
        if not self._adoptable(incident):
            if not self._as_seen(incident_id, seen):
                raise _changed(incident)
            held = f": {incident.hold.reason}" if incident.hold is not None else ""
            detail = f"incident {incident_id} is {incident.state.value}{held}"
            raise Refused("not_adoptable", f"{detail}; adoption would change nothing")
        await self._change(ie.IncidentAdopted(incident_id, by), "not_adoptable", seen)

    def _adoptable(self, incident: Incident) -> bool:
        """Whether it is not in Hale's hands: a person has it, it is mitigated, or it is pre-existing."""
        if incident.state in (State.MITIGATED, State.ESCALATED):
            return True
        if incident.state not in (State.OPEN, State.HELD) or incident.adopted_by is not None:
            return False
        board, cause = self._journal.board, incident.cause
        older = board.armed_at is None or cause.began_at < board.armed_at
        return older or board.is_before(cause)

    async def retry(self, incident_id: str, by: str, seen: str = "") -> None:
        """Have what failed tried again, from the first rung; every guard is asked as ever.

        Raises:
            Refused: Nothing that counts has failed, or it is not as it was seen; nothing was changed.
        """
        incident = self._known(incident_id)
        if not incident.retryable:
            if not self._as_seen(incident_id, seen):
                raise _changed(incident)
            raise Refused("not_retryable", _not_retryable(incident))
        await self._change(ie.IncidentRetried(incident_id, by), "not_retryable", seen)

    async def close(self, incident_id: str, reason: str, by: str, seen: str = "") -> bool:
        """End an incident that a person settled by hand. What still fires then is not touched until seen clear.

        Args:
            incident_id: Which one.
            reason: How they settled it.
            by: Who did.
            seen: What they saw of it, as for `approve`.

        Returns:
            Whether it is closed already; else it closes once the gates gave back what it took away.

        Raises:
            Refused: Something is under way, or it took something away from a trouble that is not seen gone, or
                it is not as it was seen; nothing was changed.
        """
        incident = self._known(incident_id)
        if State.CLOSED not in TRANSITIONS[incident.state].values() or incident.state in UNSETTLED:
            if not self._as_seen(incident_id, seen):
                raise _changed(incident)
            detail = f"incident {incident_id} is {incident.state.value}"
            wait = "" if incident.state is State.CLOSED else ": wait for the end and the proof"
            raise Refused("not_closable", detail + wait)
        if incident.marks:
            await self._must_be_clear(incident)
        settled = ie.IncidentSettled(incident_id, by, reason)
        over = ie.IncidentClosed(incident_id, BY_HAND, f"{by}: {reason}")

        def still(_: Board) -> bool:
            return bool(self._known(incident_id).marks) == bool(incident.marks) and self._as_seen(
                incident_id, seen
            )

        try:
            await self._journal.write(
                settled, *([] if incident.marks else [over]), closing=True, provided=still
            )
        except IllegalMove as exc:
            raise _changed(self._known(incident_id)) from exc
        return not incident.marks

    async def _must_be_clear(self, incident: Incident) -> None:
        """Refuse where what an incident took away would come back to a trouble that is still there."""
        facts = await self._gatherer.read(incident, self._watch.standing())
        evidence, oldest = facts.evidence, facts.topology.numbers.evidence_age
        age = None if evidence is None else evidence.reading.age
        fresh = age is not None and age <= oldest
        gone = evidence is not None and evidence.firing is False and fresh
        if gone and facts.outside is not False:
            return
        where = ", ".join(
            f"{one.action} of {subject_of(one.args)} at {one.gate}" for one in incident.marks
        )
        found = "is still true" if evidence is not None and evidence.firing else "is not seen gone"
        raise Refused(
            "marks_stand",
            f"{where} would come back while {incident.cause.name} at {incident.target} {found} on fresh data: "
            "repair it first, then it is given back and closed by itself",
        )

    async def _change(self, event: Word, otherwise: str, seen: str) -> None:
        def still(board: Board) -> bool:
            known = self._known(event.incident)
            waits = known.asked is not None or not isinstance(event, ie.ApprovalGiven)
            return waits and not self._spoken(event) and self._as_seen(event.incident, seen)

        try:
            await self._journal.write(event, provided=still)
        except IllegalMove as exc:  # the engine or another person was first
            incident = self._known(event.incident)
            before = self._spoken(event)
            if before:
                detail = f"{before} said yes to exactly this already: there is no need for another"
                raise Refused("approved_already", detail) from exc
            if not self._as_seen(event.incident, seen):
                raise _changed(incident) from exc
            raise Refused(otherwise, str(exc)) from exc

    def _as_seen(self, incident_id: str, seen: str) -> bool:
        return not seen or seen == likeness.of_incident(self._known(incident_id))

    def _spoken(self, event: Word) -> str:
        """Return who said exactly this before, while it is still good; empty where nobody did."""
        if not isinstance(event, ie.ApprovalGiven):
            return ""
        now = now_of(self._clock, self._journal.board).steady
        asked = (event.ladder, event.rung, event.target, event.expectation)
        for yes in self._known(event.incident).approvals:
            if (yes.ladder, yes.rung, yes.target, yes.expectation) == asked and now < yes.until:
                return yes.by
        return ""

    def _known(self, incident_id: str) -> Incident:
        try:
            return self._journal.board.incidents[incident_id]
        except KeyError:
            known = ", ".join(one.id for one in self._journal.board.open) or "none"
            detail = f"there is no incident {incident_id}; open ones: {known}"
            raise Refused("unknown_incident", detail) from None

    def _waiting(self, incident_id: str, seen: str) -> Incident:
        incident = self._known(incident_id)
        if incident.state not in (State.OPEN, State.HELD):
            if not self._as_seen(incident_id, seen):
                raise _changed(incident)
            raise Refused("nothing_to_approve", f"incident {incident_id} is {incident.state.value}")
        return incident


def _not_retryable(incident: Incident) -> str:
    """Say why nothing can be tried again, and what else there is."""
    about = f"incident {incident.id} is {incident.state.value}"
    if incident.state in (State.ACTING, State.VERIFYING, State.CLOSED):
        return about
    if incident.state is State.ESCALATED or not incident.counted:
        why = incident.escalation or (incident.hold.reason if incident.hold is not None else "")
        return f"{about}{f' ({why})' if why else ''} and nothing that counts was tried: adopt gives it to Hale"
    if incident.hold is None:
        return f"{about}: its next try comes by itself"
    return f"{about} for {incident.hold.reason}, which another try does not lift: needs {incident.hold.need}"


def _not_asked(incident: Incident, decision: Decision) -> Refused:
    """Say why a yes would mean nothing."""
    detail = f"incident {incident.id} waits for nobody's yes"
    if isinstance(decision, Hold):
        first = next((one for one in decision.verdicts if one.reason in USELESS), decision.hold)
        detail = f"{detail}: {first.reason}, has {first.have}, needs {first.need}"
    return Refused("nothing_to_approve", detail)


def _asks_other(incident: Incident, asked: Asked) -> Refused:
    detail = (
        f"what would be done now is {asked.action} on {asked.target} by the gate of {asked.gate}"
    )
    return Refused("changed_since", f"incident {incident.id}: {detail}; look again")


def _changed(incident: Incident) -> Refused:
    detail = f"it is not as you saw it any more. {summary(incident)}"
    return Refused("changed_since", f"incident {incident.id}: {detail}")
