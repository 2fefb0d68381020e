"""Room kept free on disk, so that what was begun can be written to its end on a full disk.

A file of real blocks stands beside the journal; it is given up when the journal needs the room, and made
again when there is room enough for both.
"""

import os
from pathlib import Path


class Reserve:
    """One preallocated file.

    Blocking: every method makes a few system calls.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size

    def free(self) -> int:
        """Return how many bytes an unprivileged process may still write on this file system."""
        stat = os.statvfs(self._path.parent)
        return stat.f_bavail * stat.f_frsize

    def is_held(self) -> bool:
        """Whether the room is there."""
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return False
        # st_blocks counts 512-byte units on Linux whatever the block size is (stat(2)); a file
        # system that compresses or keeps it sparse has reserved nothing.
        return stat.st_size >= self._size and stat.st_blocks * 512 >= self._size

    def ensure(self) -> bool:
        """Hold the room if it can be had; return whether something new may be begun.

        There has to be as much again beside it: the reserve is for ends, not for beginnings.
        """
        if self.is_held():
            return self.free() >= self._size
        if self.free() < 2 * self._size:
            return False
        try:
            self._allocate()
        except OSError:
            self.give_up()
            return False
        return self.is_held() and self.free() >= self._size

    def give_up(self) -> bool:
        """Let go of the room; return whether any was given up."""
        try:
            size = self._path.stat().st_size
            os.truncate(self._path, 0)
        except OSError:
            return False
        return size > 0

    def _allocate(self) -> None:
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.posix_fallocate(handle, 0, self._size)
            os.fsync(handle)
        finally:
            os.close(handle)
