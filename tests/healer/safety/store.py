"""The journal and the lease, shared by every healer; it may lose its caller, be lost to one, or be full."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from healer.adapters.codec import incident_of, kind_of
from healer.core.events import Event, Record
from healer.core.order import Token
from healer.errors import LeaseLost, StoreFull
from tests.healer.safety.known import LEASE
from tests.healer.safety.oracle import Oracle

if TYPE_CHECKING:
    from tests.healer.safety.lives import Life

WAIT_OUT = 2.0


@dataclass
class Shared:
    """What is durable."""

    oracle: Oracle
    records: list[Record] = field(default_factory=list)
    holder: "Life | None" = None
    until: float = -100.0
    term: int = 0
    seen: float | None = None
    full: bool = False

    async def open(self, life: "Life") -> "Handle":
        """Wait for the lease, and the time after it."""
        while True:
            await life.pass_by()
            if life.now >= self.until + WAIT_OUT and not life.storeless:
                self.term += 1
                self.holder, self.until = life, life.now + LEASE
                return Handle(self, life, Token(1, self.term, f"start-{self.term}"))
            await asyncio.sleep(0.5)


@dataclass
class Handle:
    """One leadership's way to it."""

    shared: Shared
    life: "Life"
    token: Token

    def _leads(self) -> bool:
        shared = self.shared
        return shared.holder is self.life and self.life.now < shared.until

    async def append(self, events: Sequence[Event], *, closing: bool = False) -> list[Record]:
        life, shared = self.life, self.shared
        await life.pass_by()
        life.commits += 1
        if life.commits == life.dies_at and not life.dies_after:
            life.kill()
        await life.pass_by()
        if life.storeless or not self._leads():
            raise LeaseLost("another healer leads")
        if shared.full and not closing:
            raise StoreFull("no space left on device")
        new = [
            Record(len(shared.records) + place, life.wall(), life.boot_id, life.boottime(), event)
            for place, event in enumerate(events, 1)
        ]
        shared.records += new
        for record in new:
            shared.oracle.ages.wrote(record, life.now)
            shared.oracle.recorded(record.event)
        if life.commits == life.dies_at:
            life.kill()
        await life.pass_by()
        return new

    async def read(
        self, after: int = 0, *, without: frozenset[str] = frozenset(), most: int | None = None
    ) -> list[Record]:
        await self.life.pass_by()
        newer = self.shared.records[after:]
        return [one for one in newer if kind_of(type(one.event)) not in without][:most]

    async def read_incident(
        self, incident_id: str, after: int = 0, *, most: int | None = None
    ) -> list[Record]:
        newer = self.shared.records[after:]
        return [one for one in newer if incident_of(one.event) == incident_id][:most]

    async def hint_bytes(self, since: float) -> int:
        return 0

    async def renew(self) -> None:
        await self.life.pass_by()
        if self.life.storeless or not self._leads():
            raise LeaseLost("it ran out")
        self.shared.until = self.life.now + LEASE

    def lease_seconds(self) -> float:
        return self.shared.until - self.life.now if self.shared.holder is self.life else 0.0

    async def mark_seen(self, wall: float) -> None:
        self.shared.seen = wall

    async def last_seen(self) -> float | None:
        return self.shared.seen

    async def room(self) -> bool:
        return not self.shared.full

    def lasting(self) -> bool:
        return True

    async def prune(self, going: object) -> None:
        return None

    async def size(self) -> int:
        return 0

    async def release(self) -> None:
        if self.shared.holder is self.life:
            self.shared.until = min(self.shared.until, self.life.now - WAIT_OUT)
