"""Work that waits for a disk, done in a process of its own: one that hangs in the kernel is left behind."""

import os
import select
import signal
import time
from collections.abc import Callable

KILLED_SECONDS = 1.0
ANSWER_BYTES = 64 * 1024
_HIGHEST_FD = 1 << 20


class Hung(Exception):  # reads as what happened
    """The work was not done in time. It was killed, or it outlives that in the kernel."""


def in_child(work: Callable[[], bytes], seconds: float) -> bytes:
    """Fork, let the child do the work, and return what it made, at most 64 KiB.

    The child has none of our descriptors: neither the peer's connection nor a lock stays with one that hangs.

    Raises:
        Hung: its time was up; what it had begun may be done or not.
        OSError: it could not be started, or it died or raised. The same holds for what it had begun.
    """
    out, into = os.pipe2(os.O_CLOEXEC)
    try:
        pid = os.fork()
        if pid == 0:
            _be_the_child(work, into)
    except OSError:
        os.close(out)
        raise
    finally:
        os.close(into)
    exit_fd = os.pidfd_open(pid)
    try:
        answer = _read(out, time.monotonic() + seconds)
        if answer is None:
            signal.pidfd_send_signal(exit_fd, signal.SIGKILL)
        if not _ready(exit_fd, KILLED_SECONDS):
            raise Hung(f"not done within {seconds:.1f} s, and cannot be ended")
        _, status = os.waitpid(pid, 0)
    finally:
        os.close(exit_fd)
        os.close(out)
    if answer is None:
        raise Hung(f"not done within {seconds:.1f} s")
    if status != 0:
        raise OSError(answer.decode("utf-8", "replace") or f"ended with status {status}")
    return answer


def _be_the_child(work: Callable[[], bytes], into: int) -> None:
    """Do the work and leave; nothing of the parent's may run on the way out."""
    status = 1
    try:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.closerange(0, into)
        os.closerange(into + 1, _HIGHEST_FD)
        os.write(into, work()[:ANSWER_BYTES])
        status = 0
    except Exception as error:  # noqa: BLE001  # whatever it is, the parent says it
        os.write(into, str(error).encode("utf-8", "replace")[:ANSWER_BYTES])
    finally:
        os._exit(status)


def _read(fd: int, end: float) -> bytes | None:
    """Return all that is written until the other end is closed; None when time is up before."""
    found = b""
    while (left := end - time.monotonic()) > 0 and _ready(fd, left):
        chunk = os.read(fd, ANSWER_BYTES)
        if not chunk:
            return found
        found += chunk
    return None


def _ready(fd: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(seconds * 1000))
