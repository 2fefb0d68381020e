"""Tells what the journal says to the log and to the metrics. It only listens."""

import structlog

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core import roll_events as re
from healer.core import upkeep_events as ue
from healer.core.attempt import Outcome
from healer.core.board import Board
from healer.core.incident import Incident
from healer.core.times import reached
from healer.metrics import Metrics

log = structlog.get_logger()


class Narrator:
    """One line and one count for each thing that happened."""

    def __init__(self, board: Board, metrics: Metrics) -> None:
        self._board = board
        self._metrics = metrics

    def __call__(self, record: ev.Record) -> None:
        """Tell one record."""
        match record.event:
            case ev.AlertRefused(alert, reason, sentence):
                self._metrics.refused.labels(reason).inc()
                log.warning(
                    "alert.refused",
                    alert=alert.name,
                    fingerprint=alert.fingerprint,
                    reason=reason,
                    sentence=sentence,
                )
            case ev.Armed(why, pre_existing):
                log.info("healer.armed", why=why, pre_existing=len(pre_existing))
            case ev.AlertSettled(alert, by):
                log.info(
                    "alert.settled", alert=alert.name, target=str(alert.target), by=str(by.target)
                )
            case ev.Frozen(reason, by):
                log.warning("healer.frozen", reason=reason, by=by)
            case ev.Unfrozen(by):
                log.info("healer.unfrozen", by=by)
            case ev.NodeHeld(node, reason, by, until):
                log.warning("node.held", node=node, reason=reason, by=by, until=until)
            case ev.NodeReleased(node, by):
                log.info("node.released", node=node, by=by)
            case ev.StormBegan(nodes):
                log.warning("storm.began", nodes=list(nodes))
            case ev.StormEnded():
                log.info("storm.ended")
            case ev.ClockSet(by):
                log.warning("clock.set", by_seconds=round(by, 3))
            case ev.HealerStarted(version, digest, _, era, term, node):
                log.info(
                    "healer.leads", node=node, version=version, digest=digest, era=era, term=term
                )
            case ev.ConfigReloaded(digest, _, by):
                log.info("config.reloaded", digest=digest, by=by)
            case ev.AlertsReceived() | ev.SeenClear():
                pass
            case ev.SecondPathTested(placed):
                (log.info if placed else log.error)("second_path.tested", placed=placed)
            case ev.Pruned(records, total, succeeded=succeeded, failed=failed):
                log.info(
                    "journal.pruned",
                    records=records,
                    total=total,
                    succeeded=succeeded,
                    failed=failed,
                )
            case re.RollBegan(roll, group, nodes, by=by):
                log.warning("roll.began", roll=roll, group=group, nodes=list(nodes), by=by)
            case re.RollMoved(roll, move, why, detail):
                told = log.warning if move is re.RollMove.STOP else log.info
                told("roll.moved", roll=roll, move=move.value, reason=why, detail=detail)
            case ue.UpkeepBegan(upkeep, kind, node, reason, by):
                log.warning(
                    "upkeep.began", upkeep=upkeep, kind=kind.value, node=node, reason=reason, by=by
                )
            case (
                ue.UpkeepMoved()
                | ue.UpkeepSilenced()
                | ue.UpkeepUntilSet()
                | ue.UpkeepActionIntended()
                | ue.UpkeepActionEnded()
            ) as event:
                self._upkeep(event)
            case event:
                self._incident(event, self._board.incidents[event.incident], record.at_wall)

    def _upkeep(self, event: ue.UpkeepEvent) -> None:
        upkeep = self._board.planned.upkeeps[event.upkeep]
        bound = log.bind(upkeep=upkeep.id, node=upkeep.node)
        match event:
            case ue.UpkeepMoved(_, move, why, detail):
                failed = move in (ue.Move.GIVE_UP, ue.Move.STOP)
                told = bound.warning if failed else bound.info
                told("upkeep.moved", move=move.value, reason=why, detail=detail)
            case ue.UpkeepSilenced(_, silenced):
                bound.info("upkeep.silenced" if silenced else "upkeep.silence_expired")
            case ue.UpkeepUntilSet(_, until, by):
                bound.info("upkeep.until_set", until=until, by=by)
            case ue.UpkeepActionIntended(_, action_id, action, gate):
                bound.info("action.intended", id=action_id, action=action, gate=gate)
            case ue.UpkeepActionEnded(_, action_id, outcome, reason, detail):
                tasks = (one.action for one in upkeep.tasks if one.action_id == action_id)
                action = next(tasks, "")
                self._metrics.actions.labels(action, outcome.value).inc()
                bound.info(
                    "action.ended",
                    id=action_id,
                    outcome=outcome.value,
                    reason=reason,
                    detail=detail,
                )

    def _incident(self, event: ev.Event, incident: Incident, at: float) -> None:
        bound = log.bind(incident=incident.id, target=str(incident.target))
        self._time(event, incident)
        match event:
            case ie.IncidentOpened(_, cause, ladder):
                bound.info("incident.opened", alert=cause.name, ladder=ladder)
            case ie.CauseReplaced(_, cause, ladder):
                bound.info("incident.cause_replaced", alert=cause.name, ladder=ladder)
            case ie.AlertJoined(_, alert):
                bound.info("incident.joined", alert=alert.name)
            case ie.IncidentHeld(_, hold):
                self._metrics.holds.labels(hold.reason).inc()
                told = bound.info if hold.passing else bound.warning
                told("incident.held", reason=hold.reason, have=hold.have, need=hold.need)
            case ie.ActionIntended(_, action_id, _, rung, action):
                bound.info("action.intended", id=action_id, action=action, rung=rung)
            case ie.ActionEnded(_, action_id, outcome, reason, detail):
                if outcome is not Outcome.DONE:
                    self._count(incident, outcome)
                bound.info(
                    "action.ended",
                    id=action_id,
                    outcome=outcome.value,
                    reason=reason,
                    detail=detail,
                )
            case ie.VerificationEnded(_, action_id, verified, _, reason, detail):
                self._count(incident, Outcome.VERIFIED if verified else Outcome.NOT_VERIFIED)
                bound.info(
                    "action.proved" if verified else "action.not_proved",
                    id=action_id,
                    reason=reason,
                    detail=detail,
                )
            case ie.IncidentMitigated(_, detail):
                bound.warning("incident.mitigated", detail=detail)
            case ie.IncidentEscalated(_, reason, detail):
                self._metrics.escalations.labels(reason).inc()
                bound.warning("incident.escalated", reason=reason, detail=detail)
            case ie.IncidentAdopted(_, by) | ie.ApprovalGiven(_, _, _, _, _, by):
                bound.info("incident.person_agreed", by=by)
            case ie.IncidentRetried(_, by):
                bound.info("incident.retried", by=by)
            case ie.NodeAdmitted(_, by):
                bound.info("incident.node_admitted", by=by)
            case ie.IncidentSettled(_, by, reason):
                bound.info("incident.settled", by=by, reason=reason)
            case ie.ApprovalDenied(_, _, by):
                bound.warning("incident.denied", by=by)
            case ie.LastLinesRead(_, found):
                failures = sum(one.fails for one in found.lines)
                bound.info(
                    "last_lines.read",
                    node=found.node,
                    lines=len(found.lines),
                    failures=failures,
                    trouble=found.trouble,
                )
            case ie.IncidentClosed(_, outcome, detail):
                self._close(bound, incident, outcome, detail)
            case _:
                pass

    def _close(
        self,
        bound: structlog.typing.FilteringBoundLogger,
        incident: Incident,
        outcome: str,
        detail: str,
    ) -> None:
        bound.info(
            "incident.closed",
            alert=incident.cause.name,
            outcome=outcome,
            detail=detail,
            duration_seconds=round(incident.changed - incident.opened, 3),
            attempts=[
                f"{one.action} {one.outcome.value if one.outcome else '-'}"
                for one in incident.attempts
            ],
            symptoms=len(incident.symptoms),
        )

    def _time(self, event: ev.Event, incident: Incident) -> None:
        """Count a step of a heal that was just reached."""
        found = reached(event, incident)
        if found is None:
            return
        step, seconds = found
        # What was firing before anybody looked says nothing of how fast we detect.
        if step != "detect" or not self._board.is_before(incident.cause):
            self._metrics.time_to.labels(step).observe(seconds)

    def _count(self, incident: Incident, outcome: Outcome) -> None:
        action = incident.attempts[-1].action
        self._metrics.actions.labels(action, outcome.value).inc()
