"""What keepalived does with the virtual addresses of this node, as keepalived_exporter names it.

That one runs as root and has keepalived write its state into /tmp; we ask over the system bus, as nobody in particular.
"""

import asyncio
from collections.abc import Sequence

import structlog

from exporter.bus import BusLost
from exporter.clock import Clock
from exporter.collector import Background, Latest, State
from exporter.config import VirtualAddress
from exporter.exposition import Family, Kind, block, line
from exporter.racing import first
from exporter.vrrp import Seen, Vrrp, path_of

log = structlog.get_logger()

UP = Family("keepalived_up", Kind.GAUGE, "Whether keepalived answers; absent when unknown.")
STATE = Family(
    "keepalived_vrrp_state", Kind.GAUGE, "State of vrrp: 0 init, 1 backup, 2 master, 3 fault."
)

# Seconds between two attempts to reach the bus.
RECONNECT = 1.0


class Keepalived(Background):
    """Follows the VRRP instance of each address; signals drive it, so it has no schedule of its own."""

    name = "keepalived"

    def __init__(self, addresses: Sequence[VirtualAddress], vrrp: Vrrp, clock: Clock) -> None:
        """Ask nothing yet.

        Args:
            addresses: Declared for this node.
            vrrp: Where the states come from.
            clock: For durations and times of success.
        """
        self._addresses = tuple(addresses)
        self._vrrp = vrrp
        self._clock = clock
        self._body = b""
        self._state = State.TIMED_OUT
        self._asked_at = clock.monotonic()
        self._duration: float | None = None
        self._last_success: float | None = None
        self._missing: frozenset[str] = frozenset()
        self._settled = asyncio.Event()
        self._redeclared = asyncio.Event()

    def declare(self, addresses: Sequence[VirtualAddress]) -> None:
        """Take over a new list; of what changed nothing is known until keepalived was asked."""
        if tuple(addresses) != self._addresses:
            self._addresses = tuple(addresses)
            self._body = b""
            self._redeclared.set()

    async def run(self) -> None:
        """Follow until cancelled, anew after every `declare`.

        Raises:
            Exception: A bug of ours; nothing is known until this is run again.
        """
        try:
            while True:
                self._redeclared.clear()
                await first(self._follow(), self._until_redeclared())
        except Exception as error:
            self._lost(State.FAILED, f"{type(error).__name__}: {error}")
            raise

    async def _until_redeclared(self) -> None:
        await self._redeclared.wait()

    async def _follow(self) -> None:
        if not self._addresses:
            self._settled.set()
            await self._redeclared.wait()
        paths = sorted({path_of(one) for one in self._addresses})
        while True:
            self._asked_at = self._clock.monotonic()
            try:
                await self._vrrp.watch(paths, self)
            except TimeoutError:
                self._lost(State.TIMED_OUT, "the system bus or keepalived does not answer")
            except BusLost as error:
                self._lost(State.FAILED, str(error))
            await asyncio.sleep(RECONNECT)

    def _lost(self, state: State, reason: str) -> None:
        if state is not self._state or not self._settled.is_set():  # once, not at every attempt
            log.warning(f"collector.{state.value}", collector=self.name, reason=reason)
        self._body = b""
        self._state = state
        self._duration = self._clock.monotonic() - self._asked_at
        self._settled.set()

    def vrrp_seen(self, instances: Seen | None) -> None:
        """Take in the present state of all; None when keepalived is not on the bus."""
        seen = instances or {}
        states = [
            line(_series(one, seen[path].name), seen[path].state)
            for one in self._addresses
            if (path := path_of(one)) in seen
        ]
        self._body = block(UP, [line(UP.series(), instances is not None)]) + block(STATE, states)
        self._tell_missing(frozenset() if instances is None else self._paths() - seen.keys())

    def _paths(self) -> frozenset[str]:
        return frozenset(map(path_of, self._addresses))

    def _tell_missing(self, missing: frozenset[str]) -> None:
        for path in missing - self._missing:
            log.warning("vrrp.no_such_instance", path=path)
        self._missing = missing

    def synced(self, duration_seconds: float) -> None:
        """Take in that everything was answered."""
        self._state = State.OK
        self._duration = duration_seconds
        self._last_success = self._clock.wall()
        self._settled.set()

    def latest(self) -> Latest:
        """Return what is known at this moment."""
        state = self._state if self._addresses else State.ABSENT
        return Latest(self._body, state, self._duration, self._last_success)

    async def settled(self) -> None:
        """Return once keepalived has been asked, whatever came of it."""
        await self._settled.wait()


def _series(address: VirtualAddress, name: str) -> bytes:
    return STATE.series(
        iname=name,
        intf=address.interface,
        ip_address=address.address,
        vrid=str(address.router_id),
    )
