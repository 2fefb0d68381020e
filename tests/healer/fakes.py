"""Stand-ins for what the healer needs from the outside, each behind its port in healer/ports.py.

They keep what they are told and break only where a test says so. Those that write share a diary, so that
order can be asserted.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from healer.adapters.codec import incident_of, kind_of
from healer.core.events import Event, Pruned, Record
from healer.core.history import Going
from healer.core.order import Token
from healer.errors import LeaseLost, StoreFull, Unreachable

NOW = 1_800_000_000.0
"""2027-01-15T08:00:00Z, when every fake clock starts."""


@dataclass
class FakeClock:
    """Stands still until told; the wall and the uptime move together unless a test jumps one."""

    now: float = NOW
    up: float = 5000.0
    boot: str = "boot-1"

    def wall(self) -> float:
        return self.now

    def boottime(self) -> float:
        return self.up

    @property
    def boot_id(self) -> str:
        return self.boot

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        self.up += seconds

    async def sleep(self, seconds: float) -> None:
        self.pass_by(seconds)


@dataclass
class LoopClock(FakeClock):
    """Goes with the running loop, which under looptime costs nothing."""

    def wall(self) -> float:
        return self.now + asyncio.get_running_loop().time()

    def boottime(self) -> float:
        return self.up + asyncio.get_running_loop().time()


@dataclass
class FakeStore:
    """The journal in memory.

    Attributes:
        diary: One line for each append, shared with the other fakes.
        full: Nothing new is taken; what ends something still is, from the reserve.
        reserve_gone: Not even that.
        lost: Another healer has the lease.
        on_disk: Whether the history is; else it is in memory alone.
        reads: How many records each read gave.
        hinted: Bytes of hints that former lives wrote within the last 30 days.
        bytes: What its records take up.
    """

    clock: FakeClock = field(default_factory=FakeClock)
    token: Token = field(default_factory=lambda: Token(1, 1, "store-1"))
    records: list[Record] = field(default_factory=list)
    diary: list[str] = field(default_factory=list)
    full: bool = False
    reserve_gone: bool = False
    lost: bool = False
    on_disk: bool = True
    lease: float = 10.0
    seen: float | None = None
    reads: list[int] = field(default_factory=list)
    hinted: int = 0
    bytes: int = 0

    async def append(self, events: Sequence[Event], *, closing: bool = False) -> list[Record]:
        if self.lost:
            raise LeaseLost("another healer took the lease")
        if self.reserve_gone or (self.full and not closing):
            raise StoreFull("no space left on device")
        new = [
            Record(
                (self.records[-1].seq if self.records else 0) + place,
                self.clock.wall(),
                self.clock.boot_id,
                self.clock.boottime(),
                event,
            )
            for place, event in enumerate(events, 1)
        ]
        self.records += new
        self.diary += [f"journal {type(event).__name__}" for event in events]
        return new

    async def read(
        self, after: int = 0, *, without: frozenset[str] = frozenset(), most: int | None = None
    ) -> list[Record]:
        newer = (record for record in self.records if record.seq > after)
        return self._given([one for one in newer if kind_of(type(one.event)) not in without], most)

    async def read_incident(
        self, incident_id: str, after: int = 0, *, most: int | None = None
    ) -> list[Record]:
        newer = (record for record in self.records if record.seq > after)
        return self._given([one for one in newer if incident_of(one.event) == incident_id], most)

    def _given(self, found: list[Record], most: int | None) -> list[Record]:
        self.reads.append(len(found[:most]))
        return found[:most]

    async def hint_bytes(self, since: float) -> int:
        return self.hinted

    async def prune(self, going: Going) -> Record | None:
        if not going.seqs:
            return None
        told = Pruned(
            records=len(going.seqs),
            total=len(going.seqs),
            first_seq=going.seqs[0],
            last_seq=going.seqs[-1],
            succeeded=going.succeeded,
            failed=going.failed,
            opened=going.opened,
            episodes=going.episodes,
            gaps_sha256="",
        )
        (record,) = await self.append([told])
        self.records = [one for one in self.records if one.seq not in going.seqs]
        return record

    async def size(self) -> int:
        return self.bytes

    async def renew(self) -> None:
        if self.lost:
            raise LeaseLost("another healer took the lease")

    def lease_seconds(self) -> float:
        return 0.0 if self.lost else self.lease

    async def mark_seen(self, wall: float) -> None:
        self.seen = wall

    async def last_seen(self) -> float | None:
        return self.seen

    async def room(self) -> bool:
        return not (self.full or self.reserve_gone)

    def lasting(self) -> bool:
        return self.on_disk


@dataclass
class FakeSilences:
    """Silences at an Alertmanager.

    Attributes:
        standing: The node and the seconds of each, by name.
        silent: Nobody answers.
    """

    diary: list[str] = field(default_factory=list)
    standing: dict[str, tuple[str, float]] = field(default_factory=dict)
    silent: bool = False

    async def silence(self, name: str, node: str, reason: str, seconds: float) -> None:
        if self.silent:
            raise Unreachable("no Alertmanager took it")
        self.diary.append(f"silence {node}")
        self.standing[name] = (node, seconds)

    async def expire(self, name: str, node: str) -> None:
        if self.silent:
            raise Unreachable("no Alertmanager answered")
        self.diary.append(f"expire {node}")
        if self.standing.get(name, ("", 0.0))[0] == node:
            del self.standing[name]
