"""What a program left in a session of its own: it comes to us when its parent dies, and ends with it.

Rule: only what is our child and was none before is ended, so no number can be another's.
"""

import ctypes
import os
import select
import signal
import time
from contextlib import suppress
from pathlib import Path

SECONDS = 1.0
"""How long that may take. A process in an uninterruptible wait of the kernel is then left alone."""

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER, prctl(2)
_LIBC = ctypes.CDLL(None)


def expect() -> frozenset[int]:
    """Have the orphans of what we start become our children, in place of init's; return those that we have now."""
    _LIBC.prctl(_SUBREAPER, 1, 0, 0, 0)
    return _children()


def end(known: frozenset[int]) -> None:
    """Kill every child but the known ones, and theirs when they come, until none is left or a second is over.

    Whatever loses its parent after that is init's again.

    Args:
        known: What `expect` returned.
    """
    until = time.monotonic() + SECONDS
    while (found := _children() - known) and time.monotonic() < until:
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        for pid in found:
            _reap(pid, until)
    _LIBC.prctl(_SUBREAPER, 0, 0, 0, 0)


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
