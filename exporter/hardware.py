"""Devices whose files ask the hardware when they are read, such as sensors: one that does not answer costs only itself.

A collector of such devices says how they are found, how one is read, and what is shown of them (`Reader`). Everything
that can hang is done in threads (`Lanes`).
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Generic, Protocol, TypeVar

import structlog

from exporter.blocking import Blocking, Threads
from exporter.clock import Clock
from exporter.collector import Absent, Malformed
from exporter.lanes import LANES, Lanes
from exporter.schedule import Periodic

log = structlog.get_logger()

T = TypeVar("T")

INTERVAL = 10.0  # seconds from one reading of all devices to the next
TIMEOUT = 5.0  # seconds until a device that does not answer is given up for this round

# Devices of which the log tells at once; a bus that hangs has all its devices silent.
MOST_TOLD = 3

# The key of the call that finds the devices.
FIND = "find"


class Reader(Protocol[T]):
    """One collector of such devices: what of it is its own.

    `find` and `read` run in threads, and several `read` perhaps at the same time: they keep nothing between two calls.
    """

    @property
    def name(self) -> str:
        """The collector's name."""
        ...

    def find(self) -> Collection[str]:
        """Return the devices that are there now, in the order in which they are shown; best by a listing of /sys.

        Raises:
            Absent: There can be none on this node.
            OSError: They could not be listed.
        """
        ...

    def read(self, device: str) -> T:
        """Read the files of one device; may never return.

        Raises:
            Malformed: They could not be understood.
            OSError: They could not be read. A file that a device need not have is the reader's own to pass over.
        """
        ...

    def body(self, readings: Mapping[str, T]) -> bytes:
        """Return the series in the text format; called on the event loop, for the devices that have answered."""
        ...


def in_background(
    reader: Reader[T], clock: Clock, interval: float = INTERVAL, timeout: float = TIMEOUT
) -> Periodic:
    """Make a reader's collector. A device that has come back is read at once.

    Args:
        reader: What is read.
        clock: For ages and durations.
        interval: Seconds from one reading of all devices to the next.
        timeout: Seconds until those that have not answered are given up for the round.
    """
    wake = asyncio.Event()
    threads = Threads(limit=LANES, reserved={FIND}, late=wake.set)
    return Periodic(Readings(reader, threads, interval, timeout), clock, wake)


class Readings(Generic[T]):
    """The readings of all devices, as a source for `Periodic`.

    Attributes:
        name: The collector's.
        interval: Seconds from the start of one round to the next.
        deadline: Seconds for one round; above what a device is given.
    """

    def __init__(
        self,
        reader: Reader[T],
        blocking: Blocking,
        interval: float = INTERVAL,
        timeout: float = TIMEOUT,
    ) -> None:
        """Read nothing yet.

        Args:
            reader: What is read.
            blocking: Runs what may hang.
            interval: Seconds from the start of one round to the next.
            timeout: Seconds until those that have not answered are given up for the round.
        """
        self.name = reader.name
        self.interval = interval
        self.deadline = timeout + 2.0
        self._reader = reader
        self._blocking = blocking
        self._lanes: Lanes[T] = Lanes(reader.name, blocking)
        self._timeout = timeout
        self._known: dict[str, T] = {}  # those that answered last time
        self._told: set[str] = set()  # those of whose silence the log knows

    async def collect(self, publish: Callable[[bytes], None]) -> None:
        """Publish what answers at once, then all; a device that does not answer, or with an error, has no series.

        Raises:
            Absent: There are none.
            Malformed: One cannot be understood; the others are published nevertheless.
            OSError: They cannot be listed, or not one of them could be read.
            StillRunning: The listing before has not come back.
            TimeoutError: Not one has answered.
        """
        devices = await self._blocking.call(FIND, self._reader.find)
        if not devices:
            raise Absent(f"{self.name}: there are none")
        # Those that answered last time go first: the rest may hold up every thread.
        first = sorted(devices, key=lambda device: device not in self._known)
        self._known = {device: self._known[device] for device in devices if device in self._known}
        answers, errors = await self._lanes.ask(
            first,
            self._reader.read,
            self._timeout,
            lambda come: publish(self._body(devices, self._known | come)),
        )
        self._known = answers
        self._tell(devices, errors)
        if self._known:
            publish(self._body(devices, self._known))
        elif not errors:
            raise TimeoutError
        _judge(errors, bool(self._known))

    def _body(self, devices: Collection[str], readings: Mapping[str, T]) -> bytes:
        return self._reader.body({d: readings[d] for d in devices if d in readings})

    def _tell(self, devices: Collection[str], errors: Mapping[str, Exception]) -> None:
        silent = {device for device in devices if device not in self._known}
        for device in sorted(silent - self._told)[:MOST_TOLD]:  # once, not at every round
            reason = str(errors.get(device, f"no answer within {self._timeout:g} s"))
            log.warning(
                "device.unread", collector=self.name, device=device, reason=reason, all=len(silent)
            )
        self._told = silent


def _judge(errors: Mapping[str, Exception], some_answered: bool) -> None:
    """Raise what makes the round a failed one: what nobody understands, or that not one could be read."""
    for device, error in errors.items():
        if isinstance(error, Malformed):
            raise error
        if not isinstance(error, OSError):
            raise Malformed(f"{device}: {type(error).__name__}: {error}") from error
    if errors and not some_answered:
        raise next(iter(errors.values()))
