"""One command at a time changes a lab; the second is told who the first is."""

import contextlib
import fcntl
import os
from collections.abc import Iterator

from lab.names import Place
from lab.ports import LabError


@contextlib.contextmanager
def held(place: Place, doing: str) -> Iterator[None]:
    """Hold the lab's lock. The kernel lets go of it when we die, however we do.

    Args:
        place: The lab.
        doing: What we are about to do, for whoever is refused meanwhile.

    Raises:
        LabError: Another command holds it; nothing was changed.
    """
    file = _acquire(place)
    try:
        os.ftruncate(file, 0)
        os.pwrite(file, f"hale-lab {doing} (process {os.getpid()})".encode(), 0)
        yield
    finally:
        # Removed while we hold it: whoever opened it before us sees that it is no longer the lock.
        place.lock.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # another lab of this machine still uses the directory
            place.state.rmdir()
            place.state.parent.rmdir()
        os.close(file)


def _acquire(place: Place) -> int:
    while True:
        place.state.mkdir(parents=True, exist_ok=True)
        file = os.open(place.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as busy:
            who = os.pread(file, 200, 0).decode(errors="replace") or "another hale-lab"
            os.close(file)
            raise LabError(
                f"lab {place.id}: {who} is changing it; wait for it or end it, then try again"
            ) from busy
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(file).st_ino == place.lock.stat().st_ino:
                return file
        os.close(file)
