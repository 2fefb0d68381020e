"""Devices whose files ask the hardware when they are read, such as sensors: one that does not answer costs only itself.

A collector of such devices says how they are found, how one is read, and what is shown of them (`Reader`). Everything
that can hang is done in threads: one reads all devices in turn, and as soon as one keeps it waiting others go on with
the rest.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Generic, Protocol, TypeVar

import structlog

from exporter.blocking import Blocking, Threads
from exporter.clock import Clock
from exporter.collector import Absent, Malformed
from exporter.schedule import Periodic

log = structlog.get_logger()

T = TypeVar("T")

INTERVAL = 10.0  # seconds from one reading of all devices to the next
TIMEOUT = 5.0  # seconds until a device that does not answer is given up for this round

# After so many seconds without an answer others go on with the rest, twice as many threads as are at it.
PROMPT = 0.1
# Threads of one collector at once, those that hang counted. With as many devices that hang the others are read no more.
LANES = 16

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
        self._timeout = timeout
        self._known: dict[str, T] = {}  # those that answered last time
        self._reading: set[str] = set()  # those at which a thread is now
        self._told: set[str] = set()  # those of whose silence the log knows
        self._lanes = 0

    async def collect(self, publish: Callable[[bytes], None]) -> None:
        """Publish what answers at once, then all; a device that does not answer, or with an error, has no series.

        Raises:
            Absent: There are none.
            Malformed: Those that answered cannot be understood.
            OSError: They cannot be listed, or not one of them could be read.
            StillRunning: The listing before has not come back.
            TimeoutError: Not one has answered.
        """
        devices = await self._blocking.call(FIND, self._reader.find)
        if not devices:
            raise Absent(f"{self.name}: there are none")
        # Those that answered last time go first: the rest may hold up every thread.
        first = sorted(devices, key=lambda device: device not in self._known)
        round_ = _Round(self._reader.read, [d for d in first if d not in self._reading])
        self._known = {device: self._known[device] for device in devices if device in self._known}
        await self._ask(round_, lambda: publish(self._body(devices, self._known | round_.answers)))
        self._known = dict(round_.answers)
        self._tell(devices, round_.errors)
        if not self._known:
            raise round_.errors.popitem()[1] if round_.errors else TimeoutError
        publish(self._body(devices, self._known))

    async def _ask(self, round_: "_Round[T]", show: Callable[[], None]) -> None:
        """Have threads read the devices until all have answered or the time is up; `show` what has come meanwhile."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._timeout
        running = {self._lane(round_)}
        before = shown = 0
        try:
            while running and (left := until - loop.time()) > 0:
                ended, running = await asyncio.wait(running, timeout=min(PROMPT, left))
                for lane in ended:
                    lane.result()
                if running and len(round_.answers) > shown:
                    shown = len(round_.answers)
                    show()
                if round_.done == before:  # nobody gets on
                    running |= {self._lane(round_) for _ in range(self._more(round_, running))}
                before = round_.done
        finally:
            round_.todo.clear()  # a thread that comes back late takes nothing up
            for lane in running:
                lane.cancel()

    def _more(self, round_: "_Round[T]", running: Collection[object]) -> int:
        return min(len(running), LANES - len(running), len(round_.todo))

    def _lane(self, round_: "_Round[T]") -> "asyncio.Task[None]":
        self._lanes += 1
        key = f"{self.name} {self._lanes}"
        call = self._blocking.call(key, lambda: round_.work(self._reading))
        return asyncio.create_task(call, name=key)

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


class _Round(Generic[T]):
    """One reading of every device, shared by the threads that do it.

    What they share is changed by single calls into it only, each of which Python makes whole.
    """

    def __init__(self, read: Callable[[str], T], devices: Collection[str]) -> None:
        self.todo = deque(devices)
        self.answers: dict[str, T] = {}
        self.errors: dict[str, Exception] = {}
        self._read = read

    @property
    def done(self) -> int:
        """How many devices have answered, be it with an error."""
        return len(self.answers) + len(self.errors)

    def work(self, reading: set[str]) -> None:
        """Read one device after the other until none is left; each is in `reading` meanwhile."""
        while True:
            try:
                device = self.todo.popleft()
            except IndexError:
                return
            reading.add(device)
            try:
                self.answers[device] = self._read(device)
            except (OSError, Malformed) as error:
                self.errors[device] = error
            finally:
                reading.discard(device)
