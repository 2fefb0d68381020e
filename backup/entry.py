"""One file, directory or link of what is backed up: how it is, and its hash.

Rule: whatever differs after the backup from before was moving, and what was moving proves nothing and refutes nothing.
"""

import hashlib
import os
import re
import stat
from pathlib import Path
from typing import NamedTuple

CHUNK = 1 << 20
_ESCAPED = re.compile("[\udc80-\udcff]")
"""Bytes that are no UTF-8, as os.fsdecode has them: one sign each."""


class Entry(NamedTuple):
    """How one name was when it was hashed.

    Attributes:
        path: As os.fsdecode gives it.
        kind: `f`, `d` or `l`; of other kinds nothing is kept.
        mode: Permission bits.
        size: Bytes of a file, else 0.
        mtime: Nanoseconds, as ctime; of files, and of directories in which no name came or went meanwhile.
        proof: A file's sha256 in hex, or where a link leads; empty for a directory.
        moving: Whether it changed while the backup ran.
    """

    path: str
    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    ctime: int
    inode: int
    proof: str
    moving: bool = False

    @property
    def stamp(self) -> tuple[int, int, int, int]:
        """What no ordinary write leaves as it was."""
        return (self.size, self.mtime, self.ctime, self.inode)


def look(path: str, known: Entry | None = None) -> Entry | None:
    """Return how a name is now; None for one that is neither file, directory nor link.

    Args:
        path: Which.
        known: How it was; where no write can have come since, its hash is taken over, as restic takes over its content.

    Raises:
        OSError: it is gone or cannot be read.
    """
    seen = os.lstat(path)
    if stat.S_ISDIR(seen.st_mode):
        return _entry(path, "d", seen, "")
    if stat.S_ISLNK(seen.st_mode):
        return _entry(path, "l", seen, os.fspath(Path(path).readlink()))
    if not stat.S_ISREG(seen.st_mode):
        return None
    fresh = _entry(path, "f", seen, "")
    if known is not None and known.stamp == fresh.stamp and not known.moving:
        return fresh._replace(proof=known.proof)
    return _hashed(path)


def _hashed(path: str) -> Entry:
    # Between lstat and here it may have become a pipe, which must not be waited for, or a link.
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(fd, "rb") as file:
        before = os.fstat(fd)
        digest = hashlib.sha256()
        while chunk := file.read(CHUNK):
            digest.update(chunk)
        after = _entry(path, "f", os.fstat(fd), digest.hexdigest())
    return after._replace(moving=after.stamp != _entry(path, "f", before, "").stamp)


def _entry(path: str, kind: str, seen: os.stat_result, proof: str) -> Entry:
    file, timed = kind == "f", kind in "fd"
    return Entry(
        path=path,
        kind=kind,
        mode=stat.S_IMODE(seen.st_mode),
        uid=seen.st_uid,
        gid=seen.st_gid,
        size=seen.st_size if file else 0,
        mtime=seen.st_mtime_ns if timed else 0,
        ctime=seen.st_ctime_ns if timed else 0,
        inode=seen.st_ino if timed else 0,
        proof=proof,
    )


def nameless(entry: Entry) -> Entry:
    """Return a directory's entry without what tells whether names came into it or went."""
    return entry._replace(mtime=0, ctime=0, inode=0)


def settled(before: Entry) -> Entry:
    """Return the entry, marked as moving unless it is now as it was. Nothing is hashed anew.

    A directory in which names came or went is not moving: its owner and mode can be told all the same.
    """
    try:
        now = look(before.path, before)
    except OSError:
        now = None
    if now is not None and before.kind == "d" and now.stamp != before.stamp:
        before, now = nameless(before), nameless(now)
    same = now is not None and now[:-1] == before[:-1]
    return before if same else before._replace(moving=True)


def blurred(entry: Entry) -> Entry:
    """Return the entry as restic before 0.16 keeps it: of a link's target, each byte that is no UTF-8 is U+FFFD.

    Source: restic's issue 3311. Of anything else it is the entry.
    """
    return entry._replace(proof=_ESCAPED.sub("\ufffd", entry.proof))


def differs(wanted: Entry, path: str) -> str:
    """Return how what lies at `path` is not what is wanted; empty where it is. Everything is read.

    A directory's own times are not compared, and neither is a link's mode, which no system keeps.
    """
    try:
        found = look(path)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if found is None or found.kind != wanted.kind:
        return "is of another kind"
    if found.size != wanted.size:
        return f"has {found.size} bytes instead of {wanted.size}"
    if found.proof != wanted.proof:
        return "has other content"
    if (found.uid, found.gid) != (wanted.uid, wanted.gid):
        return f"belongs to {found.uid}:{found.gid} instead of {wanted.uid}:{wanted.gid}"
    if found.mode != wanted.mode and wanted.kind != "l":
        return f"has the mode {found.mode:o} instead of {wanted.mode:o}"
    if found.mtime != wanted.mtime and wanted.kind == "f":
        return "has another time of its last change"
    return ""
