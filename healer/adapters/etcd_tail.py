"""The end of the journal in etcd, and how records are added there.

Rule: every write is one transaction under two conditions, that the lead is ours and that the journal ends where we
think it does.
"""

import json
from collections.abc import Sequence

from healer.adapters.chain import Row, link
from healer.adapters.etcd_http import EtcdHttp
from healer.adapters.etcd_keys import HeadKey, Keys, head_of, packed, value, written
from healer.adapters.etcd_lead import Lead, Scene
from healer.adapters.etcd_prune import HINTS
from healer.adapters.etcd_wire import Answer, Change, Compare, Delete, Get, Put
from healer.errors import Malformed, OutcomeUnknown, Refused, Unreachable
from healer.ports import Clock

MOST_BYTES = 8 * 1024 * 1024
"""Of all events of one append."""

DAY = 86400.0
HINT_DAYS = 31
"""Days of which the bytes of hints are remembered."""


class Tail:
    """Where the journal ends as one leader knows it. One write at a time: the caller sees to that.

    Attributes:
        head: What counts: up to which record, and how much there is.
    """

    def __init__(self, http: EtcdHttp, keys: Keys, clock: Clock, lead: Lead, scene: Scene) -> None:
        self._http = http
        self._keys = keys
        self._clock = clock
        self._lead = lead
        self._litter = False
        self.resume(scene, {})

    def resume(self, scene: Scene, hints: dict[str, int]) -> None:
        """Go on from where the journal stands; `hints` are the bytes of hints by day, counted from 1970."""
        self.head, self._head_modified = scene.head, scene.head_modified
        self._hints = hints

    def hint_bytes(self, since: float) -> int:
        """Return how many bytes of hints were written after this time, or on that day before it."""
        return sum(size for day, size in self._hints.items() if int(day) >= int(since // DAY))

    async def clear(self) -> None:
        """Remove what was begun to be written and does not count; writing the head anew keeps late parts of it out.

        Raises:
            StoreFull: etcd has no room; nothing was changed.
            LeaseLost: Another healer has the lead, or etcd did not answer until ours ran out. What counts is the same.
        """
        _, end = self._keys.records
        litter = Delete(self._keys.of_record(self.head.seq + 1), end)
        self._head_modified = await self._commit(
            (litter, Put(self._keys.head, value(self.head))), self.head
        )

    def rows(self, coded: Sequence[tuple[str | None, str, int, str]]) -> tuple[list[Row], HeadKey]:
        """Return the rows of coded events that come next, and the head that would make them count; nothing is written.

        Args:
            coded: Of each event: its incident, kind, version and body.

        Raises:
            Malformed: They are too large.
        """
        head, rows, size = self.head.head, list[Row](), 0
        wall, boot_id, now = self._clock.wall(), self._clock.boot_id, self._clock.boottime()
        for incident, kind, version, body in coded:
            row = Row(head.seq + 1, wall, boot_id, now, incident, kind, version, body, head.sha256)
            rows.append(row)
            size += len(written(row))
            head = link(row)
        if size > MOST_BYTES:
            msg = f"{len(rows)} events of {size} bytes: more than {MOST_BYTES} are not written at once"
            raise Malformed(msg)
        before = self.head
        return rows, HeadKey(head.seq, head.sha256, before.records + len(rows), before.bytes + size)

    def _hints_with(self, rows: Sequence[Row]) -> dict[str, int]:
        added = sum(len(row.body.encode()) for row in rows if row.kind == HINTS)
        if not added:
            return self._hints
        today = int(self._clock.wall() // DAY)
        hints = {day: size for day, size in self._hints.items() if int(day) > today - HINT_DAYS}
        hints[str(today)] = hints.get(str(today), 0) + added
        return hints

    async def append(self, rows: Sequence[Row], head: HeadKey, *beside: Put) -> None:
        """Write records, and last of all, with what stands beside them, the head that makes them count.

        Raises:
            StoreFull: etcd has no room; nothing counts that was written.
            LeaseLost: Another healer has the lead, or etcd did not answer until ours ran out. In the
                second case they may be durable.
            Malformed: etcd does not take them; nothing counts that was written.
        """
        hints = self._hints_with(rows)
        if self._litter:
            await self.clear()
        self._litter = True
        *staged, last = packed([put for row in rows for put in self._keys.puts(row)])
        for batch in staged:
            await self._commit(batch, None)
        counts = [*beside, Put(self._keys.head, value(head))]
        if hints is not self._hints:
            counts.append(Put(self._keys.hints, json.dumps(hints).encode()))
        if beside:
            # Together they could be too large for one transaction.
            await self._commit(last, None)
            last = ()
        self._head_modified = await self._commit((*last, *counts), head)
        self._litter = False
        self.head, self._hints = head, hints

    async def _commit(self, puts: tuple[Change, ...], head: HeadKey | None) -> int:
        """Write in one transaction; return its revision.

        Args:
            puts: What to write.
            head: The head among them, by which a transaction whose answer was lost is known again; None
                where there is none and it may be written twice.
        """
        seconds = self._lead.time()
        try:
            answer = await self._http.transact(
                self._lead.ours,
                Compare(self._keys.head, self._head_modified, modified=True),
                then=puts,
                otherwise=(Get(self._keys.leader), Get(self._keys.head)),
                seconds=seconds,
            )
        except (Unreachable, OutcomeUnknown) as error:
            # There was all the time that the lease gave. Whether it is durable finds out who leads next.
            raise self._lead.lost(f"the lease ran out: {error}") from error
        except Refused as error:
            raise Malformed(f"etcd does not take {len(puts)} keys: {error}") from error
        return answer.revision if answer.succeeded else self._settled(answer, head)

    def _settled(self, answer: Answer, head: HeadKey | None) -> int:
        """Tell a transaction that an earlier attempt of ours had done already from one that is not ours to do."""
        leader, stands = (found.one() for found in answer.found)
        if leader is None or leader.created != self._lead.term:
            raise self._lead.lost("another healer has the lead")
        if head is None or stands is None or head_of(stands) != head:
            raise self._lead.lost("someone else wrote to the journal though the lead is ours")
        return stands.modified
