"""Collectors that read files of a disk: in a thread, since a disk may hang, and every now and then."""

from collections.abc import Callable

from exporter.blocking import Blocking, Threads
from exporter.clock import Clock
from exporter.schedule import Periodic

DEADLINE = 5.0  # seconds


class Aside:
    """Something that is read in a thread of its own, as a source for `Periodic`."""

    def __init__(
        self,
        name: str,
        read: Callable[[], bytes],
        interval: float,
        blocking: Blocking,
        deadline: float = DEADLINE,
    ) -> None:
        """Read nothing yet.

        Args:
            name: The collector's.
            read: Returns the series, or raises what a source may raise; never more than one at a time.
            interval: Seconds from the start of one reading to the next.
            blocking: Runs it.
            deadline: Seconds until it is given up.
        """
        self.name = name
        self.interval = interval
        self.deadline = deadline
        self._read = read
        self._blocking = blocking

    async def collect(self, publish: Callable[[bytes], None]) -> None:
        """Read once.

        Raises:
            Absent, Malformed, OSError: What reading raised.
            StillRunning: The reading before has not come back.
        """
        publish(await self._blocking.call(self.name, self._read))


def aside(name: str, read: Callable[[], bytes], interval: float, clock: Clock) -> Periodic:
    """Make the collector of what is read so."""
    return Periodic(Aside(name, read, interval, Threads()), clock)
