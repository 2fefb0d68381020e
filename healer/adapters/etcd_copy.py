"""A healer's copy of the journal in etcd, kept by a thread of its own."""

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from healer.adapters import codec
from healer.adapters.chain import START, Gap, Row, verify
from healer.adapters.etcd_history import HistoryFile
from healer.adapters.etcd_http import EtcdHttp
from healer.adapters.etcd_keys import HeadKey, Keys
from healer.adapters.etcd_prune import HINTS, Cut, cut
from healer.adapters.etcd_reading import records, stored
from healer.adapters.etcd_settings import EtcdSettings
from healer.core.events import Record
from healer.core.history import BATCH, Going
from healer.errors import ConfigError
from healer.ports import Clock

T = TypeVar("T")

DROP_SECONDS = 3600.0
"""Between two times that what is too old is dropped."""


class Copy:
    """This healer's copy of the journal, in a thread of its own."""

    def __init__(self, settings: EtcdSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._dropped_at = -DROP_SECONDS
        self._keys = Keys(settings.prefix)
        self._thread = ThreadPoolExecutor(1, "history")
        self._file: HistoryFile | None = None
        self._newest = 0

    async def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            await self._run(self._file.close)
        self._thread.shutdown(wait=False)

    async def open(self, store_id: str) -> None:
        """Open the file for the store with this id, once."""
        if self._file is None:
            self._file = await self._run(lambda: HistoryFile(self._settings.history, store_id))
            self._newest = await self._run(self._it.newest)

    @property
    def _it(self) -> HistoryFile:
        if self._file is None:
            raise AssertionError("the copy was not opened")
        return self._file

    @property
    def lasting(self) -> bool:
        """Whether it is on the disk; else in memory alone, and what etcd lets go of would be lost."""
        return self._it.lasting

    async def follow(self, http: EtcdHttp, head: HeadKey, left: Callable[[], float]) -> None:
        """Copy what was written since we looked last."""
        await self._drop_old()
        if head.seq <= self._newest:
            return
        async for rows in records(http, self._keys, self._newest + 1, head.seq, left):
            await self.add(rows)

    async def take_in(
        self, http: EtcdHttp, head: HeadKey, gaps: Sequence[Gap], left: Callable[[], float]
    ) -> list[int]:
        """Copy all that is missing of what etcd has, and note what that is.

        Returns:
            What was pruned and etcd still has: it was interrupted in letting go of it.
        """
        await self.follow(http, head, left)
        found = await stored(http, self._keys, head.seq, left)
        pruned = _pruned(found, gaps)
        missing = await self._run(lambda: self._it.keep(seq for seq in found if seq not in pruned))
        if missing:
            async for rows in records(http, self._keys, missing[0], missing[-1], left):
                await self.add([row for row in rows if row.seq not in pruned])
        return sorted(pruned)

    async def pruned(self, going: Going, gaps: Sequence[Gap]) -> Cut | None:
        """Work out what leaves etcd: what goes, and every hint. None where nothing may, or it is not here to stay."""
        await self._drop_old()

        def work() -> Cut | None:
            seqs = sorted({*going.seqs, *self._it.of_kind(HINTS, BATCH)})
            if not seqs or not self._it.synced():
                return None
            return cut(going, seqs, gaps, self._it.some)

        return await self._run(work)

    async def _drop_old(self) -> None:
        """Drop what is too old, now and then."""
        if self._clock.boottime() - self._dropped_at >= DROP_SECONDS:
            self._dropped_at = self._clock.boottime()
            await self._run(lambda: self._it.drop_old(self._settings.keep))

    async def let_go(self, seqs: Sequence[int]) -> None:
        """Note that etcd has these no more."""
        await self._run(lambda: self._it.let_go(seqs))

    async def check(self, head: HeadKey, gaps: Sequence[Gap]) -> None:
        """Verify the chain of what etcd has, and that this release can read it.

        Raises:
            ChainBroken: It is broken. Nothing was changed.
            ConfigError: A newer release wrote some of it. Nothing was changed.
        """
        name = f"{self._settings.endpoints[0]}{self._settings.prefix}"
        await self._run(lambda: self._checked(head, gaps, name))

    def _checked(self, head: HeadKey, gaps: Sequence[Gap], name: str) -> None:
        kinds: set[tuple[str, int]] = set()

        def rows() -> Iterator[Row]:
            for row in self._it.rows():
                kinds.add((row.kind, row.version))
                yield row

        verify(rows(), gaps, START, head.head, name)
        codec.require(kinds)

    async def forget(self) -> None:
        """Drop the copy of what etcd has, to copy it anew."""
        await self._run(self._it.forget)
        self._newest = 0

    async def add(self, rows: Sequence[Row]) -> None:
        """Take in records.

        Raises:
            ConfigError: A newer release wrote one of them: whoever cannot read the journal must not take the lead, and
                says so while another one still has it. Nothing was taken in.
        """
        codec.require({(row.kind, row.version) for row in rows})
        await self._run(lambda: self._it.add(rows))
        self._newest = max([self._newest, *(row.seq for row in rows)])

    async def page(self, after: int, without: frozenset[str], most: int) -> list[Record]:
        """Return the next records that etcd has."""
        return await self._run(lambda: self._told(self._it.page(after, without, most)))

    async def page_of(self, incident: str, after: int, most: int) -> list[Record]:
        """Return an incident's next records."""
        return await self._run(lambda: self._told(self._it.page_of(incident, after, most)))

    def _told(self, rows: Sequence[Row]) -> list[Record]:
        return [self._record(row) for row in rows]

    def _record(self, row: Row) -> Record:
        try:
            event = codec.decode(row.kind, row.version, row.body)
        except ConfigError as error:
            msg = f"{self._settings.endpoints[0]}{self._settings.prefix}: seq {row.seq}: {error}"
            raise ConfigError(msg) from error
        return Record(row.seq, row.at_wall, row.boot_id, row.at_mono, event)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _pruned(seqs: Sequence[int], gaps: Sequence[Gap]) -> set[int]:
    """Return which of these lie in a gap. Gaps rise, and may be of millions of records: none of those is counted."""
    lasts = [one.last for one in gaps]
    found = ((seq, bisect_left(lasts, seq)) for seq in seqs)
    return {seq for seq, place in found if place < len(gaps) and gaps[place].first <= seq}
