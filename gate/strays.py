"""What a program left in a session of its own: it comes to us when its parent dies, and ends with it.

Rule: only what is our child and was none before is ended, so no number can be another's.
"""

import ctypes
import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SECONDS = 1.0
"""How long that may take. A process in an uninterruptible wait of the kernel is then left alone."""

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER, prctl(2)
_LIBC = ctypes.CDLL(None)


@contextmanager
def ended() -> Iterator[set[int]]:
    """Have the orphans of what is started meanwhile become our children, in place of init's, and kill them at the end.

    Whatever loses its parent after that is init's again. No error here is an error of what was started.

    Yields:
        Our children so far, which are left alone; add to them what you end yourself.
    """
    known = set(_children())
    _LIBC.prctl(_SUBREAPER, 1, 0, 0, 0)
    try:
        yield known
    finally:
        try:
            with suppress(OSError):
                _end(known)
        finally:
            _LIBC.prctl(_SUBREAPER, 0, 0, 0, 0)


def _end(known: set[int]) -> None:
    """Kill every child but the known ones, and theirs when they come, until none is left or a second is over."""
    until = time.monotonic() + SECONDS
    while (found := _children() - known) and time.monotonic() < until:
        for pid in found:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        for pid in found:
            with suppress(OSError):  # too many open files; the next round may have one
                _reap(pid, until)


def _reap(pid: int, until: float) -> None:
    exit_fd = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(exit_fd, select.POLLIN)
        if poll.poll(max(0.0, until - time.monotonic()) * 1000):
            os.waitpid(pid, 0)
    finally:
        os.close(exit_fd)


def _children() -> frozenset[int]:
    """Return our children, ended ones that nobody waited for included; none where the kernel does not say (proc(5))."""
    found = set[int]()
    for path in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):
            found.update(map(int, path.read_text().split()))
    return frozenset(found)
