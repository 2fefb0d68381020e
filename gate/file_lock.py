"""Waiting for a lock of a file that others hold for moments."""

import fcntl
import time

_AGAIN = 0.005  # seconds; whoever holds one writes some hundred bytes


def take(fd: int, patience: float) -> None:
    """Lock a file for ourselves alone, until its descriptor is closed.

    Args:
        fd: Its descriptor.
        patience: Seconds to wait for whoever has it.

    Raises:
        OSError: It cannot be locked, or not in time (BlockingIOError).
    """
    end = time.monotonic() + patience
    while True:
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise
            time.sleep(_AGAIN)
