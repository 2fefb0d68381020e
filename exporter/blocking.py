"""Calls into the kernel that may never return, such as statvfs on a dead NFS server.

A thread cannot be cancelled, so the caller gives up waiting, the thread stays counted, and the same
question is not asked again until it has come back. All collectors together have so many threads and no more.
"""

import asyncio
import threading
from collections.abc import Callable, Collection
from functools import partial
from typing import Protocol, TypeVar

from exporter.apart import Bell

T = TypeVar("T")

# Threads at once in the whole process, stuck ones counted. The file systems have 64 of them at the most, so whatever
# hangs there leaves some for the rest; hale-exporter.service sets TasksMax=256, for programs that collectors run too.
MOST_THREADS = 160
_places = threading.BoundedSemaphore(MOST_THREADS)


class StillRunning(Exception):
    """The same call from before has not come back; nothing was started."""


class TooMany(StillRunning):
    """Far too many calls of all collectors have not come back; nothing was started, whatever it was."""


class Blocking(Protocol):
    """Runs blocking calls beside the event loop."""

    async def call(self, key: str, work: Callable[[], T]) -> T:
        """Run `work`, unless the last work under `key` is still at it.

        Raises:
            StillRunning: It is; nothing was started.
            Exception: Whatever `work` raised.
        """
        ...


class Threads:
    """A thread for each call, so that one that hangs takes no place in a queue from the others.

    Daemon threads, not asyncio's executor: Python waits for an executor's threads
    when it ends, and a stuck one would keep the exporter from stopping.
    """

    def __init__(
        self,
        limit: int = 64,
        reserved: Collection[str] = (),
        late: Callable[[], None] = lambda: None,
        *,
        apart: bool = False,
    ) -> None:
        """Start no thread yet.

        Args:
            limit: Most threads at once, stuck ones counted; more calls wait for a place.
            reserved: Keys that have a place of their own besides, so that they never wait for one.
            late: Called when a call has come back for which nobody waits any more: what hung may answer again.
            apart: Whether each thread lets go of the process's open files; see `exporter.apart`.
        """
        self._apart = apart
        self._bell: Bell | None = None
        self._late = late
        self._slots = asyncio.Semaphore(limit)
        self._own = {key: asyncio.Semaphore(1) for key in reserved}
        self._running: set[str] = set()

    @property
    def running(self) -> frozenset[str]:
        """The keys whose call has not come back."""
        return frozenset(self._running)

    async def call(self, key: str, work: Callable[[], T]) -> T:
        """Run `work` in a thread of its own; cancelling gives up the wait, not the thread.

        Raises:
            StillRunning: An earlier call under `key` has not come back; nothing was started.
            TooMany: Far too many of others have not; nothing was started.
            Exception: Whatever `work` raised.
        """
        if key in self._running:
            raise StillRunning(f"{key}: the last call has not come back")
        self._running.add(key)  # before the wait for a place, or two callers could both wait
        try:
            await self._slots_for(key).acquire()
        except BaseException:
            self._running.discard(key)
            raise
        return await self._start(key, work)

    def _start(self, key: str, work: Callable[[], T]) -> "asyncio.Future[T]":
        loop = asyncio.get_running_loop()
        if self._apart and self._bell is None:
            self._bell = Bell()
        bell = self._bell
        future: asyncio.Future[T] = loop.create_future()

        def finished(settle: Callable[[], None]) -> None:
            self._release(key)
            if future.done():  # nobody waits any more: the answer is too late to count
                self._late()
            else:
                settle()

        def body() -> None:
            if bell is not None:
                bell.stay_alone()
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - handed to the waiter, not swallowed
                settle = _setter(future.set_exception, error)
            else:
                settle = _setter(future.set_result, result)
            finally:
                _places.release()
            if bell is not None:
                bell.ring(partial(finished, settle))
                return
            try:
                loop.call_soon_threadsafe(finished, settle)
            except RuntimeError:
                pass  # the loop has closed: the exporter is ending

        self._launch(key, body)
        return future

    def _launch(self, key: str, body: Callable[[], None]) -> None:
        if not _places.acquire(blocking=False):
            self._release(key)
            raise TooMany(f"{key}: {MOST_THREADS} calls have not come back")
        try:
            threading.Thread(target=body, name=f"blocking:{key}", daemon=True).start()
        except RuntimeError:
            _places.release()
            self._release(key)
            raise

    def _release(self, key: str) -> None:
        self._running.discard(key)
        self._slots_for(key).release()

    def _slots_for(self, key: str) -> asyncio.Semaphore:
        return self._own.get(key, self._slots)


V = TypeVar("V")


def _setter(setter: Callable[[V], None], value: V) -> Callable[[], None]:
    return lambda: setter(value)
