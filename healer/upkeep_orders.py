"""Tells a gate what upkeep does, and asks it how that ended; the journal has it before, and hears of it after."""

import asyncio

import structlog

from healer.core.attempt import Outcome
from healer.core.order import Ended, Order
from healer.core.upkeep import Upkeep
from healer.errors import OutcomeUnknown, Unreachable
from healer.journal import Journal
from healer.now import now_of
from healer.ports import Clock, Gates

log = structlog.get_logger()

SETTLE_PAUSE = 1.0
"""Seconds between two questions after the end of an action."""

GRACE = 5.0
"""Seconds beyond an action's time in which its gate may still tell how it ended."""


class Orders:
    """What upkeep has the gates do."""

    def __init__(self, journal: Journal, gates: Gates, clock: Clock) -> None:
        self._journal = journal
        self._gates = gates
        self._clock = clock

    async def sent(self, order: Order, upkeep_id: str) -> Ended:
        """Send what the journal has as intended, and return how it ended; a gate that is silent is asked on."""
        try:
            return await self._gates.act(order)
        except Unreachable as error:
            return Ended(Outcome.NOT_SENT, "gate_silent", str(error))
        except OutcomeUnknown as error:
            log.warning("action.outcome_unknown", action=order.action_id, error=str(error))
            return await self.heard_of(self._journal.board.planned.upkeeps[upkeep_id])

    async def heard_of(self, upkeep: Upkeep) -> Ended:
        """Ask the gate how the last action ended, until it tells or its time is over. It is never sent again."""
        task = upkeep.tasks[-1]
        now = now_of(self._clock, self._journal.board).steady
        until = self._clock.boottime() + task.began + task.seconds + GRACE - now
        while True:
            why = "it still runs"
            try:
                ended = await self._gates.settle(task.gate, task.action_id, task.ledger_id)
            except Unreachable as error:
                ended, why = None, str(error)
            if ended is not None:
                return ended
            if self._clock.boottime() > until:
                return Ended(Outcome.UNKNOWN, "gate_silent", why)
            await asyncio.sleep(SETTLE_PAUSE)
