"""Stand-ins behind the exporter's own ports; none of them needs real time."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from exporter import vrrp
from exporter.blocking import StillRunning
from exporter.bus import BusLost
from exporter.clock import Clock
from exporter.serving import Probed
from exporter.unit import Unit
from exporter.units import Listener

T = TypeVar("T")

EPOCH = 1_700_000_000.0


def loop_clock() -> Clock:
    """The running loop's time, which under looptime costs nothing."""
    loop = asyncio.get_running_loop()
    return Clock(monotonic=loop.time, wall=lambda: EPOCH + loop.time())


def still_clock() -> Clock:
    """A clock that stands still: every duration is 0."""
    return Clock(monotonic=lambda: 0.0, wall=lambda: EPOCH)


@dataclass
class FakeBlocking:
    """Answers at once, but for the keys that hang until they are let go."""

    hanging: dict[str, asyncio.Event] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    started: list[str] = field(default_factory=list)

    def hang(self, key: str) -> asyncio.Event:
        self.hanging[key] = asyncio.Event()
        return self.hanging[key]

    async def call(self, key: str, work: Callable[[], T]) -> T:
        if key in self.running:
            raise StillRunning(key)
        self.started.append(key)
        if (event := self.hanging.get(key)) is not None and not event.is_set():
            self.running.add(key)
            try:
                await event.wait()
            except asyncio.CancelledError:
                # As with a thread: the caller is gone, the call is not.
                task = asyncio.ensure_future(self._release(key, event))
                self._late.add(task)
                raise
            self.running.discard(key)
        return work()

    _late: set[asyncio.Task[None]] = field(default_factory=set)

    async def _release(self, key: str, event: asyncio.Event) -> None:
        await event.wait()
        self.running.discard(key)


def unit(active: str = "active", sub: str = "running", run: str = "a1", **more: object) -> Unit:
    """A loaded unit; `run` is its InvocationID."""
    made: dict[str, object] = {
        "load_state": "loaded",
        "active_state": active,
        "sub_state": sub,
        "result": "success",
        "restarts": 0,
        "memory_bytes": 4096,
        "state_changed_at": EPOCH,
        "invocation_id": run,
        "starts_at_boot": True,
        **more,
    }
    return Unit(**made)  # type: ignore[arg-type]


class FakeSystemd:
    """Says what the test says, when the test says it."""

    def __init__(self) -> None:
        self.units: dict[str, Unit] = {}
        self.watched: list[tuple[str, ...]] = []
        self.silent = False
        self._listener: Listener | None = None
        self._broken = asyncio.Event()
        self._end: Exception = BusLost("the bus closed the connection")

    async def watch(self, names: Sequence[str], listener: Listener) -> None:
        self.watched.append(tuple(names))
        if self.silent:
            await asyncio.sleep(5)
            raise TimeoutError
        self._listener = listener
        for name in names:
            if name in self.units:
                listener.unit_seen(name, self.units[name])
        listener.synced(0.0)
        self._broken.clear()
        await self._broken.wait()
        raise self._end

    def signal(self, name: str, seen: Unit) -> None:
        """Change a unit, as PropertiesChanged would tell it."""
        self.units[name] = seen
        assert self._listener is not None
        self._listener.unit_seen(name, seen)

    def break_connection(self) -> None:
        self._broken.set()

    def fall_over(self, error: Exception) -> None:
        """Raise what no watcher is meant to raise."""
        self._end = error
        self._broken.set()


class FakeVrrp:
    """A keepalived that has these instances, and in which nothing happens."""

    def __init__(self, instances: vrrp.Seen) -> None:
        self.instances = instances

    async def watch(self, paths: Sequence[str], listener: vrrp.Listener) -> None:
        listener.vrrp_seen({p: one for p, one in self.instances.items() if p in paths})
        listener.synced(0.0)
        await asyncio.Event().wait()


class OddProber:
    """Can never make an attempt, as a rule for a reason that no prober is meant to have."""

    kind = "tcp"
    earliest_expiry: float | None = None
    asked = True

    def __init__(self, error: Exception | None = None) -> None:
        self.attempts = 0
        self._error = error or UnicodeError("label empty or too long")

    async def attempt(self) -> Probed:
        self.attempts += 1
        raise self._error


class FakeProber:
    """A service that answers as the test wants; `takes` seconds pass in each attempt."""

    kind = "http"
    earliest_expiry: float | None = None
    asked = True

    def __init__(self) -> None:
        self.answer = Probed.SUCCESS
        self.takes = 0.0
        self.attempts: list[float] = []

    async def attempt(self) -> Probed:
        self.attempts.append(asyncio.get_running_loop().time())
        answer = self.answer  # what the service was when it was asked
        await asyncio.sleep(self.takes)
        return answer
