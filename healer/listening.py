"""Asks the Alertmanagers: at each look, and once more before anything is begun where that was a while ago."""

import asyncio
import math

import structlog

from healer.errors import Unreachable
from healer.ports import Alertmanagers, Clock
from healer.standing import Watch

log = structlog.get_logger()


class Listener:
    """Keeps what the Alertmanagers said last.

    Attributes:
        asked: How often they were asked.
        heard: To which of these questions the watch has the answer, or that there was none.
    """

    def __init__(self, alertmanagers: Alertmanagers, watch: Watch, clock: Clock) -> None:
        self._alertmanagers = alertmanagers
        self._watch = watch
        self._clock = clock
        self._asked_at = -math.inf
        self._asking = asyncio.Lock()
        self.asked = self.heard = 0

    async def hear(self) -> None:
        """Ask every Alertmanager. An answer to an earlier question takes no later one's place.

        One on a node that everybody misses is not waited for: it is done without (decision 0026).
        """
        self.asked += 1
        self._asked_at = self._clock.boottime()
        question, missed, sight = self.asked, self._missed(), None
        try:
            sight = await self._alertmanagers.read(missed)
        except Unreachable as exc:
            log.warning("alertmanager.silent", error=str(exc))
        if sight is not None and not (self._missed() - missed).isdisjoint(sight.silent):
            # That one was waited for in vain, and what the others said has grown old meanwhile.
            await self.hear()
            return
        if question > self.heard:
            self._watch.sight, self.heard = sight, question

    def asked_before(self, seconds: float) -> int:
        """Return the question before any of the last so many seconds, where the last one alone may be that young."""
        return self.asked - (self._clock.boottime() - self._asked_at <= seconds)

    async def hear_since(self, question: int) -> None:
        """Have every Alertmanager asked later than that question was: once for all who wait for it."""
        async with self._asking:
            if self.heard <= question:
                await self.hear()

    def _missed(self) -> frozenset[str]:
        picture = self._watch.latest
        return picture.missed if picture is not None else frozenset()
