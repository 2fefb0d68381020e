"""Collectors that read files of a disk: in a thread, since a disk may hang, and every now and then."""

import asyncio
from collections.abc import Callable

from exporter.blocking import Blocking, Threads
from exporter.clock import Clock
from exporter.schedule import Periodic

DEADLINE = 5.0  # seconds
SHARE = 0.02


class Aside:
    """Something that is read in a thread of its own, as a source for `Periodic`."""

    def __init__(
        self,
        name: str,
        read: Callable[[], bytes],
        interval: float,
        blocking: Blocking,
        deadline: float = DEADLINE,
        share: float = SHARE,
    ) -> None:
        """Read nothing yet.

        Args:
            name: The collector's.
            read: Returns the series, or raises what a source may raise; never more than one at a time.
            interval: Seconds from the start of one reading to the next.
            blocking: Runs it.
            deadline: Seconds until it is given up.
            share: The part of its time that it may take at the most; what takes longer is read less often.
        """
        self.name = name
        self._least = interval
        self._share = share
        self._took = 0.0
        self.deadline = deadline
        self._read = read
        self._blocking = blocking

    @property
    def interval(self) -> float:
        """Seconds from the start of one reading to the next."""
        return max(self._least, self._took / self._share)

    async def collect(self, publish: Callable[[bytes], None]) -> None:
        """Read once.

        Raises:
            Absent, Malformed, OSError: What reading raised.
            StillRunning: The reading before has not come back.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        body = await self._blocking.call(self.name, self._read)
        self._took = loop.time() - began
        publish(body)


def aside(name: str, read: Callable[[], bytes], interval: float, clock: Clock) -> Periodic:
    """Make the collector of what is read so."""
    return Periodic(Aside(name, read, interval, Threads()), clock)
