"""Carries one action through: durable, sent once, ended or settled. Nothing here decides."""

import asyncio
from collections.abc import Callable

import structlog

from healer.core import incident_events as ie
from healer.core.attempt import PROVED_NEXT, Attempt, Outcome
from healer.core.board import Board
from healer.core.decision import Act
from healer.core.facts import Proposal
from healer.core.incident import Incident
from healer.core.order import Ended, Order
from healer.core.states import IllegalMove
from healer.core.verification import STRICTEST
from healer.errors import LeaseLost, OutcomeUnknown, StoreFull, Unreachable
from healer.gatherer import Gatherer, locked
from healer.journal import Journal
from healer.now import now_of
from healer.ports import Clock, Gates

log = structlog.get_logger()

SETTLE_PAUSE = 1.0
"""Seconds between two questions to a gate about an action whose end was not heard."""

GRACE = 5.0
"""Seconds beyond an action's deadline in which its gate may still tell how it ended."""


class Runner:
    """The one place from which something is changed on a node."""

    def __init__(self, journal: Journal, gates: Gates, gatherer: Gatherer, clock: Clock) -> None:
        self._journal = journal
        self._gates = gates
        self._gatherer = gatherer
        self._clock = clock

    async def intend(self, decision: Act) -> Attempt:
        """Make durable what will be done, before anything is sent.

        Raises:
            StoreFull: Nothing was written; do not act.
            IllegalMove: A freeze or another change came first; nothing was written, do not act.
            LeaseLost: Nothing was written; this healer must stop.
        """
        proposal, token = decision.proposal, self._journal.store.token
        incident = proposal.incident.id
        number = self._journal.board.actions + 1
        await self._journal.write(
            ie.ActionIntended(
                incident=incident,
                action_id=f"{token.era}.{token.term}.{number}",
                ladder=proposal.ladder.name,
                rung=proposal.rung_index,
                action=proposal.rung.action,
                target=proposal.target,
                about=proposal.incident.target,
                gate=proposal.gate,
                args=proposal.args,
                footprint=proposal.footprint,
                ledger_id=decision.ledger_id,
                expect=decision.expect,
                deadline_at=self._clock.wall() + proposal.rung.deadline_seconds,
                verdicts=decision.verdicts,
                # It ends as it was begun, whatever cluster.yml says by then.
                verify=proposal.rung.verify or STRICTEST,
                ladder_digest=proposal.ladder.digest,
            ),
            # What became durable while we decided comes first: a freeze, a hold, a no, a deeper cause.
            provided=self._still_so(proposal, number),
        )
        return self._journal.board.incidents[incident].attempts[-1]

    def _still_so(self, proposal: Proposal, number: int) -> Callable[[Board], bool]:
        decided, away = proposal.incident, locked(self._journal.board)

        def still(board: Board) -> bool:
            held = {one.node for one in board.held(now_of(self._clock, board))}
            stopped = board.freezes or not held.isdisjoint({proposal.target.node, proposal.gate})
            known = board.incidents.get(decided.id)
            # An upkeep that began meanwhile has the next number, or took a node that this one counts upon.
            same = board.actions + 1 == number and locked(board).keys() <= away.keys()
            kept = known is not None and known.grounds == decided.grounds
            return same and kept and not stopped

        return still

    async def carry_out(self, decision: Act, attempt: Attempt) -> None:
        """Send an intended action once, and journal how it ended."""
        proposal, began = decision.proposal, self._clock.boottime()
        order = Order(
            action_id=attempt.action_id,
            node=attempt.gate,
            verb=attempt.action,
            args=attempt.args,
            expect=decision.expect,
            deadline_seconds=proposal.rung.deadline_seconds,
        )
        try:
            ended = await self._gates.act(order)
        except Unreachable as exc:
            ended = Ended(Outcome.NOT_SENT, "gate_silent", str(exc))
        except LeaseLost:
            raise  # nothing was sent, and nothing may be written any more
        except OutcomeUnknown as exc:
            log.warning("action.outcome_unknown", action=attempt.action_id, error=str(exc))
            ended = await self._settled(attempt, self._clock.boottime() - began)
        await self._end(proposal.incident, attempt, ended)

    async def settle(self, incident: Incident) -> None:
        """Find out how an action ended that an earlier life of ours began, and journal it."""
        attempt = incident.attempts[-1]
        before = max(0.0, now_of(self._clock, self._journal.board).steady - attempt.began)
        await self._end(incident, attempt, await self._settled(attempt, before))

    async def _settled(self, attempt: Attempt, before: float) -> Ended:
        """Ask the gate until it tells, or until the action's time is over. It is never sent again.

        Args:
            attempt: Whose end was not heard.
            before: For how many seconds it has been under way.
        """
        # By the uptime: a wall clock that is set back would keep its footprint taken for as long.
        left = attempt.deadline_at - attempt.began_at + GRACE - before
        until = self._clock.boottime() + left
        why = "the gate did not answer"
        while True:
            try:
                ended = await self._gates.settle(attempt.gate, attempt.action_id, attempt.ledger_id)
            except Unreachable as exc:
                ended, why = None, str(exc)
            else:
                why = "it still runs" if ended is None else why
            if ended is not None:
                return ended
            if self._clock.boottime() > until:
                return Ended(Outcome.UNKNOWN, "gate_silent", why)
            await asyncio.sleep(SETTLE_PAUSE)

    async def _end(self, incident: Incident, attempt: Attempt, ended: Ended) -> None:
        event = ie.ActionEnded(
            incident=incident.id,
            action_id=attempt.action_id,
            outcome=ended.outcome,
            reason=ended.reason,
            detail=ended.detail,
            prometheus_at=await self._gatherer.prometheus_time(),
        )
        while True:
            known = self._journal.board.incidents[incident.id]
            over = () if ended.outcome in PROVED_NEXT else whose(known)
            try:
                return await self._journal.write(event, *over, closing=True)
            except IllegalMove as exc:
                # Its end is on record already, and what came first counts.
                log.warning("runner.ended_before", action=attempt.action_id, error=str(exc))
                return None
            except StoreFull as exc:
                # Even the reserved room is gone. The intent is durable, so after a restart the
                # gate is asked; until then the action counts as running.
                log.error("journal.full", action=attempt.action_id, error=str(exc))
                await asyncio.sleep(SETTLE_PAUSE)


def whose(incident: Incident) -> tuple[ie.IncidentEscalated, ...]:
    """Return what gives an incident back to the person who had it, once a mark was taken back or could not be."""
    if not incident.escalation:
        return ()
    word, detail = incident.escalation, incident.escalation_detail
    return (ie.IncidentEscalated(incident.id, word, detail),)
