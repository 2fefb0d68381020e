"""What restores left beside what they put in place. Nothing removes it but a person, who may miss something in it."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISDIR

_STAMP = "%Y%m%dT%H%M%SZ"
_OLD = re.compile(r"\.(?P<name>.+)\.hale-old-(?P<stamp>[0-9]{8}T[0-9]{6}Z)")


@dataclass(frozen=True, slots=True)
class Kept:
    """One old tree.

    Attributes:
        at: When the restore began that took its place, or when it was last at work; Unix seconds.
        size: Bytes that it takes on its disk, at the most: what has several names in it counts for each.
    """

    path: Path
    at: float
    size: int


def name(place: Path, at: float) -> Path:
    """Return where a restore of a moment, in Unix seconds, keeps what was at a place: under a name that nothing has."""
    while True:
        stamp = datetime.fromtimestamp(at, UTC).strftime(_STAMP)
        found = place.with_name(f".{place.name}.hale-old-{stamp}")
        if not os.path.lexists(found):
            return found
        at += 1


def beside(place: Path) -> Iterator[Kept]:
    """Yield what was kept of a place, the oldest first; nothing where its directory cannot be read."""
    try:
        names = sorted(os.listdir(place.parent))  # noqa: PTH208  # texts alone are wanted
    except OSError:
        return
    for one in names:
        match = _OLD.fullmatch(one)
        if match is not None and match["name"] == place.name:
            at = datetime.strptime(match["stamp"], _STAMP).replace(tzinfo=UTC).timestamp()
            path = place.parent / one
            yield Kept(path, at, _size(path))


def half_made(backup: str, place: Path) -> Iterator[Kept]:
    """Yield the folders in which a restore is at work, or was cut off; what was at the place may be in them alone.

    Only the next restore knows how far the last one came, and never that of an older release, whose folder has
    another name.
    """
    for one in (f".hale-restore-{backup}:{place.name}", f".hale-restore-{backup}-{place.name}"):
        path = place.parent / one
        try:
            found = path.lstat()
        except OSError:
            continue
        if S_ISDIR(found.st_mode):
            yield Kept(path, found.st_mtime, _size(path))


def _size(path: Path) -> int:
    """Return what a tree takes; what goes away or cannot be read meanwhile is not counted."""
    size = _own(path)
    for folder, folders, files in os.walk(path):
        size += sum(_own(Path(folder, one)) for one in (*folders, *files))
    return size


def _own(path: Path) -> int:
    try:
        return path.lstat().st_blocks * 512  # stat(2), whatever the file system's block is
    except OSError:
        return 0
