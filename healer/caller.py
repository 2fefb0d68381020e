"""Calls a person by the second path, in a task of its own.

Rule: a call may take half a minute, and nobody who looks, proves or decides waits for it. What many need is one call.
"""

import asyncio
from collections.abc import Iterable

import structlog

from healer.core.order import OwnAlert
from healer.errors import Unreachable
from healer.metrics import Metrics
from healer.ports import SecondPath

log = structlog.get_logger()

MOST_SAID = 12_000
"""Characters of one call's text, a little less than what is handed over; what has no room in it is said in the next."""

MOST_OF_ONE = 600
"""Characters said of one alert where several are said together."""

Key = tuple[tuple[str, str], ...]


class Caller:
    """Tells a person, once, what Alertmanager did not take."""

    def __init__(self, second_path: SecondPath | None, metrics: Metrics, url: str) -> None:
        self._second_path = second_path
        self._metrics = metrics
        self._url = url
        self._untold: dict[Key, OwnAlert] = {}
        self._called: set[Key] = set()
        self._news = asyncio.Event()

    def follow(self, before: "Caller") -> None:
        """Go on where another configuration's caller stopped: whom it called is called."""
        self._called = before._called  # noqa: SLF001  # one of us

    def forget(self, wanted: Iterable[Key]) -> None:
        """Let go of all but these alerts, which still hold: what begins anew later is called anew."""
        self._called &= set(wanted)

    def call(self, alerts: Iterable[OwnAlert]) -> None:
        """Have these told, and nothing else; those told before are not told again. Returns at once."""
        self._untold = {one.labels: one for one in alerts if one.labels not in self._called}
        if self._untold:
            self._news.set()

    async def run(self) -> None:
        """Call until cancelled. What failed is tried again when `call` says it again."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._untold and await self._call_next():
                pass

    async def place(self, subject: str, text: str) -> bool:
        """Call once; return whether it was taken."""
        if self._second_path is None:
            log.error("second_path.missing", subject=subject)
            return False
        try:
            await self._second_path.call(subject, text)
        except Unreachable as exc:
            self._metrics.second_path.labels("failed").inc()
            log.error("second_path.failed", subject=subject, error=str(exc))
            return False
        self._metrics.second_path.labels("placed").inc()
        log.warning("second_path.placed", subject=subject)
        return True

    async def _call_next(self) -> bool:
        """Make one call of as many alerts as one call holds."""
        told, lines = list[Key](), list[str]()
        for key, alert in self._untold.items():
            lines.append("\n".join(_said(alert))[:MOST_OF_ONE])
            if told and sum(map(len, lines)) > MOST_SAID:
                lines.pop()
                break
            told.append(key)
        first, description = _said(self._untold[told[0]])
        if len(told) > 1:
            first, description = f"{len(told)} alerts, the first: {first}", "\n\n".join(lines)
        if not await self.place(first, f"{description}\n{self._url}/incidents"):
            return False
        self._called.update(told)
        # Others may have been said meanwhile, and some of these may be over.
        self._untold = {key: one for key, one in self._untold.items() if key not in self._called}
        return True


def _said(alert: OwnAlert) -> tuple[str, str]:
    text = dict(alert.annotations)
    return text["summary"], text["description"]
