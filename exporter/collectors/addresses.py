"""Whether this node holds the virtual addresses of which it is a candidate, as seen on their interfaces.

The kernel says at once that some address has changed, and is then asked which are there; it is asked every other
second besides. Asking may hang for ever, so it is done in a thread, and a scrape takes what was seen last.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from ipaddress import ip_address

import structlog

from exporter.blocking import Blocking
from exporter.clock import Clock
from exporter.collector import Absent, Background, Latest
from exporter.config import VirtualAddress
from exporter.exposition import Family, Kind, block, line
from exporter.rtnetlink import News, addresses
from exporter.schedule import Periodic

log = structlog.get_logger()

FAMILY = Family(
    "hale_virtual_address_held",
    Kind.GAUGE,
    "Whether the virtual address is on its interface here; absent when unknown.",
)

Look = Callable[[str, Collection[int]], Collection[str]]


class Interfaces:
    """Looks at the interface of each address.

    Attributes:
        interval: Seconds between two looks when nothing happens.
        deadline: Seconds for one look at all of them.
    """

    name = "addresses"
    interval = 2.0
    deadline = 1.0

    def __init__(
        self, wanted: Sequence[VirtualAddress], blocking: Blocking, look: Look = addresses
    ) -> None:
        """Look at nothing yet.

        Args:
            wanted: The addresses of which this node is a candidate.
            blocking: Runs what may hang.
            look: Returns the usable addresses of an interface, of these IP versions at least.
        """
        self._blocking = blocking
        self._look = look
        self._wanted = tuple(wanted)

    def declare(self, wanted: Sequence[VirtualAddress]) -> None:
        """Take over a new list from the next look on."""
        self._wanted = tuple(wanted)

    async def collect(self, publish: Callable[[bytes], None]) -> None:
        """Look at every interface once.

        Raises:
            Absent: This node is no candidate of any address.
            Malformed: The kernel's answer could not be understood.
            OSError: The kernel would not say.
            StillRunning: An earlier look has not come back.
        """
        wanted = self._wanted
        if not wanted:
            raise Absent("no virtual addresses are declared")
        seen = await self._blocking.call(self.name, lambda: self._seen(wanted))
        lines = [
            line(FAMILY.series(address=one.address), str(ip_address(one.address)) in on_it)
            for one, on_it in zip(wanted, seen, strict=True)
        ]
        publish(block(FAMILY, lines))

    def _seen(self, wanted: Sequence[VirtualAddress]) -> list[Collection[str]]:
        return [self._look(one.interface, (ip_address(one.address).version,)) for one in wanted]


class Addresses(Background):
    """Looks at the interfaces every now and then, and at once when an address of the node has changed."""

    name = Interfaces.name

    def __init__(self, interfaces: Interfaces, clock: Clock) -> None:
        self._interfaces = interfaces
        self._wake = asyncio.Event()
        self._periodic = Periodic(interfaces, clock, self._wake)

    def declare(self, wanted: Sequence[VirtualAddress]) -> None:
        """Take over a new list now."""
        self._interfaces.declare(wanted)
        self._wake.set()

    async def run(self) -> None:
        """Look until cancelled."""
        try:
            news = News()
        except OSError as error:  # then the interval is all there is
            log.warning("addresses.unheard", reason=str(error))
            await self._periodic.run()
            return
        loop = asyncio.get_running_loop()
        loop.add_reader(news, self._heard, news)
        try:
            await self._periodic.run()
        finally:
            loop.remove_reader(news)
            news.close()

    def _heard(self, news: News) -> None:
        news.take()
        self._wake.set()

    def latest(self) -> Latest:
        """Return what was seen last, or nothing when that is too old to mean anything."""
        return self._periodic.latest()

    async def settled(self) -> None:
        """Return once the first look has ended."""
        await self._periodic.settled()
