"""Tells open pages that something changed, by server-sent events. Never what: a page reads itself anew.

So a message that is lost or comes twice does no harm, and whoever was away asks with what they saw last.
"""

import asyncio
import hashlib
import secrets
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiohttp import web

from healer.core import events as ev
from healer.standing import Watch

MOST = 64
"""Streams at the same time."""

MOST_OF_ONE = 8
"""Of one user, or of one address where nobody signs in."""

HEARTBEAT = 15.0
"""Seconds without a message after which an empty one is sent, so that proxies and we see who is gone."""

LOOK_EVERY = 1.0
"""Seconds between two looks at what no record of the journal tells: the lease, the Watchdog, what holds an upkeep."""

LEAST_APART = 2.0
"""Seconds between two messages on one stream: each makes its page be read once."""

PATIENCE = 10.0
"""Seconds in which a client has to take what was sent; a slower one is dropped."""

LIFETIME = 600.0
"""Seconds of one stream. The browser comes back by itself, and is asked anew who it is."""


@dataclass
class Live:
    """What changes when a page has something new to show.

    Attributes:
        watch: How the healer stands.
        heartbeat: See HEARTBEAT.
        apart: See LEAST_APART.
        lifetime: See LIFETIME.
        patience: See PATIENCE.
    """

    watch: Watch
    heartbeat: float = HEARTBEAT
    apart: float = LEAST_APART
    lifetime: float = LIFETIME
    patience: float = PATIENCE
    _end: asyncio.Event = field(default_factory=asyncio.Event)
    _life: str = field(default_factory=lambda: secrets.token_hex(4))
    _told: int = 0
    _waiting: set[asyncio.Event] = field(default_factory=set)
    _streams: Counter[str] = field(default_factory=Counter)

    def __call__(self, record: ev.Record) -> None:
        """Take note of a record of the journal."""
        # Strangers can have any number of hints written; what comes of them is told by other records.
        if not isinstance(record.event, ev.AlertsReceived):
            self._told += 1
            self._wake()

    def close(self) -> None:
        """End every stream."""
        self._end.set()
        self._wake()

    @property
    def closing(self) -> bool:
        """Whether every stream ends."""
        return self._end.is_set()

    async def rest(self) -> None:
        """Wait between two messages, but not for longer than there are streams: nobody who stops waits for it."""
        try:
            async with asyncio.timeout(self.apart):
                await self._end.wait()
        except TimeoutError:
            pass

    @property
    def revision(self) -> str:
        """What the pages show now, as one word."""
        held = sorted((name, each.reason) for name, each in self.watch.upkeep_held.items())
        rolls = sorted(self.watch.roll_waits.items())
        locks = sorted((one.node, one.reason) for one in self.watch.waiting_for_lock())
        unwritten = repr((sorted(self.watch.freezes()), held, rolls, locks))
        seen = hashlib.sha256(unwritten.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        return f"{self._life}.{self._told}.{seen}"

    async def newer(self, seen: str, seconds: float) -> str | None:
        """Return the revision as soon as it is not `seen`; None where it is for so many seconds."""
        waiting = asyncio.Event()
        self._waiting.add(waiting)
        try:
            async with asyncio.timeout(seconds):
                while not self.closing and self.revision == seen:
                    waiting.clear()
                    await self._look_soon(waiting)
        except TimeoutError:
            return None
        finally:
            self._waiting.discard(waiting)
        return self.revision

    async def _look_soon(self, waiting: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(LOOK_EVERY):
                await waiting.wait()
        except TimeoutError:
            pass

    def _wake(self) -> None:
        for waiting in self._waiting:
            waiting.set()

    @contextmanager
    def place(self, whose_: str) -> Iterator[bool]:
        """Take a stream's place for as long as the context lasts; it says whether there was one."""
        free = self._streams.total() < MOST and self._streams[whose_] < MOST_OF_ONE
        self._streams[whose_] += free
        try:
            yield free
        finally:
            self._streams[whose_] -= free
            self._streams += Counter()  # those at zero are dropped


LIVE = web.AppKey("LIVE", Live)
