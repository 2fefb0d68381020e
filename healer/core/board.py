"""Everything the journal has told so far: a fold over its records, and the only state the healer has.

`apply` is the one place where an event changes something. Replaying the journal gives the same board.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from healer.core import events as ev
from healer.core.alert import Alert
from healer.core.facts import Past, Running
from healer.core.incident import (
    UNSETTLED,
    Approval,
    Attempt,
    Incident,
    Move,
    Outcome,
    State,
)
from healer.core.verdict import Verdict

KEEP_CLOSED = 200
"""Closed incidents kept at hand for people; the journal keeps all."""

KEEP_REFUSED = 1000
"""Refused alerts kept at hand. Beyond that the oldest is forgotten: anyone can post alerts."""

KEEP_EPISODES = 10_000
"""Closed episodes remembered. One that is forgotten and still fires is only looked at once more."""

KEEP_PAST_SECONDS = 30 * 86400.0
"""How long an attempt counts for the success record; every window of the guards is shorter."""


class Board:
    """What the healer knows from its journal.

    Attributes:
        incidents: By id; open ones and the newest closed ones.
        past: Attempts of all incidents, oldest first.
        refused: Alerts that can never start anything, by fingerprint, with the time.
        closed_episodes: Episodes whose incident is over; they do not open another one by themselves.
        armed_at: Since when alerts that begin are ours; None before the first arming.
        pre_existing: Alerts that were firing at the last arming and were not seen clear since.
        modes: The modes under which the last healer ran; empty before the first.
        freezes: Freezes that people set, by reason.
        opened: Incidents opened so far; the next id is one more.
        actions: Actions intended in the present term; the next action's number is one more.
        seq: The last record's.
    """

    def __init__(self) -> None:
        self.incidents: dict[str, Incident] = {}
        self.past: list[Past] = []
        self.refused: dict[str, tuple[ev.AlertRefused, float]] = {}
        self.closed_episodes: dict[tuple[str, float], float] = {}
        self.armed_at: float | None = None
        self.pre_existing: dict[str, Alert] = {}
        self.modes = ""
        self.freezes: dict[str, ev.Frozen] = {}
        self.opened = 0
        self.actions = 0
        self.seq = 0

    @property
    def open(self) -> list[Incident]:
        """Incidents that are not over, oldest first."""
        return [one for one in self.incidents.values() if one.state is not State.CLOSED]

    def running(self, *, besides: str) -> tuple[Running, ...]:
        """Actions of other incidents that are under way or not proved yet."""
        return tuple(
            Running(one.id, attempt.action, attempt.target, attempt.footprint)
            for one in self.open
            if one.id != besides and one.state in UNSETTLED
            for attempt in one.attempts[-1:]
        )

    def alike(self, incident: Incident) -> tuple[Incident, ...]:
        """Incidents of other members of the group that fail alike, closed ones included."""
        mine = _kind(incident)
        return tuple(
            one
            for one in self.incidents.values()
            if _kind(one) == mine and one.target.node != incident.target.node
        )

    def check(self, events: Iterable[ev.Event]) -> None:
        """Make sure that events may follow, before they are durable: what is written is replayed for ever.

        Raises:
            IllegalMove: They cannot happen any more. Nothing changed.
        """
        changed: dict[str, Incident] = {}
        for event in events:
            if isinstance(event, IncidentEvent):
                before = changed.get(event.incident) or self.incidents.get(event.incident)
                if before is not None:  # else it was opened by one of these
                    changed[event.incident] = fold(before, event, 0.0)

    def apply(self, record: ev.Record) -> None:
        """Take one record in.

        Raises:
            IllegalMove: The journal says something that cannot have happened; the board is unchanged.
        """
        at, event = record.at_wall, record.event
        match event:
            case ev.HealerStarted():
                self.actions = 0
                if event.modes != self.modes:
                    self.armed_at = None  # what fired under the old modes is not ours yet
                self.modes = event.modes
            case ev.AlertsReceived():
                pass  # a hint to look; what is found is told by other events
            case ev.AlertRefused(alert):
                self.refused.pop(alert.fingerprint, None)
                self.refused[alert.fingerprint] = (event, at)
                while len(self.refused) > KEEP_REFUSED:
                    del self.refused[next(iter(self.refused))]
            case ev.Armed(_, pre_existing):
                self.armed_at = at
                self.pre_existing = {alert.fingerprint: alert for alert in pre_existing}
            case ev.SeenClear(fingerprint):
                self.pre_existing.pop(fingerprint, None)
            case ev.Frozen(reason):
                self.freezes[reason] = event
            case ev.Unfrozen():
                self.freezes.clear()
                self.armed_at = None
            case ev.IncidentOpened(incident_id, cause, ladder, digest):
                self.opened += 1
                self.incidents[incident_id] = Incident(incident_id, cause, ladder, at, at, digest)
            case _:
                self._change(event, at)
        self.seq = record.seq

    def _change(self, event: "IncidentEvent", at: float) -> None:
        before = self.incidents[event.incident]
        after = fold(before, event, at)
        self.incidents[event.incident] = after
        match event:
            case ev.ActionIntended():
                self.actions += 1
                self.past.append(Past(after.id, after.cause.name, after.attempts[-1]))
                while self.past[0].attempt.began_at < at - KEEP_PAST_SECONDS:
                    del self.past[0]
            case ev.ActionEnded() | ev.VerificationEnded():
                self._correct_past(after.attempts[-1])
            case ev.IncidentAdopted():
                for alert in after.alerts:
                    self.pre_existing.pop(alert.fingerprint, None)
            case ev.IncidentClosed():
                self._close(after, at)
            case _:
                pass

    def _correct_past(self, attempt: Attempt) -> None:
        for index in reversed(range(len(self.past))):
            if self.past[index].attempt.action_id == attempt.action_id:
                self.past[index] = replace(self.past[index], attempt=attempt)
                return

    def _close(self, incident: Incident, at: float) -> None:
        for alert in incident.alerts:
            self.closed_episodes[alert.episode] = at
        closed = [one.id for one in self.incidents.values() if one.state is State.CLOSED]
        for old in closed[:-KEEP_CLOSED]:
            del self.incidents[old]
        while len(self.closed_episodes) > KEEP_EPISODES:
            del self.closed_episodes[next(iter(self.closed_episodes))]


IncidentEvent = (
    ev.AlertJoined
    | ev.AlertRenewed
    | ev.CauseReplaced
    | ev.IncidentHeld
    | ev.ActionIntended
    | ev.ActionEnded
    | ev.VerificationEnded
    | ev.IncidentEscalated
    | ev.IncidentAdopted
    | ev.ApprovalGiven
    | ev.ApprovalDenied
    | ev.IncidentClosed
)


def _kind(incident: Incident) -> tuple[str, str, str]:
    cause = incident.cause
    return cause.name, cause.label("group"), cause.label("service")


def fold(incident: Incident, event: IncidentEvent, at: float) -> Incident:
    """Return the incident after one event.

    Raises:
        IllegalMove: The event cannot happen in the incident's state.
    """
    match event:
        case ev.AlertJoined(_, alert):
            return replace(incident, symptoms=(*incident.symptoms, alert))
        case ev.AlertRenewed(_, alert):
            return _renew(incident, alert)
        case ev.CauseReplaced(_, cause, ladder):
            others = (one for one in incident.alerts if one.fingerprint != cause.fingerprint)
            # A yes was to a rung of the old ladder.
            return replace(
                incident, cause=cause, ladder=ladder, symptoms=tuple(others), approvals=()
            )
        case ev.IncidentHeld(_, held, verdicts):
            real = incident.confirmed or _confirmed(verdicts)
            return _move(incident, Move.HOLD, at, hold=held, verdicts=verdicts, confirmed=real)
        case ev.ActionIntended():
            return _begin(incident, event, at)
        case ev.ActionEnded():
            return _end(incident, event, at)
        case ev.VerificationEnded(_, _, verified, reason, detail):
            outcome = Outcome.VERIFIED if verified else Outcome.NOT_VERIFIED
            proved = _last(incident, outcome=outcome, reason=reason, detail=detail)
            # A verified incident stays VERIFYING for the one moment until its close is journalled.
            return proved if verified else _move(proved, Move.RETRY, at)
        case ev.IncidentEscalated(_, reason, detail):
            return _move(
                incident, Move.ESCALATE, at, hold=None, escalation=reason, escalation_detail=detail
            )
        case ev.IncidentAdopted(_, by):
            return _move(
                incident, Move.ADOPT, at, hold=None, escalation="", adopted_by=by, adopted_at=at
            )
        case ev.ApprovalGiven(_, rung, target, expectation, by, until):
            given = Approval(rung, target, expectation, by, until)
            return replace(incident, approvals=(*incident.approvals, given))
        case ev.ApprovalDenied(_, _, by):
            return _move(
                incident, Move.ESCALATE, at, hold=None, escalation="denied", escalation_detail=by
            )
        case ev.IncidentClosed(_, outcome):
            return _move(incident, Move.CLOSE, at, hold=None, outcome=outcome)
        case _:
            assert_never(event)


def _confirmed(verdicts: tuple[Verdict, ...]) -> bool:
    return any(one.guard == "still_true" and one.allowed for one in verdicts)


def _move(incident: Incident, move: Move, at: float, **changes: object) -> Incident:
    state = incident.after(move)
    return replace(incident, state=state, changed_at=at, **changes)  # type: ignore[arg-type]


def _begin(incident: Incident, event: ev.ActionIntended, at: float) -> Incident:
    attempt = Attempt(
        action_id=event.action_id,
        ladder=event.ladder,
        rung=event.rung,
        action=event.action,
        target=event.target,
        footprint=event.footprint,
        began_at=at,
        deadline_at=event.deadline_at,
    )
    attempts = (*incident.attempts, attempt)
    told = event.verdicts
    return _move(
        incident, Move.BEGIN, at, hold=None, verdicts=told, attempts=attempts, confirmed=True
    )


def _end(incident: Incident, event: ev.ActionEnded, at: float) -> Incident:
    ended = _last(
        incident,
        ended_at=at,
        prometheus_at=event.prometheus_at,
        outcome=event.outcome,
        reason=event.reason,
        detail=event.detail,
    )
    # Unknown goes to verification like done: what may have happened is looked at, not repeated.
    proved_next = event.outcome in (Outcome.DONE, Outcome.UNKNOWN)
    return _move(ended, Move.END if proved_next else Move.RETRY, at)


def _last(incident: Incident, **changes: object) -> Incident:
    last = replace(incident.attempts[-1], **changes)  # type: ignore[arg-type]
    return replace(incident, attempts=(*incident.attempts[:-1], last))


def _renew(incident: Incident, alert: Alert) -> Incident:
    def newer(old: Alert) -> Alert:
        return alert if old.fingerprint == alert.fingerprint else old

    symptoms = tuple(newer(old) for old in incident.symptoms)
    return replace(incident, cause=newer(incident.cause), symptoms=symptoms)
