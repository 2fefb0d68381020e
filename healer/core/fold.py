"""How one event changes one incident. Every change of an incident is a line here, and nothing else is."""

from dataclasses import replace
from typing import assert_never

from healer.core import incident_events as ie
from healer.core.actions import GIVING_BACK, MARKING
from healer.core.alert import Alert
from healer.core.attempt import PROVED_NEXT, Attempt, Outcome
from healer.core.incident import DENIED, Approval, Incident
from healer.core.states import IllegalMove, Move, State
from healer.core.steady import Now
from healer.core.verdict import Verdict


def begun(event: ie.IncidentOpened, at: float, ahead: float = 0.0) -> Incident:
    """Return an incident as it begins; `at` and `ahead` as `wall` and `ahead` of `fold`."""
    cause = event.cause
    opened = Incident(event.incident, cause, event.ladder, at, at, event.digest)
    # Only evidence lets the loss of a failure domain, or of a node without a ladder, open one.
    opened = replace(opened, opened_ahead=ahead, changed_ahead=ahead)
    return replace(opened, began_at=cause.began_at, confirmed=cause.by_evidence)


def fold(incident: Incident, event: ie.IncidentEvent, wall: float, ahead: float = 0.0) -> Incident:
    """Return the incident after one event.

    Args:
        incident: Before it.
        event: What happened to it.
        wall: When, epoch seconds.
        ahead: By how much the wall clock had been set forward by then (healer.core.steady).

    Raises:
        IllegalMove: The event cannot happen in the incident's state.
    """
    if incident.state is State.CLOSED:
        raise IllegalMove(f"incident {incident.id} is closed")
    at = Now(wall, ahead)
    match event:
        case ie.AlertJoined(_, alert):
            if any(known.fingerprint == alert.fingerprint for known in incident.alerts):
                return _renew(incident, alert)
            return replace(incident, symptoms=(*incident.symptoms, alert))
        case ie.AlertRenewed(_, alert):
            return _renew(incident, alert)
        case ie.AlertLeft(_, alert):
            left = (one for one in incident.symptoms if one.fingerprint != alert.fingerprint)
            return replace(incident, symptoms=tuple(left))
        case ie.CauseReplaced(_, cause, ladder):
            others = (one for one in incident.alerts if one.fingerprint != cause.fingerprint)
            # A yes was to a rung of the old ladder.
            led = replace(
                incident,
                cause=cause,
                ladder=ladder,
                symptoms=tuple(others),
                approvals=(),
                asked=None,
                settled_by=None,  # it was another trouble that a person settled
                settlement="",
                confirmed=True,  # only fresh evidence lets a cause take the place of another
            )
            # What a person has because the old ladder ended is tried by the new one; a no stays a no.
            if led.escalation == DENIED:
                return led
            led = replace(led, escalation="", escalation_detail="")
            if led.state is State.ESCALATED:
                return replace(led, state=State.OPEN, changed_at=wall, changed_ahead=ahead)
            return led
        case ie.IncidentHeld(_, held, verdicts, asked):
            real = incident.confirmed or _confirmed(verdicts)
            called = incident.hold is not None and incident.hold.calls and held.calls
            since = incident.called_at if called else at.steady
            told = replace(incident, verdicts=verdicts, confirmed=real, called_at=since)
            return _move(told, Move.HOLD, at, hold=held, asked=asked)
        case ie.ActionIntended():
            return _begin(incident, event, at)
        case ie.ActionEnded():
            _must_be_last(incident, event.action_id)
            return _end(incident, event, at)
        case ie.VerificationEnded(_, action_id, verified, settles, reason, detail, served_at):
            _must_be_last(incident, action_id)
            _must_be(incident, State.VERIFYING)
            outcome = Outcome.VERIFIED if verified else Outcome.NOT_VERIFIED
            proved = _last(incident, outcome=outcome, reason=reason, detail=detail)
            if not (verified and settles):
                return _move(proved, Move.RETRY, at)
            # One that is over stays VERIFYING for the one moment until its close is journalled.
            return _served(proved, wall if served_at is None else served_at)
        case ie.IncidentMitigated(_, detail):
            moved = _move(incident, Move.MITIGATE, at, hold=None, mitigation=detail)
            return _served(moved, wall)
        case ie.IncidentEscalated(_, reason, detail):
            return _move(
                incident, Move.ESCALATE, at, hold=None, escalation=reason, escalation_detail=detail
            )
        case ie.IncidentAdopted(_, by):
            return _move(
                incident,
                Move.ADOPT,
                at,
                hold=None,
                escalation="",
                adopted_by=by,
                adopted_at=wall,
                adopted_ahead=ahead,
                adopted_after=len(incident.attempts),
                admitted_by=None,
                settled_by=None,
                settlement="",
                approvals=(),
            )
        case ie.IncidentRetried():
            return _move(
                incident,
                Move.AGAIN,
                at,
                hold=None,
                escalation="",
                escalation_detail="",
                adopted_at=wall,
                adopted_ahead=ahead,
                adopted_after=len(incident.attempts),
                admitted_by=None,
                settled_by=None,
                settlement="",
                approvals=(),
            )
        case ie.NodeAdmitted(_, by):
            # As for what is settled by hand: it stays as it is, with a full set of tries for the way back.
            return replace(
                incident,
                state=incident.after(Move.ADMIT),
                hold=None,
                admitted_by=by,
                admitted_at=wall,
                admitted_ahead=ahead,
                adopted_after=len(incident.attempts),
                approvals=(),
            )
        case ie.IncidentSettled(_, by, reason):
            # It stays as it is: what it took away is given back first, with a full set of tries.
            return replace(
                incident,
                state=incident.after(Move.SETTLE),
                settled_by=by,
                settlement=reason,
                adopted_at=wall if incident.marks else incident.adopted_at,
                adopted_ahead=ahead if incident.marks else incident.adopted_ahead,
                adopted_after=len(incident.attempts) if incident.marks else incident.adopted_after,
                approvals=(),
            )
        case ie.ApprovalGiven(_, ladder, rung, target, expectation, by, until, _):
            lapses = until - ahead
            given = Approval(ladder, rung, target, expectation, by, lapses, given_at=at.steady)
            return replace(incident, approvals=(*incident.approvals, given))
        case ie.ApprovalDenied(_, _, by):
            return _move(
                incident,
                Move.ESCALATE,
                at,
                hold=None,
                escalation=DENIED,
                escalation_detail=f"{by} said no",
                approvals=(),
            )
        case ie.LastLinesRead(_, found):
            kept = (one for one in incident.last_lines if one.node != found.node)
            return replace(incident, last_lines=(*kept, found))
        case ie.IncidentClosed(_, outcome):
            return _move(incident, Move.CLOSE, at, hold=None, outcome=outcome)
        case _:
            assert_never(event)


def only_gives_back(incident: Incident, event: ie.IncidentEvent) -> None:
    """Let nothing but a mark's return begin while a person has it.

    Asked before an event is written; what an older release began then is replayed all the same.

    Raises:
        IllegalMove: It would begin something else.
    """
    if incident.state is not State.ESCALATED or not isinstance(event, ie.ActionIntended):
        return
    if event.action not in GIVING_BACK:
        raise IllegalMove(f"incident {incident.id}: {event.action} while a person has it")


def ends_once(incident: Incident, event: ie.IncidentEvent) -> None:
    """Let an action end only while it is under way, and not once more while it is proved.

    Asked before an event is written. An older release wrote a second end that was no success, tried on from there, and
    wrote that too: its journal is replayed as it was meant.

    Raises:
        IllegalMove: It has ended.
    """
    if isinstance(event, ie.ActionEnded):
        _must_be(incident, State.ACTING)


def _confirmed(verdicts: tuple[Verdict, ...]) -> bool:
    return any(one.guard == "still_true" and one.allowed for one in verdicts)


def _served(incident: Incident, at: float) -> Incident:
    return incident if incident.served_at is not None else replace(incident, served_at=at)


def _move(incident: Incident, move: Move, at: Now, **changes: object) -> Incident:
    state = incident.after(move)
    # Whatever happens, what was asked for was before it.
    incident = replace(incident, asked=None, changed_at=at.wall, changed_ahead=at.ahead)
    return replace(incident, state=state, **changes)  # type: ignore[arg-type]


def _begin(incident: Incident, event: ie.ActionIntended, at: Now) -> Incident:
    after = incident.state in (State.MITIGATED, State.ESCALATED)
    if after and event.action not in MARKING and event.action not in GIVING_BACK:
        raise IllegalMove(f"incident {incident.id}: {event.action} while {incident.state.value}")
    attempt = Attempt(
        action_id=event.action_id,
        ladder=event.ladder,
        rung=event.rung,
        action=event.action,
        target=event.target,
        gate=event.gate,
        args=event.args,
        footprint=event.footprint,
        about=event.about,
        ledger_id=event.ledger_id,
        began_at=at.wall,
        began_ahead=at.ahead,
        deadline_at=event.deadline_at,
        verify=event.verify,
        ladder_digest=event.ladder_digest,
    )
    # A yes is good for one action.
    left = (
        one for one in incident.approvals if (one.ladder, one.rung) != (event.ladder, event.rung)
    )
    told = replace(incident, verdicts=event.verdicts, confirmed=True, approvals=tuple(left))
    attempts = (*incident.attempts, attempt)
    return _move(told, Move.MARK if after else Move.BEGIN, at, hold=None, attempts=attempts)


def _end(incident: Incident, event: ie.ActionEnded, at: Now) -> Incident:
    ended = _last(
        incident,
        ended_at=at.wall,
        ended_ahead=at.ahead,
        prometheus_at=event.prometheus_at,
        outcome=event.outcome,
        reason=event.reason,
        detail=event.detail,
    )
    return _move(ended, Move.END if event.outcome in PROVED_NEXT else Move.RETRY, at)


def _must_be_last(incident: Incident, action_id: str) -> None:
    last = incident.attempts[-1].action_id if incident.attempts else "none"
    if last != action_id:
        raise IllegalMove(f"incident {incident.id}: {action_id} is not its last action, {last} is")


def _must_be(incident: Incident, state: State) -> None:
    if incident.state is not state:
        raise IllegalMove(f"incident {incident.id} is {incident.state.value}, not {state.value}")


def _last(incident: Incident, **changes: object) -> Incident:
    last = replace(incident.attempts[-1], **changes)  # type: ignore[arg-type]
    return replace(incident, attempts=(*incident.attempts[:-1], last))


def _renew(incident: Incident, alert: Alert) -> Incident:
    def newer(old: Alert) -> Alert:
        return alert if old.fingerprint == alert.fingerprint else old

    symptoms = tuple(newer(old) for old in incident.symptoms)
    return replace(incident, cause=newer(incident.cause), symptoms=symptoms)
