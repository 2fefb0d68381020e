"""Where things are on a node, and the lock that keeps two jobs of one backup apart."""

import fcntl
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backup.words import Failed, Reason


@dataclass(frozen=True, slots=True)
class Places:
    """The folders.

    Attributes:
        reports: What the exporter and the gate read; everybody may read it, root alone writes.
        state: Ours; what is kept from one job to the next.
        run: Locks; a boot empties it.
        cache: restic's cache, of which nothing is lost when it goes.
    """

    reports: Path = Path("/var/lib/hale-backups")
    state: Path = Path("/var/lib/hale-backup")
    run: Path = Path("/run/hale-backup")
    cache: Path = Path("/var/cache/hale-backup")

    def of(self, name: str) -> Path:
        """Return the folder of one backup's state; it is made if it is missing."""
        folder = self.state / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def report(self, name: str, kind: str) -> Path:
        """Return where a report of a backup lies, such as of kind `drill`."""
        return self.reports / f"{name}.{kind}.json"


PATIENCE = 3600.0
"""Seconds that a job waits for another one of the same backup."""

_AGAIN = 0.2


@contextmanager
def locked(
    places: Places, name: str, patience: float = PATIENCE, *, first: bool = False
) -> Iterator[None]:
    """Keep every other job of this backup away for as long as this process lives, however it ends.

    Args:
        places: Where the locks lie.
        name: The backup's.
        patience: Seconds to wait for the job that runs.
        first: It waits for that one alone, and no other job begins meanwhile. What puts lost files back does,
            and says that it waits, since somebody waits for it.

    Raises:
        Failed: busy; another job of it ran for as long as we waited, and nothing was touched.
    """
    places.run.mkdir(mode=0o755, parents=True, exist_ok=True)
    with _opened(places.run / f"{name}.lock") as lock, _opened(places.run / f"{name}.first") as way:
        until, told = time.monotonic() + patience, not first
        while not _has_its_turn(lock, way, first):
            if time.monotonic() >= until:
                why = f"another job of {name} ran on this node for all the {patience:g} s that we waited"
                raise Failed(Reason.BUSY, f"{why}; nothing was touched")
            if not told:
                line = f"waits for the job of {name} that runs, for {patience:g} s at the most"
                print(f"hale-backup: {line}", file=sys.stderr, flush=True)
                told = True
            time.sleep(_AGAIN)
        yield


def _has_its_turn(lock: int, way: int, first: bool) -> bool:
    """Whether the lock could be taken; who comes first bars the way of all others until its process ends."""
    if not _taken(way, fcntl.LOCK_EX if first else fcntl.LOCK_SH):
        return False
    taken = _taken(lock, fcntl.LOCK_EX)
    if not first:
        fcntl.flock(way, fcntl.LOCK_UN)
    return taken


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)


def _taken(fd: int, how: int) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def scratch(folder: str, name: str) -> Iterator[Path]:
    """Give an empty folder, and remove it with all that is in it at the end.

    What a killed job left there is removed first, so that it stays for no longer than until the next one.

    Raises:
        OSError: it cannot be made or emptied.
    """
    place = leftover(folder, name)
    remove(place)
    place.mkdir(mode=0o700, parents=True)
    try:
        yield place
    finally:
        remove(place)


def leftover(folder: str, name: str) -> Path:
    """Return where a drill restores to, and what a killed one leaves behind."""
    return Path(folder) / f"hale-drill-{name}"


def remove(folder: Path) -> None:
    """Remove a folder and all below it; links are not followed. Nothing happens where there is none.

    Raises:
        OSError: something of it cannot be removed.
    """
    if folder.is_symlink():
        raise OSError(f"{folder} is a link, and is left alone")
    if folder.exists():
        shutil.rmtree(folder)


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace a file as a whole, durably. Its folder is made if it is missing.

    Raises:
        OSError: the old one or the new one is there.
    """
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    # A name with a dot in front, so that nobody takes it for a report before it is whole; and of this process, since
    # one that waited in vain tells of it beside the job that runs.
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
