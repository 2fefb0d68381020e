"""The journal as the engine sees it: ports.Store over one SQLite file and one thread.

Rule: every blocking call runs in the store's own thread, one after the other.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import structlog

from healer.adapters import journal_tables
from healer.adapters.journal_file import JournalFile, StoreSettings
from healer.core.events import Event, Record
from healer.core.order import Token
from healer.errors import ConfigError, LeaseLost, StoreFull
from healer.ports import Clock

T = TypeVar("T")

log = structlog.get_logger()


class SqliteStore:
    """One healer's journal, lease and token. Made by `open`.

    A call that is cancelled may still take effect: its transaction runs to its end in the thread.
    """

    def __init__(
        self, file: JournalFile, token: Token, thread: ThreadPoolExecutor, clock: Clock
    ) -> None:
        self._file = file
        self._token = token
        self._thread = thread
        self._clock = clock

    @staticmethod
    def init(path: Path, era: int, highest: int = 0) -> None:
        """Make an empty journal. Blocking.

        Args:
            path: Where; nothing may stand there yet.
            era: Of the tokens that healers on this journal will use.
            highest: The highest era that any gate reports.

        Raises:
            ConfigError: There is a journal already, its directory is missing or closed to us, or
                gates would refuse this era. Nothing was changed.
        """
        if era <= max(highest, 0):
            msg = f"store init: era {era} is not above {highest}, the highest that a gate has obeyed: use {highest + 1}"
            raise ConfigError(msg)
        journal_tables.create(path, era)

    @classmethod
    async def open(
        cls,
        settings: StoreSettings,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> "SqliteStore":
        """Verify the journal, wait for an old lease to run out and 2 s more, take it, count this start.

        Raises:
            ConfigError: The journal is missing, broken, or of another format; the message says what
                to do. Nothing was changed.
            StoreFull: The lease cannot be written, not even with the reserved room.
        """
        thread = ThreadPoolExecutor(1, "journal")
        file: JournalFile | None = None
        try:
            file = await _run(thread, lambda: JournalFile(settings, clock))
            while not isinstance(taken := await _run(thread, file.take_lease), Token):
                log.info("lease.awaited", wait_seconds=round(taken, 1))
                await sleep(taken)
        except BaseException:
            if file is not None:
                await _run(thread, file.close)
            thread.shutdown(wait=False)
            raise
        return cls(file, taken, thread, clock)

    @property
    def token(self) -> Token:
        """The token of this leadership."""
        return self._token

    async def append(self, events: Sequence[Event], *, closing: bool = False) -> list[Record]:
        """Make all events durable, or none. See ports.Store.append.

        Raises:
            StoreFull: There is no room; nothing was written.
            LeaseLost: Another healer has the lead; nothing was written.
            Malformed: One of them cannot be stored at all; nothing was written.
        """
        if not events:
            return []
        return await _run(self._thread, lambda: self._file.append(events, closing=closing))

    async def read(self, after: int = 0) -> list[Record]:
        """Return every record with a higher seq, oldest first.

        Raises:
            ConfigError: One of them was written by a newer version, or the disk does not give it back.
        """
        return await _run(self._thread, lambda: self._file.read(after))

    async def renew(self) -> None:
        """Renew the lease. Where it cannot be written, it runs on to its old deadline.

        Raises:
            LeaseLost: It ran out or was taken.
        """
        try:
            await _run(self._thread, self._file.renew_lease)
        except StoreFull as error:
            left = self.lease_seconds()
            if left <= 0:
                msg = f"the lease ran out and could not be renewed: {error}"
                raise LeaseLost(msg) from error
            log.warning("lease.not_renewed", error=str(error), left_seconds=round(left, 1))

    def lease_seconds(self) -> float:
        """Return how long the lease still holds by CLOCK_BOOTTIME; zero or less when it ran out."""
        return self._file.deadline - self._clock.boottime()

    async def release(self) -> None:
        """Give the lease back, so that the next healer need not wait, and close."""
        try:
            await _run(self._thread, self._file.release_lease)
        except (StoreFull, LeaseLost) as error:
            # The next one waits until it has run out; that is all.
            log.warning("lease.not_released", error=str(error))
        finally:
            await _run(self._thread, self._file.close)
            self._thread.shutdown(wait=False)

    async def mark_seen(self, wall: float) -> None:
        """Note that we saw the cluster at this time. Left out where there is no room for it.

        Raises:
            LeaseLost: Another healer has the lead; nothing was written.
        """
        try:
            await _run(self._thread, lambda: self._file.mark_seen(wall))
        except StoreFull as error:
            log.warning("seen.not_noted", error=str(error))

    async def last_seen(self) -> float | None:
        """Return the last mark_seen, epoch seconds; None if there never was one."""
        return await _run(self._thread, self._file.last_seen)

    async def room(self) -> bool:
        """Whether something new may be begun. Makes the reserve anew where there is room for it."""
        return await _run(self._thread, self._file.room)


async def _run(thread: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(thread, work)
