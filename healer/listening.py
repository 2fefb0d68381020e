"""Asks the Alertmanagers: at each look, and once more before anything is begun."""

import asyncio

import structlog

from healer.errors import Unreachable
from healer.ports import Alertmanagers
from healer.standing import Watch

log = structlog.get_logger()


class Listener:
    """Keeps what the Alertmanagers said last.

    Attributes:
        asked: How often they were asked.
        heard: To which of these questions the watch has the answer, or that there was none.
    """

    def __init__(self, alertmanagers: Alertmanagers, watch: Watch) -> None:
        self._alertmanagers = alertmanagers
        self._watch = watch
        self._asking = asyncio.Lock()
        self.asked = self.heard = 0

    async def hear(self) -> None:
        """Ask every Alertmanager. An answer to an earlier question takes no later one's place."""
        self.asked += 1
        question, sight = self.asked, None
        try:
            sight = await self._alertmanagers.read()
        except Unreachable as exc:
            log.warning("alertmanager.silent", error=str(exc))
        if question > self.heard:
            self._watch.sight, self.heard = sight, question

    async def hear_since(self, question: int) -> None:
        """Have every Alertmanager asked later than that question was: once for all who wait for it."""
        async with self._asking:
            if self.heard <= question:
                await self.hear()
