"""Runs a background source again and again, each time under its deadline."""

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from exporter.blocking import StillRunning
from exporter.clock import Clock
from exporter.collector import Absent, Background, Latest, Malformed, State

log = structlog.get_logger()

# A result is served until this many further runs should have replaced it.
KEEP_INTERVALS = 3
# Seconds between two runs at the least, however often a source is woken.
BREATH = 0.05


class Source(Protocol):
    """Something worth asking every now and then."""

    @property
    def name(self) -> str:
        """The collector's name."""
        ...

    @property
    def interval(self) -> float:
        """Seconds from the start of one run to the next."""
        ...

    @property
    def deadline(self) -> float:
        """Seconds that one run may take."""
        ...

    async def collect(self, publish: Callable[[bytes], None]) -> None:
        """Publish the series, at first perhaps not all; each time replaces the one before.

        Raises:
            Absent: There is nothing of this kind on this node.
            Malformed: The source could not be understood.
            OSError: The source could not be read.
        """
        ...


class Periodic(Background):
    """A source on its own schedule; a scrape gets its last result and never waits."""

    def __init__(self, source: Source, clock: Clock, wake: asyncio.Event | None = None) -> None:
        """Run nothing yet.

        Args:
            source: What to ask.
            clock: For ages and durations.
            wake: Set when the source has news that should not wait for its interval to end.
        """
        self._wake = wake or asyncio.Event()
        self.name = source.name
        self._source = source
        self._clock = clock
        self._body = b""
        self._body_at = clock.monotonic()
        self._state = State.TIMED_OUT
        self._duration: float | None = None
        self._last_success: float | None = None
        self._settled = asyncio.Event()

    async def run(self) -> None:
        """Run the source at its interval; a run that takes longer delays the next one."""
        while True:
            began = self._clock.monotonic()
            state = await self._run_once()
            self._duration = self._clock.monotonic() - began
            if state is State.OK:
                self._last_success = self._clock.wall()
            elif state is State.ABSENT:
                self._body = b""
            self._state = state
            self._settled.set()
            await self._rest(max(0.0, self._source.interval - self._duration))

    async def _rest(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, BREATH))
        try:
            async with asyncio.timeout(max(0.0, seconds - BREATH)):
                await self._wake.wait()
        except TimeoutError:
            pass  # nothing happened: time for the next run
        self._wake.clear()

    async def _run_once(self) -> State:
        try:
            async with asyncio.timeout(self._source.deadline):
                await self._source.collect(self._publish)
        except TimeoutError:
            self._note(State.TIMED_OUT, f"no answer within {self._source.deadline} s")
            return State.TIMED_OUT
        except StillRunning as error:
            self._note(State.TIMED_OUT, str(error))
            return State.TIMED_OUT
        except Absent:
            return State.ABSENT
        except (Malformed, OSError) as error:
            self._note(State.FAILED, str(error))
            return State.FAILED
        except Exception:  # a collector's bug may not take the others down
            log.exception("collector.failed", collector=self.name)
            return State.FAILED
        return State.OK

    def _publish(self, body: bytes) -> None:
        self._body, self._body_at = body, self._clock.monotonic()
        self._settled.set()

    def _note(self, state: State, reason: str) -> None:
        if state is not self._state or self._duration is None:  # once, not at every run
            log.warning(f"collector.{state.value}", collector=self.name, reason=reason)

    def latest(self) -> Latest:
        """Return the last result, or none when it is too old to mean anything."""
        age = self._clock.monotonic() - self._body_at
        fresh = age <= KEEP_INTERVALS * self._source.interval + self._source.deadline
        body = self._body if fresh else b""
        return Latest(body, self._state, self._duration, self._last_success)

    async def settled(self) -> None:
        """Return once the first run has shown something or ended."""
        await self._settled.wait()
