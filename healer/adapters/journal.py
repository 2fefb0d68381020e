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
from healer.core.history import Going
from healer.core.order import Token
from healer.errors import ConfigError, LeaseLost, StoreFull
from healer.ports import Clock

T = TypeVar("T")

PAGE = 500
"""Records that are read in one turn of the thread. Reading as many takes a small part of a lease."""

log = structlog.get_logger()


class SqliteStore:
    """One healer's journal, lease and token. Made by `open`.

    A call that is cancelled may still take effect: its transaction runs to its end in the thread.
    """

    def __init__(
        self,
        file: JournalFile,
        token: Token,
        thread: ThreadPoolExecutor,
        clock: Clock,
        lease_seconds: float,
    ) -> None:
        self._file = file
        self._token = token
        self._thread = thread
        self._clock = clock
        self._lease = lease_seconds

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
        return cls(file, taken, thread, clock, settings.lease_seconds)

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

    async def read(
        self, after: int = 0, *, without: frozenset[str] = frozenset(), most: int | None = None
    ) -> list[Record]:
        """Return records with a higher seq, oldest first. See ports.Store.read.

        Raises:
            ConfigError: One of them was written by a newer version, or the disk does not give it back.
            LeaseLost: It was lost meanwhile.
        """

        async def page(last: int, count: int) -> list[Record]:
            # Nobody else renews it while the journal is replayed.
            if 0 < self.lease_seconds() < self._lease / 2:
                await self.renew()
            return await _run(self._thread, lambda: self._file.page(last, without, count))

        return await _paged(page, after, most)

    async def read_incident(
        self, incident_id: str, after: int = 0, *, most: int | None = None
    ) -> list[Record]:
        """Return an incident's records with a higher seq, oldest first. See ports.Store.read_incident.

        Raises:
            ConfigError: One of them was written by a newer version, or the disk does not give it back.
        """

        async def page(last: int, count: int) -> list[Record]:
            return await _run(self._thread, lambda: self._file.page_of(incident_id, last, count))

        return await _paged(page, after, most)

    async def hint_bytes(self, since: float) -> int:
        """Return how many bytes of hints were written after this time, epoch seconds.

        Raises:
            ConfigError: The disk does not give them back.
        """
        return await _run(self._thread, lambda: self._file.hint_bytes(since))

    async def prune(self, going: Going) -> Record | None:
        """Let old history go. See ports.Store.prune.

        Raises:
            StoreFull: There is no room for it; nothing was changed.
            LeaseLost: Another healer has the lead; nothing was changed.
        """
        return await _run(self._thread, lambda: self._file.prune(going))

    async def size(self) -> int:
        """Return how many bytes the records take up."""
        return await _run(self._thread, self._file.size)

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

    def lasting(self) -> bool:
        """Always: the file is the journal."""
        return True


async def _paged(
    page: Callable[[int, int], Awaitable[list[Record]]], after: int, most: int | None
) -> list[Record]:
    """Read in several turns of the store's thread, so that a renewal gets its turn between them."""
    found: list[Record] = []
    while most is None or len(found) < most:
        count = PAGE if most is None else min(PAGE, most - len(found))
        more = await page(found[-1].seq if found else after, count)
        found += more
        if len(more) < count:
            break
    return found


async def _run(thread: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(thread, work)
