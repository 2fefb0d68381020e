"""Stand-ins for what the healer needs from the outside, each behind its port in healer/ports.py.

They keep what they are told and break only where a test says so. Those that write share a diary, so that
order can be asserted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from healer.core.events import Event, Record
from healer.core.order import Token
from healer.errors import LeaseLost, StoreFull

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
class FakeStore:
    """The journal in memory.

    Attributes:
        diary: One line for each append, shared with the other fakes.
        full: Nothing new is taken; what ends something still is, from the reserve.
        reserve_gone: Not even that.
        lost: Another healer has the lease.
        reads: How many records each read gave.
    """

    clock: FakeClock = field(default_factory=FakeClock)
    token: Token = field(default_factory=lambda: Token(1, 1, "store-1"))
    records: list[Record] = field(default_factory=list)
    diary: list[str] = field(default_factory=list)
    full: bool = False
    reserve_gone: bool = False
    lost: bool = False
    lease: float = 10.0
    seen: float | None = None
    reads: list[int] = field(default_factory=list)

    async def append(self, events: Sequence[Event], *, closing: bool = False) -> list[Record]:
        if self.lost:
            raise LeaseLost("another healer took the lease")
        if self.reserve_gone or (self.full and not closing):
            raise StoreFull("no space left on device")
        new = [
            Record(
                len(self.records) + place,
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

    async def read(self, after: int = 0) -> list[Record]:
        found = [record for record in self.records if record.seq > after]
        self.reads.append(len(found))
        return found

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
