"""How the cluster's groups are, as Prometheus last said: for pages, which must not wait for it long."""

import asyncio
from dataclasses import dataclass, field

from healer.core.picture import Picture
from healer.errors import Unreachable
from healer.ports import Clock, Prometheus

GOOD_FOR = 5.0
"""Seconds for which one answer is shown, however many ask."""

PATIENCE = 1.0
"""Seconds that a page waits for a new one."""


@dataclass
class Sights:
    """The last picture, and none where there is none that is fresh."""

    prometheus: Prometheus
    clock: Clock
    patience: float = PATIENCE
    _picture: Picture | None = None
    _asked_at: float | None = None
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def picture(self) -> Picture | None:
        """Return the cluster as it was some seconds ago at most; None where Prometheus did not say."""
        try:
            async with asyncio.timeout(self.patience), self._asking:
                if not self._fresh():
                    # Asked once, whether it answers or not: a dead Prometheus costs no page its patience twice.
                    self._asked_at, self._picture = self.clock.boottime(), None
                    self._picture = await self.prometheus.picture()
        except (TimeoutError, Unreachable):
            pass
        return self._picture

    def _fresh(self) -> bool:
        return self._asked_at is not None and self.clock.boottime() - self._asked_at < GOOD_FOR
