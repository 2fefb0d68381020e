"""File systems: what is mounted where, and how full it is. Reading the table touches no disk; proc(5)."""

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gate.child import Hung, in_child
from gate.config import Config
from gate.listed import ReclaimRule
from gate.reclaim import Freed, measure, reclaim

STATVFS_SECONDS = 2.0
MOUNTINFO = Path("/proc/self/mountinfo")
APT_ARCHIVES, JOURNALS = "/var/cache/apt/archives", "/var/log/journal"


class Unmeasurable(Exception):  # reads as what happened
    """A file system could not be asked. Nothing is known of it."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One mounted file system.

    Attributes:
        id: The kernel's number of this mount, for as long as it lasts.
        device: What is mounted, as /proc/mounts names it.
    """

    id: int
    mountpoint: str
    device: str


@dataclass(frozen=True, slots=True)
class Usage:
    """How full a file system is; `available_bytes` is what is left for others than root."""

    size_bytes: int
    available_bytes: int


class Disks(Protocol):
    """What the gate asks of this node's file systems."""

    def mounts(self) -> tuple[Mount, ...]:
        """Return what is mounted, later ones later, or raise Unmeasurable."""
        ...

    def usage(self, mount: Mount) -> Usage:
        """Measure a file system, or raise Unmeasurable."""
        ...

    def reclaim(self, rules: tuple[ReclaimRule, ...], mount: Mount, seconds: float) -> Freed:
        """Remove what the rules say from this mount; raise Hung or OSError."""
        ...

    def caches(self, seconds: float) -> tuple[int, int]:
        """Return the bytes of package archives and of journals; raise Hung or OSError."""
        ...


@dataclass(frozen=True, slots=True)
class Filesystems:
    """The kernel's own. Whatever touches a disk is done in a child, which may hang."""

    wall: Callable[[], int]

    def mounts(self) -> tuple[Mount, ...]:
        """Read the mounts of this process' namespace.

        Raises:
            Unmeasurable: /proc cannot be read.
        """
        try:
            return parse(MOUNTINFO.read_bytes())
        except (OSError, ValueError, IndexError) as error:
            raise Unmeasurable(f"{MOUNTINFO}: {error}") from error

    def usage(self, mount: Mount) -> Usage:
        """Ask for size and room, for 2 s at most.

        Raises:
            Unmeasurable: it did not answer.
        """
        try:
            answer = in_child(lambda: _statvfs(mount.mountpoint), STATVFS_SECONDS)
        except (Hung, OSError) as error:
            raise Unmeasurable(f"{mount.mountpoint}: {error}") from error
        return Usage(*json.loads(answer))

    def reclaim(self, rules: tuple[ReclaimRule, ...], mount: Mount, seconds: float) -> Freed:
        """Remove old files.

        Raises:
            Hung: the disk did not answer in time; some may be removed.
            OSError: no process could be started, or it died.
        """
        now = self.wall()
        work = lambda: json.dumps(reclaim(rules, mount.id, now, seconds).as_list()).encode()  # noqa: E731
        # The work ends by itself when its time is up. The rest is for a disk that does not answer.
        return Freed(*json.loads(in_child(work, seconds + 1.0)))

    def caches(self, seconds: float) -> tuple[int, int]:
        """Measure what package manager and journal keep.

        Raises:
            Hung: the disk did not answer in time.
            OSError: no process could be started, or it died.
        """
        answer = in_child(
            lambda: json.dumps([measure(APT_ARCHIVES), measure(JOURNALS)]).encode(), seconds
        )
        archives, journals = json.loads(answer)
        return archives, journals


def parse(text: bytes) -> tuple[Mount, ...]:
    """Read /proc/PID/mountinfo.

    Whoever may mount chooses names, and of all that ends a line for str.splitlines the kernel escapes only
    the line feed.

    Raises:
        ValueError, IndexError: a line is not as proc(5) describes it.
    """
    return tuple(_mount(line) for line in os.fsdecode(text).split("\n") if line)


def _mount(line: str) -> Mount:
    fields = line.split(" ")
    source = fields[fields.index("-", 6) + 2]
    return Mount(int(fields[0]), _plain(fields[4]), _plain(source))


def _plain(text: str) -> str:
    """Undo the kernel's escapes, which are a backslash and three octal digits."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def holding(path: str, mounts: tuple[Mount, ...]) -> Mount | None:
    """Return the mount that a path lies on, by its name alone; of two at one place the later covers the other."""
    best: Mount | None = None
    for mount in mounts:
        inside = path == mount.mountpoint or path.startswith(mount.mountpoint.rstrip("/") + "/")
        if inside and (best is None or len(mount.mountpoint) >= len(best.mountpoint)):
            best = mount
    return best


def listed(path: str, config: Config, mounts: tuple[Mount, ...]) -> Mount | None:
    """Return the mount at a path, if that is / or gate.json lists a directory on it that may be cleared."""
    mount = holding(path, mounts)
    if mount is None or mount.mountpoint != path:
        return None
    mine = any(holding(rule.path, mounts) == mount for rule in config.reclaim)
    return mount if path == "/" or mine else None


def _statvfs(path: str) -> bytes:
    found = os.statvfs(path)
    return json.dumps([found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize]).encode()
