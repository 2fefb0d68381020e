"""How full the file systems are, from PID 1's mounts and statvfs(3), as node_exporter's `filesystem`.

PID 1's mounts are the node's; our own may be a sandbox's. A mount that hangs costs its own series only.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from exporter.blocking import Blocking
from exporter.devices import Devices
from exporter.exposition import Family, Kind, block, line
from exporter.files import whole
from exporter.lanes import Lanes
from exporter.mounttable import FileSystem, Mount, file_systems, parse

# node_exporter's defaults (collector/filesystem_linux.go).
MOUNT_POINTS_EXCLUDE = (
    r"^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)"
)
FS_TYPES_EXCLUDE = (
    r"^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660"
    r"|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs"
    r"|tracefs)$"
)
MOUNT_POINTS = Devices(exclude=re.compile(MOUNT_POINTS_EXCLUDE))
FS_TYPES = Devices(exclude=re.compile(FS_TYPES_EXCLUDE))
MOUNT_TIMEOUT = 5.0  # seconds; node_exporter's --collector.filesystem.mount-timeout

# The key of the call that reads the mount table. No mount point has it: those begin with a slash.
MOUNT_TABLE = "mount table"

# Threads at once, of which each mount that hangs holds one.
LANES = 64

SIZE = Family("node_filesystem_size_bytes", Kind.GAUGE, "Filesystem size in bytes.")
FREE = Family("node_filesystem_free_bytes", Kind.GAUGE, "Filesystem free space in bytes.")
AVAIL = Family(
    "node_filesystem_avail_bytes",
    Kind.GAUGE,
    "Filesystem space available to non-root users in bytes.",
)
FILES = Family("node_filesystem_files", Kind.GAUGE, "Filesystem total file nodes.")
FILES_FREE = Family("node_filesystem_files_free", Kind.GAUGE, "Filesystem total free file nodes.")
MOUNT_INFO = Family("node_filesystem_mount_info", Kind.GAUGE, "Filesystem mount information.")
READONLY = Family("node_filesystem_readonly", Kind.GAUGE, "Filesystem read-only status.")
DEVICE_ERROR = Family(
    "node_filesystem_device_error",
    Kind.GAUGE,
    "Whether an error occurred while getting statistics for the given device.",
)
FAMILIES = (AVAIL, DEVICE_ERROR, FILES, FILES_FREE, FREE, MOUNT_INFO, READONLY, SIZE)


class Usage(NamedTuple):
    """What statvfs says of one file system, in bytes and file nodes."""

    size: int
    free: int
    avail: int
    files: int
    files_free: int


@dataclass(frozen=True, slots=True)
class Filter:
    """Which mounts to show, by where they are and by what they are."""

    mount_points: Devices = MOUNT_POINTS
    fs_types: Devices = FS_TYPES

    def keeps(self, mount: Mount) -> bool:
        """Tell whether both show it."""
        return self.mount_points.keeps(mount.mountpoint) and self.fs_types.keeps(mount.fstype)


def statvfs(path: bytes) -> Usage:
    """Ask the kernel about the file system at `path`; may never return.

    Raises:
        OSError: The kernel, or the file system, would not say.
    """
    seen = os.statvfs(path)
    # POSIX counts blocks in f_frsize, which for all but some FUSE file systems equals f_bsize.
    unit = seen.f_frsize or seen.f_bsize
    return Usage(
        size=seen.f_blocks * unit,
        free=seen.f_bfree * unit,
        avail=seen.f_bavail * unit,
        files=seen.f_files,
        files_free=seen.f_ffree,
    )


class Filesystems:
    """Asks every file system of the node, in threads.

    Attributes:
        interval: Seconds between two rounds.
        deadline: Seconds for one round; above what a single mount is given.
    """

    name = "filesystem"
    interval = 10.0

    def __init__(
        self,
        procfs: Path,
        rootfs: Path,
        blocking: Blocking,
        keep: Filter | None = None,
        timeout: float = MOUNT_TIMEOUT,
        ask: Callable[[bytes], Usage] = statvfs,
    ) -> None:
        """Ask nothing yet.

        Args:
            procfs: Where /proc is.
            rootfs: Where the node's / is seen from here.
            blocking: Runs what may hang.
            keep: Which mounts count; None for node_exporter's defaults.
            timeout: Seconds until a mount is given up for this round.
            ask: How a file system is asked.
        """
        self._procfs = procfs
        self._rootfs = os.fsencode(rootfs)
        self._blocking = blocking
        self._lanes: Lanes[Usage] = Lanes(self.name, blocking, LANES)
        self._keep = keep or Filter()
        self._timeout = timeout
        self._statvfs = ask
        self._series: dict[tuple[str, ...], tuple[bytes, ...]] = {}
        self._known: dict[bytes, Usage | None] = {}  # by mount point; None: it did not answer
        self.deadline = timeout + 2.0

    async def collect(self, publish: Callable[[bytes], None]) -> None:
        """Publish what answers at once, then all; a mount that hangs has device_error 1, no sizes.

        Raises:
            Malformed: The mount table cannot be understood.
            OSError: It cannot be read.
            StillRunning: An earlier reading of it has not come back.
        """
        table = await self._blocking.call(MOUNT_TABLE, self._read_mounts)
        mounts = _distinct(table)
        mounts = [m for m in mounts if self._keep.keeps(m)]
        self._forget_all_but(mounts)
        # Those that answered last time go first: the rest may fill every thread.
        paths = sorted(
            dict.fromkeys(m.path for m in mounts), key=lambda path: self._known.get(path) is None
        )

        def show(come: Mapping[str, Usage]) -> None:
            # Of the slow ones last round's answer is shown, or nothing: not yet an error.
            self._known |= {os.fsencode(path): usage for path, usage in come.items()}
            publish(self._render(mounts))

        answers, _ = await self._lanes.ask(
            [os.fsdecode(path) for path in paths], self._ask, self._timeout, show
        )
        self._known = {path: answers.get(os.fsdecode(path)) for path in paths}
        publish(self._render(mounts))

    def _forget_all_but(self, mounts: Sequence[Mount]) -> None:
        keys, paths = {(*_key(m), m.number) for m in mounts}, {m.path for m in mounts}
        self._series = {key: made for key, made in self._series.items() if key in keys}
        self._known = {path: usage for path, usage in self._known.items() if path in paths}

    def _read_mounts(self) -> list[Mount]:
        try:
            folder = self._procfs / "1"
            table = whole(folder / "mounts")
        except (FileNotFoundError, PermissionError):
            # hidepid= hides PID 1 from us; then our own table is the best there is.
            folder = self._procfs / "self"
            table = whole(folder / "mounts")
        try:
            there = file_systems(whole(folder / "mountinfo"))
        except OSError:
            there = {}
        return [self._seen(mount, there.get(mount.what)) for mount in parse(table)]

    def _seen(self, mount: Mount, there: FileSystem | None) -> Mount:
        """Return a mount of the table with the number of what is there, and without rootfs."""
        mount = mount._replace(number=there.number) if there else mount
        if self._rootfs == b"/" or not (mount.path + b"/").startswith(self._rootfs + b"/"):
            return mount
        path = mount.path.removeprefix(self._rootfs) or b"/"
        return mount._replace(
            path=path,
            mountpoint=path.decode("utf-8", "replace"),
            # In a container the mounts of rootfs are its own, read-only as a rule, whatever the node's are.
            read_only=there.read_only if there else mount.read_only,
        )

    def _ask(self, mountpoint: str) -> Usage:
        path = os.fsencode(mountpoint)
        return self._statvfs(path if self._rootfs == b"/" else self._rootfs + path)

    def _render(self, mounts: Sequence[Mount]) -> bytes:
        lines: dict[Family, list[bytes]] = {family: [] for family in FAMILIES}
        for mount in mounts:
            if mount.path not in self._known:
                continue
            for family, series, value in zip(
                FAMILIES, self._made(mount), _values(mount, self._known[mount.path]), strict=True
            ):
                if value is not None:
                    lines[family].append(line(series, value))
        return b"".join(block(family, lines[family]) for family in FAMILIES)

    def _made(self, mount: Mount) -> tuple[bytes, ...]:
        key = (*_key(mount), mount.number)
        if key not in self._series:
            device, mountpoint, fstype = _key(mount)
            major, _, minor = mount.number.partition(":")
            labels = {"device": device, "fstype": fstype, "mountpoint": mountpoint}
            numbered = {"device": device, "major": major, "minor": minor, "mountpoint": mountpoint}
            self._series[key] = tuple(
                family.series(**(numbered if family is MOUNT_INFO else labels))
                for family in FAMILIES
            )
        return self._series[key]


def _key(mount: Mount) -> tuple[str, str, str]:
    return mount.device, mount.mountpoint, mount.fstype


def _distinct(mounts: Iterable[Mount]) -> list[Mount]:
    """Keep the first of mounts that would have the same labels; Prometheus refuses doubles."""
    found: dict[tuple[str, str, str], Mount] = {}
    for mount in mounts:
        found.setdefault(_key(mount), mount)
    return list(found.values())


def _values(mount: Mount, usage: Usage | None) -> tuple[int | None, ...]:
    """Return the values of FAMILIES in their order; None where there is nothing to say."""
    if usage is None:
        return None, 1, None, None, None, None, int(mount.read_only), None
    return (
        usage.avail,
        0,
        usage.files,
        usage.files_free,
        usage.free,
        1 if mount.number else None,
        int(mount.read_only),
        usage.size,
    )
