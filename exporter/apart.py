"""Threads that have none of the process's open files, so that one which hangs in the kernel keeps none of them open.

Of a process that is killed while a thread hangs, that thread is left (docs/exporter.md, When something hangs). If it
shared the files, the port would stay taken, and the next exporter could not start. Rule: work that is run apart opens
what it needs itself.
"""

import asyncio
import ctypes
import os
import weakref
from collections import deque
from collections.abc import Callable

FIRST = 3
"""The first descriptor after stderr, which stays."""

# include/uapi/linux/close_range.h, since Linux 5.9 and glibc 2.34.
CLOSE_RANGE_UNSHARE = 2
LAST = 0xFFFFFFFF

_close_range = getattr(ctypes.CDLL(None), "close_range", None)


class Bell:
    """Calls the event loop from threads that have no other descriptor than this one's."""

    def __init__(self) -> None:
        """Hang it up for the running event loop."""
        self._waiting: deque[Callable[[], None]] = deque()
        self._descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        weakref.finalize(self, os.close, self._descriptor)
        asyncio.get_running_loop().add_reader(self._descriptor, self._answer)

    def ring(self, call: Callable[[], None]) -> None:
        """Have the event loop make a call, from any thread."""
        self._waiting.append(call)
        os.eventfd_write(self._descriptor, 1)

    def stay_alone(self) -> None:
        """Let go of every other file in this thread; where the kernel has no such call they stay shared."""
        if _close_range is None or _close_range(self._descriptor + 1, LAST, CLOSE_RANGE_UNSHARE):
            return
        if self._descriptor > FIRST:
            _close_range(FIRST, self._descriptor - 1, 0)

    def _answer(self) -> None:
        os.eventfd_read(self._descriptor)
        while self._waiting:
            self._waiting.popleft()()
