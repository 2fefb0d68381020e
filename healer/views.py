"""What people and programs are shown: pure functions from the core's values to the shapes of JSON.

The JSON API, the pages and `--output json` all show these, so that they cannot differ.
"""

from collections.abc import Iterable
from urllib.parse import quote

from healer.core.alert import Alert
from healer.core.attempt import Attempt
from healer.core.board import Board
from healer.core.decision import Act, Close, Decision, Hold, Mitigate, Stay
from healer.core.events import AlertRefused
from healer.core.facts import Facts
from healer.core.guards import GUARDS, Guard
from healer.core.incident import Incident
from healer.core.lastlines import LastLines
from healer.core.plan import Escalate
from healer.core.states import State
from healer.core.times import times
from healer.core.topology import Topology
from healer.core.verdict import Verdict
from healer.instants import rfc3339
from healer.likeness import of_incident
from healer.progress import mark_views, rung_views
from healer.sentences import answers, commands, needs_person, next_step, reason, summary
from healer.shapes.alerts import AlertView, RefusedView
from healer.shapes.guards import (
    FreezeView,
    GuardsView,
    GuardView,
    HoldView,
    JudgedView,
    MaintenanceView,
    VerdictView,
)
from healer.shapes.incidents import (
    AttemptView,
    ExplanationView,
    IncidentRow,
    IncidentView,
    LastLinesView,
    LineView,
    MomentView,
)
from healer.shapes.status import StatusView
from healer.standing import Watch
from healer.timeline import Moment, Timeline
from healer.upkeep_views import lock_wait_views, roll_view, upkeep_views


def alert_view(alert: Alert) -> AlertView:
    """Show an alert."""
    return AlertView(
        fingerprint=alert.fingerprint,
        name=alert.name,
        target=str(alert.target),
        labels=dict(alert.labels),
        began_at=rfc3339(alert.began_at),
        silenced=alert.silenced,
    )


def verdict_view(verdict: Verdict) -> VerdictView:
    """Show a guard's answer."""
    return VerdictView(
        guard=verdict.guard,
        allows=verdict.allowed,
        reason=verdict.reason,
        have=verdict.have,
        need=verdict.need,
        sentence=verdict.sentence,
        passing=verdict.passing,
    )


def attempt_view(attempt: Attempt) -> AttemptView:
    """Show an attempt."""
    return AttemptView(
        action_id=attempt.action_id,
        ladder=attempt.ladder,
        rung=attempt.rung + 1,
        action=attempt.action,
        target=str(attempt.target),
        gate=attempt.gate,
        began_at=rfc3339(attempt.began_at),
        deadline_at=rfc3339(attempt.deadline_at),
        ended_at=rfc3339(attempt.ended_at),
        outcome=None if attempt.outcome is None else attempt.outcome.value,
        reason=attempt.reason,
        detail=attempt.detail,
    )


def moment_view(moment: Moment) -> MomentView:
    """Show one moment of a timeline."""
    return MomentView(
        seq=moment.seq,
        at=rfc3339(moment.at),
        kind=moment.kind,
        state=moment.state,
        reason=moment.reason,
        text=moment.text,
    )


def last_lines_view(found: LastLines) -> LastLinesView:
    """Show what the copies had of a node."""
    lines = [
        LineView(
            at=rfc3339(one.at),
            by=one.by,
            text=one.text,
            failure_type=one.failure,
            cause=one.cause,
        )
        for one in found.lines
    ]
    return LastLinesView(
        node=found.node, read_at=rfc3339(found.read_at), lines=lines, trouble=found.trouble
    )


def incident_row(incident: Incident, topology: Topology, now: float | None = None) -> IncidentRow:
    """Show an incident in a list; `now` is as healer.core.plan takes it."""
    word, sentence = reason(incident)
    cause = incident.cause
    return IncidentRow(
        id=incident.id,
        state=incident.state.value,
        target=str(incident.target),
        node=cause.label("node"),
        service=cause.label("service"),
        group=cause.label("group"),
        failure_domain=cause.label("failure_domain"),
        cause=alert_view(cause),
        ladder=incident.ladder,
        opened_at=rfc3339(incident.opened_at),
        changed_at=rfc3339(incident.changed_at),
        reason=word,
        sentence=sentence,
        next=next_step(incident, topology, now),
        needs_person=needs_person(incident),
    )


def incident_view(
    incident: Incident,
    timeline: Timeline,
    topology: Topology,
    timeline_error: str = "",
    now: float | None = None,
) -> IncidentView:
    """Show all of an incident.

    Args:
        incident: As the board has it.
        timeline: From the store.
        topology: The cluster.
        timeline_error: Why the timeline could not be read; empty where it was.
        now: As healer.core.plan takes it.
    """
    return IncidentView(
        **incident_row(incident, topology, now),
        summary=summary(incident),
        symptoms=[alert_view(one) for one in incident.symptoms],
        hold=None if incident.hold is None else verdict_view(incident.hold),
        escalation=incident.escalation,
        escalation_detail=incident.escalation_detail,
        outcome=incident.outcome,
        adopted_by=incident.adopted_by,
        digest=incident.digest,
        seconds_to=times(incident).seconds(),
        attempts=[attempt_view(one) for one in incident.attempts],
        guards=[verdict_view(one) for one in incident.verdicts],
        guards_at=rfc3339(_judged_at(timeline)),
        timeline=[moment_view(one) for one in timeline.moments],
        timeline_omitted=timeline.omitted,
        timeline_error=timeline_error,
        last_lines=[last_lines_view(one) for one in incident.last_lines],
        rungs=rung_views(incident, topology, now),
        seen=of_incident(incident),
        runbook=f"/runbooks/{quote(incident.cause.name, safe='')}",
        answers=answers(incident),
        commands=commands(incident, topology),
    )


def explanation_view(
    incident: Incident,
    decision: Decision,
    incident_id: str | None,
    topology: Topology,
    now: float,
) -> ExplanationView:
    """Show what would be done now.

    Args:
        incident: The real or the supposed one.
        decision: What was decided about it; nothing was done.
        incident_id: The real one's; None for a supposed one.
        topology: The cluster.
        now: Epoch seconds, for the hours of rungs.
    """
    word, action, why, sentence, verdicts = _decided(decision)
    return ExplanationView(
        target=str(incident.target),
        incident=incident_id,
        alert=incident.cause.name,
        ladder=incident.ladder,
        decision=word,
        action=action,
        reason=why,
        sentence=sentence,
        rungs=rung_views(incident, topology, now),
        guards=[verdict_view(one) for one in verdicts],
    )


def refused_view(refused: AlertRefused, at: float) -> RefusedView:
    """Show a refused alert."""
    return RefusedView(
        alert=alert_view(refused.alert),
        reason=refused.reason,
        sentence=refused.sentence,
        at=rfc3339(at),
    )


def guards_view(incidents: Iterable[Incident], watch: Watch, topology: Topology) -> GuardsView:
    """Show every guard with its numbers and its word now, and what each says about each of these incidents.

    Of an incident about which nothing was decided since this healer leads, the journal's word is shown.
    """
    facts = watch.at_large(topology)
    return GuardsView(
        asked_at=rfc3339(facts.now),
        freezes=freeze_views(watch),
        guards=[_guard_view(guard, facts) for guard in GUARDS],
        incidents=[judged_view(one, watch.said.get(one.id)) for one in incidents],
    )


def _guard_view(guard: Guard, facts: Facts) -> GuardView:
    return GuardView(
        guard=guard.name,
        holds_unless=guard.holds_unless,
        numbers=guard.settings(facts.topology.numbers),
        now=None if guard.at_large is None else verdict_view(guard.at_large(facts)),
    )


def judged_view(incident: Incident, said: tuple[float, Decision] | None) -> JudgedView:
    """Show one incident under the guards.

    Args:
        incident: A real one; one without an id is only supposed.
        said: What was decided about it, and when; None where nothing was since this healer leads.
    """
    word = action = ""
    at, verdicts = None, incident.verdicts
    if said is not None:
        at, (word, action, _, _, found) = said[0], _decided(said[1])
        verdicts = tuple(found) or verdicts
    return JudgedView(
        id=incident.id,
        state=incident.state.value if incident.id else "supposed",
        target=str(incident.target),
        ladder=incident.ladder,
        decision=word,
        action=action,
        asked_at=rfc3339(at),
        guards=[verdict_view(one) for one in verdicts],
    )


FREEZE_SENTENCES = {
    "no_watchdog": "The Watchdog alert is not heard, so alerts may be missing. See its runbook.",
    "alertmanager_silent": "Not every Alertmanager answers, so a silence may be missed.",
    "storm": "Nodes vanished together, so it is the network or the monitoring. It thaws after calm.",
    "minority": "Hale sees no majority of the nodes; it may be the one that is cut off.",
    "store": "The journal has no room, so nothing new can be made durable.",
    "not_leader": "This healer does not hold the lease.",
    "not_armed": "Hale has not yet seen what was firing before it started.",
}
"""What each reason of the metric healer_frozen means; `person` has the words of that person."""


def freeze_views(watch: Watch) -> list[FreezeView]:
    """Show every reason for which nothing is done anywhere."""
    found = [
        FreezeView(reason="person", sentence=f"Frozen by {one.by}: {one.reason}", owner=one.owner)
        for one in watch.journal.board.freezes.values()
    ]
    others = sorted(watch.freezes() - {"person"})
    found += [
        FreezeView(reason=word, sentence=FREEZE_SENTENCES.get(word, word), owner=False)
        for word in others
    ]
    return found


def hold_views(watch: Watch) -> list[HoldView]:
    """Show every node that a person holds, the oldest hold first."""
    return [
        HoldView(node=one.node, reason=one.reason, by=one.by, until=rfc3339(one.until))
        for one in watch.journal.board.held(watch.now)
    ]


def maintenance_views(topology: Topology, now: float) -> list[MaintenanceView]:
    """Show every maintenance window that is open at a time, epoch seconds, in the order of cluster.yml."""
    return [
        MaintenanceView(
            name=one.name,
            about=one.about,
            reason=one.reason,
            until=rfc3339(one.until(now, topology.time_zone)),
        )
        for one in topology.maintained(now)
    ]


def status_view(watch: Watch, topology: Topology, version: str) -> StatusView:
    """Show how the healer itself stands."""
    board, token, age = watch.journal.board, watch.journal.store.token, watch.watchdog_age
    states = [one.state for one in board.open]
    return StatusView(
        version=version,
        cluster=topology.cluster,
        node=topology.own_node,
        digest=topology.digest,
        now=rfc3339(watch.clock.wall()),
        leader=watch.leading,
        era=token.era,
        term=token.term,
        armed_at=rfc3339(board.armed_at),
        storing=watch.storing,
        freezes=freeze_views(watch),
        holds=hold_views(watch),
        maintenance=maintenance_views(topology, watch.clock.wall()),
        upkeep=upkeep_views(watch),
        rolls=[roll_view(one, watch, topology) for one in board.planned.rolling],
        lock_waits=lock_wait_views(watch),
        marks=mark_views(board.open, watch.latest),
        watchdog_age_seconds=None if age is None else round(age, 3),
        sight_complete=watch.complete,
        done_without=list(watch.done_without),
        incidents={one.value: states.count(one) for one in State if one is not State.CLOSED},
        pre_existing=[alert_view(one) for one in board.pre_existing.values()],
        refused=refused_views(board),
    )


def refused_views(board: Board) -> list[RefusedView]:
    """Show every refused alert, the newest first."""
    return [refused_view(event, at) for event, at in reversed(board.refused.values())]


def _judged_at(timeline: Timeline) -> float | None:
    kinds = ("held", "action_intended")
    return next((one.at for one in reversed(timeline.moments) if one.kind in kinds), None)


def _decided(decision: Decision) -> tuple[str, str, str, str, Iterable[Verdict]]:
    match decision:
        case Act(proposal, verdicts=verdicts):
            action = f"{proposal.rung.action} on {proposal.target}"
            return "act", action, "", f"Every guard allows {action}.", verdicts
        case Hold(proposal, hold, verdicts):
            action = f"{proposal.rung.action} on {proposal.target}"
            return "hold", action, hold.reason or "", hold.sentence, verdicts
        case Mitigate(detail):
            return "mitigate", "", "", f"It is out of harm's way: {detail}.", ()
        case Escalate(why, detail):
            return "escalate", "person.call", why, f"A person is called: {detail}.", ()
        case Close(outcome, detail):
            return "close", "", outcome, f"It is over: {detail}.", ()
        case Stay():
            return "stay", "", "", "A person has it; Hale does nothing.", ()
