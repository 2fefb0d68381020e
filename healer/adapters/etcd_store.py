"""The journal as the engine sees it: ports.Store over etcd, with a copy of each healer's own.

Rule: whatever was returned, a majority of etcd has on disk. How it is written there: healer.adapters.etcd_tail.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace

import structlog

from healer.adapters import codec
from healer.adapters.chain import ChainBroken, Gap
from healer.adapters.etcd_copy import Copy
from healer.adapters.etcd_http import EtcdHttp
from healer.adapters.etcd_keys import TXN_BYTES, HeadKey, Keys, gaps_of, gaps_value
from healer.adapters.etcd_lead import Lead, Scene, look, outwait
from healer.adapters.etcd_prune import deletes
from healer.adapters.etcd_settings import EtcdSettings
from healer.adapters.etcd_tail import Tail
from healer.adapters.etcd_upkeep import Upkeep
from healer.adapters.etcd_waiting import OnWait, Standby
from healer.adapters.etcd_wire import Get, Put
from healer.core.events import Event, Record
from healer.core.history import Going
from healer.core.order import Token
from healer.errors import LeaseLost, OutcomeUnknown, StoreFull, Unreachable
from healer.ports import Clock

PAGE = 500
"""Records that are read in one turn of the thread."""

log = structlog.get_logger()


class EtcdStore:
    """One healer's lead, token and journal. Made by `open`."""

    def __init__(
        self,
        http: EtcdHttp,
        settings: EtcdSettings,
        clock: Clock,
        copy: Copy,
        lead: Lead,
        scene: Scene,
    ) -> None:
        self._http = http
        self._settings = settings
        self._keys = Keys(settings.prefix)
        self._copy = copy
        self._lead = lead
        self._tail = Tail(http, self._keys, clock, lead, scene)
        self._gaps: list[Gap] = []
        self._writing = asyncio.Lock()
        self._upkeep = Upkeep(http, settings, clock)
        store = scene.store
        self._token = Token(store.era, lead.term, f"{store.store_id}/{lead.start_id}")

    @classmethod
    async def open(
        cls,
        settings: EtcdSettings,
        clock: Clock,
        me: str,
        on_wait: OnWait = lambda _: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> "EtcdStore":
        """Wait until nobody else leads, take the lead, wait out what the last leader sent.

        Meanwhile the journal is copied as it grows, so that little is left to be read in the end.

        Args:
            settings: Which store.
            clock: By which the lease is measured.
            me: This healer's node.
            on_wait: Told who leads whenever that changes; None where nobody is known to.
            sleep: How the last leader's end is waited out.

        Raises:
            ConfigError: There is no store, it is broken, of another cluster or format, or closed to us.
                Nothing was changed.
        """
        http, copy = EtcdHttp(settings), Copy(settings, clock)
        try:
            standby = Standby(http, settings, clock, me, on_wait, copy)
            while True:
                lead, scene = await standby.led()
                store = cls(http, settings, clock, copy, lead, scene)
                try:
                    await outwait(lead, scene, clock, sleep)
                    await store._renewed(store._begin())
                    return store
                except (Unreachable, OutcomeUnknown, LeaseLost, StoreFull) as error:
                    log.warning("lease.not_used", error=str(error))
                    await lead.release()
                except BaseException:
                    await lead.release()
                    raise
        except BaseException:
            await http.close()
            await copy.close()
            raise

    async def _renewed(self, work: Coroutine[None, None, None]) -> None:
        """Do something that may take longer than a lease holds."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(self._lead.lease_seconds / 4)
                await self._lead.renew()

        renewing = asyncio.create_task(renew(), name="lease")
        try:
            await work
        finally:
            renewing.cancel()
            # Where the lease was lost the work has found out as well, or its first write will.
            await asyncio.gather(renewing, return_exceptions=True)

    async def _begin(self) -> None:
        """Learn where the journal stands, now that nobody else writes."""
        scene = await look(self._http, self._settings, self._lead.time())
        if scene.term != self._lead.term:
            raise self._lead.lost("the lead was lost before it began")
        noted = await self._http.transact(
            then=(Get(self._keys.hints), Get(self._keys.gaps)), seconds=self._lead.time()
        )
        hints, gaps = (found.one() for found in noted.found)
        self._tail.resume(scene, {} if hints is None else json.loads(hints.value))
        self._gaps = gaps_of(gaps)
        await self._tail.clear()
        try:
            await self._take_in(scene.head)
        except ChainBroken as error:
            # etcd is the truth. Only if it breaks there too, it is broken.
            log.warning("history.copied_anew", error=str(error))
            await self._copy.forget()
            await self._take_in(scene.head)
        await self._upkeep.look(self._lead.time())
        self._upkeep.begin(scene.revision)

    async def _take_in(self, head: HeadKey) -> None:
        stale = await self._copy.take_in(self._http, head, self._gaps, self._lead.time)
        await self._copy.check(head, self._gaps)
        await self._remove(stale)

    async def _remove(self, seqs: Sequence[int]) -> None:
        """Remove records that do not count any more. One that is left is removed by the next leader."""
        for batch in deletes(self._keys, seqs):
            try:
                await self._http.transact(
                    self._lead.ours, then=batch, seconds=self._lead.time() / 2
                )
            except (Unreachable, OutcomeUnknown, StoreFull) as error:
                log.warning("store.not_swept", error=str(error))
                return

    @property
    def token(self) -> Token:
        """The token of this leadership."""
        return self._token

    async def append(self, events: Sequence[Event], *, closing: bool = False) -> list[Record]:
        """Make all events durable, or none. See ports.Store.append.

        Raises:
            StoreFull: etcd is as large as we let it become, or has no room; nothing was written.
            LeaseLost: Another healer has the lead, or etcd did not answer until ours ran out. In the
                second case they may be durable; whoever leads next finds out.
            Malformed: One of them cannot be stored at all, or they are too large; nothing was written.
        """
        if not events:
            return []
        async with self._writing:
            coded = [(codec.incident_of(event), *codec.encode(event)) for event in events]
            if not closing and (full := self._upkeep.full(self._tail.head)):
                raise StoreFull(full)
            rows, head = self._tail.rows(coded)
            await self._tail.append(rows, head)
            await self._copy.add(rows)
        return [
            Record(row.seq, row.at_wall, row.boot_id, row.at_mono, event)
            for row, event in zip(rows, events, strict=True)
        ]

    async def read(
        self, after: int = 0, *, without: frozenset[str] = frozenset(), most: int | None = None
    ) -> list[Record]:
        """Return records with a higher seq, oldest first. See ports.Store.read.

        Raises:
            ConfigError: One of them was written by a newer version.
            LeaseLost: It was lost meanwhile.
        """
        found: list[Record] = []
        while most is None or len(found) < most:
            # Nobody else renews it while the journal is replayed.
            if 0 < self.lease_seconds() < self._lead.lease_seconds / 2:
                await self.renew()
            count = PAGE if most is None else min(PAGE, most - len(found))
            last = found[-1].seq if found else after
            more = await self._copy.page(last, without, count)
            found += more
            if len(more) < count:
                break
        return found

    async def read_incident(
        self, incident_id: str, after: int = 0, *, most: int | None = None
    ) -> list[Record]:
        """Return an incident's records with a higher seq, oldest first. See ports.Store.read_incident.

        What is over and left etcd while this healer was away is missing.

        Raises:
            ConfigError: One of them was written by a newer version.
        """
        found: list[Record] = []
        while most is None or len(found) < most:
            count = PAGE if most is None else min(PAGE, most - len(found))
            last = found[-1].seq if found else after
            more = await self._copy.page_of(incident_id, last, count)
            found += more
            if len(more) < count:
                break
        return found

    async def hint_bytes(self, since: float) -> int:
        """Return how many bytes of hints were written after this time, or on that day before it."""
        return self._tail.hint_bytes(since)

    async def prune(self, going: Going) -> Record | None:
        """Let history leave etcd for this healer's own copy. See ports.Store.prune.

        Hints leave whatever their age. Nothing leaves while the copy is not safe on a disk.

        Raises:
            StoreFull: etcd has no room for it; nothing was changed.
            LeaseLost: Another healer has the lead; nothing was changed.
        """
        async with self._writing:
            leaving = await self._copy.pruned(going, self._gaps)
            if leaving is None:
                return None
            gaps = Put(self._keys.gaps, gaps_value(leaving.gaps))
            if len(gaps.value) > TXN_BYTES:
                log.error("store.not_pruned", gaps=len(leaving.gaps))
                return None
            (row,), head = self._tail.rows([(None, *codec.encode(leaving.event))])
            less = replace(
                head,
                records=head.records - len(leaving.seqs),
                bytes=head.bytes - leaving.bytes,
            )
            await self._tail.append((row,), less, gaps)
            await self._copy.add((row,))
            self._gaps = list(leaving.gaps)
            await self._copy.let_go(leaving.seqs)
            await self._remove(leaving.seqs)
        return Record(row.seq, row.at_wall, row.boot_id, row.at_mono, leaving.event)

    async def size(self) -> int:
        """Return how many bytes the records take up."""
        return self._tail.head.bytes

    async def renew(self) -> None:
        """Renew the lease. Where no member answers, it runs on to its old deadline.

        Raises:
            LeaseLost: It ran out or was taken.
        """
        await self._lead.renew()
        if self._lead.left() > self._lead.lease_seconds / 2:
            await self._upkeep.keep(self._lead.left() / 2)

    def lease_seconds(self) -> float:
        """Return how long the lease still holds by CLOCK_BOOTTIME; zero or less when it ran out."""
        return self._lead.left()

    async def release(self) -> None:
        """Give the lead back, so that the next healer need not wait, and close."""
        try:
            await self._lead.release()
        finally:
            await self._http.close()
            await self._copy.close()

    async def mark_seen(self, wall: float) -> None:
        """Note that we saw the cluster at this time. Left out where there is no room for it.

        Raises:
            LeaseLost: Another healer has the lead; nothing was written.
        """
        put = Put(self._keys.seen, repr(wall).encode())
        try:
            answer = await self._http.transact(
                self._lead.ours, then=(put,), seconds=self._lead.time()
            )
        except (StoreFull, Unreachable, OutcomeUnknown) as error:
            log.warning("seen.not_noted", error=str(error))
            self._lead.time()
            return
        if not answer.succeeded:
            raise self._lead.lost("etcd gave the lead away")

    async def last_seen(self) -> float | None:
        """Return the last mark_seen, epoch seconds; None if there never was one.

        Raises:
            LeaseLost: etcd did not answer until it ran out.
        """
        try:
            found = await self._http.get(Get(self._keys.seen), seconds=self._lead.time())
        except Unreachable as error:
            raise self._lead.lost(str(error)) from error
        kv = found.one()
        return None if kv is None else float(kv.value)

    async def room(self) -> bool:
        """Whether something new may be begun, as upkeep saw last."""
        return not self._upkeep.full(self._tail.head)

    def lasting(self) -> bool:
        """Whether this healer's copy is on its disk, and not in its memory alone."""
        return self._copy.lasting
