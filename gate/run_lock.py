"""One taking verb at a time over all sessions, and the proof that its runner still lives.

The kernel drops the lock with the process that holds it, however that ends. It is taken and tested
only while the ledger is locked, so a `begun` record under a taken lock is the holder's own.
"""

import fcntl
import os
from dataclasses import dataclass, field
from pathlib import Path

from gate.unwritable import LedgerUnwritable


@dataclass(slots=True)
class RunLock:
    """A lock file in /run, which a boot empties."""

    path: Path
    _fd: int | None = field(default=None, init=False)

    def take(self) -> bool:
        """Take the lock if nobody has it.

        Raises:
            LedgerUnwritable: the file cannot be made, so nobody can know who runs.
        """
        fd = self._locked()
        if fd is None:
            return False
        self._fd = fd
        return True

    def release(self) -> None:
        """Let go of the lock, if we have it."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def is_free(self) -> bool:
        """Tell whether no runner lives.

        Raises:
            LedgerUnwritable: as `take`.
        """
        fd = self._locked()
        if fd is None:
            return False
        os.close(fd)
        return True

    def _locked(self) -> int | None:
        try:
            self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise LedgerUnwritable(f"{self.path}: {error.strerror}") from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        return fd
