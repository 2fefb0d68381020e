"""Remove old files below a listed directory, and nothing else, whatever its owner does to it meanwhile.

Every directory is opened from its parent's descriptor without following a link, and must be on the one
mount that was asked for. A file is removed by name from such a descriptor, after another look at it.
"""

import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from gate.listed import ReclaimRule

ENTRIES = 200_000
"""Looked at in one run, so that a directory full of names costs bounded memory. The next run goes on."""

DEPTH = 32
BLOCK = 512  # of st_blocks, whatever the file system's own
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Freed:
    """What was removed.

    Attributes:
        bytes: Room on disk, not length.
        whole: Whether everything was looked at; else too much was there, or time was up.
    """

    files: int = 0
    bytes: int = 0
    whole: bool = True

    def as_list(self) -> list[int]:
        """Return the values in their order."""
        return [self.files, self.bytes, self.whole]


@dataclass(frozen=True, slots=True, order=True)
class _Candidate:
    """A file as it was when first seen; ordered by age, the oldest first."""

    mtime_ns: int
    inode: int
    size: int
    directory: tuple[str, ...]
    name: str


@dataclass(slots=True)
class _Walk:
    """One rule at work.

    Attributes:
        mount: The kernel's number of the only mount to be on.
        end: On CLOCK_MONOTONIC, seconds.
        left: Entries that may still be looked at.
    """

    rule: ReclaimRule
    mount: int
    end: float
    left: int
    device: int = 0
    whole: bool = True
    found: list[_Candidate] = field(default_factory=list)

    def over(self) -> bool:
        """Tell, and remember, that no more may be looked at."""
        if self.left <= 0 or time.monotonic() > self.end:
            self.whole = False
        return not self.whole

    def collect(self, fd: int, where: tuple[str, ...] = ()) -> None:
        """Find the files that match below a directory. What cannot be read is left out."""
        with os.scandir(fd) as entries:
            listed = [entry.name for entry in islice(entries, max(0, self.left + 1))]
        for name in listed:
            if self.over():
                return
            self.left -= 1
            try:
                found = os.stat(name, dir_fd=fd, follow_symlinks=False)
                if stat.S_ISDIR(found.st_mode) and len(where) < DEPTH:
                    with self.directory(name, fd) as inner:
                        self.collect(inner, (*where, name))
                elif self.fits(found) and fnmatchcase(name, self.rule.match):
                    self.found.append(_candidate(found, where, name))
            except OSError:
                continue  # gone, or no longer a directory of this mount

    @contextmanager
    def directory(self, name: str, parent: int) -> Iterator[int]:
        """Open one step down; raise OSError if that leaves the mount or follows a link."""
        fd = os.open(name, _DIRECTORY, dir_fd=parent)
        try:
            if os.fstat(fd).st_dev != self.device or mount_of(fd) != self.mount:
                raise OSError(f"{name!r} is on another file system")
            yield fd
        finally:
            os.close(fd)

    def fits(self, found: os.stat_result) -> bool:
        """Tell whether this is a plain file that nobody has under a second name."""
        plain = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
        return plain and found.st_dev == self.device

    def remove(self, base: int, one: _Candidate) -> int | None:
        """Remove a file if it still is what it was; return the bytes that this gave back."""
        try:
            with self._reopened(base, one.directory) as fd:
                now = os.stat(one.name, dir_fd=fd, follow_symlinks=False)
                same = (now.st_ino, now.st_mtime_ns) == (one.inode, one.mtime_ns)
                if not same or not self.fits(now):
                    return None
                os.unlink(one.name, dir_fd=fd)
        except OSError:
            return None
        return one.size

    @contextmanager
    def _reopened(self, base: int, steps: tuple[str, ...]) -> Iterator[int]:
        if not steps:
            yield base
            return
        with self.directory(steps[0], base) as fd, self._reopened(fd, steps[1:]) as inner:
            yield inner


def reclaim(
    rules: tuple[ReclaimRule, ...], mount: int, now_ns: int, seconds: float, entries: int = ENTRIES
) -> Freed:
    """Remove what the rules say from one mount.

    Args:
        rules: Those of this mount.
        mount: Its number in /proc/self/mountinfo.
        now_ns: Wall clock, which modification times are of.
        seconds: After which no more is removed.
        entries: Names to look at, at most.
    """
    end = time.monotonic() + seconds
    freed, whole = [], True
    for rule in rules:
        walk = _Walk(rule, mount, end, entries)
        freed += _one(walk, now_ns)
        entries, whole = walk.left, whole and walk.whole
    return Freed(len(freed), sum(freed), whole)


def _one(walk: _Walk, now_ns: int) -> list[int]:
    """Do one rule; return the size of each file that was removed."""
    try:
        with _opened(walk.rule.path) as base:
            if mount_of(base) != walk.mount:
                return []
            walk.device = os.fstat(base).st_dev
            walk.collect(base)
            # Of what was not looked at some may be newer; then more than `keep` are kept.
            newest_first = sorted(walk.found, reverse=True)[walk.rule.keep :]
            oldest = now_ns - int(walk.rule.older_than_seconds * _NANO)
            old = [one for one in reversed(newest_first) if one.mtime_ns <= oldest]
            removed = []
            for one in old:
                if time.monotonic() > walk.end:
                    walk.whole = False
                    break
                removed.append(walk.remove(base, one))
            return [size for size in removed if size is not None]
    except OSError:
        return []  # there is no such directory, or a part of its path is a link


@contextmanager
def _opened(path: str) -> Iterator[int]:
    """Open a directory step by step from the root; raise OSError where a step is a link."""
    fd = os.open("/", _DIRECTORY)
    try:
        for step in Path(path).parts[1:]:
            inner = os.open(step, _DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = inner
        yield fd
    finally:
        os.close(fd)


def mount_of(fd: int) -> int:
    """Return the number of the mount that an open file is on, see proc(5)."""
    text = Path(f"/proc/self/fdinfo/{fd}").read_text(encoding="ascii")
    found = re.search(r"^mnt_id:\s*(\d+)$", text, re.MULTILINE)
    if found is None:
        raise OSError("the kernel does not say which mount a file is on")
    return int(found[1])


def measure(path: str) -> int:
    """Return the bytes of all plain files below a directory; 0 where there is none."""
    total = 0
    for _, _, names, fd in os.fwalk(path, follow_symlinks=False):
        for name in names:
            try:
                found = os.stat(name, dir_fd=fd, follow_symlinks=False)
            except OSError:
                continue
            total += found.st_blocks * BLOCK if stat.S_ISREG(found.st_mode) else 0
    return total


def _candidate(found: os.stat_result, where: tuple[str, ...], name: str) -> _Candidate:
    return _Candidate(found.st_mtime_ns, found.st_ino, found.st_blocks * BLOCK, where, name)
