"""Mounts that /etc/fstab asks for, and whether they are there: node_exporter shows only those that are.

Format: fstab(5), proc(5). An automount counts as mounted: whoever goes there is served.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from exporter.blocking import Blocking
from exporter.collector import Absent, Malformed
from exporter.exposition import Family, Kind
from exporter.files import whole
from exporter.gathered import Sample, sample, written
from exporter.mounttable import parse as parse_mounts

MOUNTED = Family(
    "hale_fstab_mounted",
    Kind.GAUGE,
    "1 for a mount of /etc/fstab that is there, 0 for one missing.",
)
READ_ONLY = Family(
    "hale_fstab_read_only",
    Kind.GAUGE,
    "1 for a mount that can not be written although /etc/fstab has it for writing, else 0.",
)
# The key of the reading, of which there is one at a time.
READING = "fstab"
MOST_BYTES = 1024 * 1024
# fstab(5): how a space, a tab, a newline and a backslash are written.
ESCAPE = re.compile(r"\\([0-7]{3})")
# No mount is made of these.
NO_MOUNT = {"swap", "none", "ignore"}


class Wanted(NamedTuple):
    """One line of fstab that a boot mounts; `writable` unless it says ro."""

    mountpoint: str
    fstype: str
    writable: bool


def parse(data: bytes) -> list[Wanted]:
    """Read an fstab; lines that mount nothing at boot are left out, as are those that nobody can read.

    Raises:
        Malformed: It is no text.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"fstab: {error}") from error
    if "\0" in text:
        raise Malformed("fstab: a NUL is in it")
    lines = (row.split() for row in text.splitlines() if not row.lstrip().startswith("#"))
    found = [_wanted(fields) for fields in lines if len(fields) >= 3]
    # Of two lines for one place the last is on top.
    return list({one.mountpoint: one for one in found if one is not None}.values())


def _wanted(fields: list[str]) -> Wanted | None:
    options = fields[3].split(",") if len(fields) > 3 else []
    mountpoint = ESCAPE.sub(lambda octal: chr(int(octal[1], 8)), fields[1])
    if fields[2] in NO_MOUNT or "noauto" in options or not mountpoint.startswith("/"):
        return None
    return Wanted(mountpoint.rstrip("/") or "/", fields[2], "ro" not in options)


class Mounts:
    """Serves hale_fstab_*; /etc is on a disk, so it is read in a thread.

    Attributes:
        interval: Seconds between two looks.
        deadline: Seconds for one.
    """

    name = "mounts"
    interval = 15.0
    deadline = 10.0

    def __init__(self, procfs: Path, rootfs: Path, blocking: Blocking) -> None:
        """Read nothing yet.

        Args:
            procfs: Where /proc is.
            rootfs: Where the node's / is seen from here.
            blocking: Runs what may hang.
        """
        self._table = procfs / "1/mounts"
        self._fstab = rootfs / "etc/fstab"
        self._blocking = blocking

    async def collect(self, publish: Callable[[bytes], None]) -> None:
        """Publish each mount that should be there.

        Raises:
            Absent: fstab has none, or PID 1's mounts are hidden from us.
            Malformed: The mounts or fstab cannot be understood.
            OSError: They cannot be read.
            StillRunning: The look before has not come back.
        """
        samples = await self._blocking.call(READING, lambda: list(self._look()))
        if not samples:
            raise Absent("mounts: /etc/fstab asks for none")
        publish(written(samples))

    def _look(self) -> Iterator[Sample]:
        try:
            wanted = parse(whole(self._fstab, MOST_BYTES))
            table = whole(self._table)
        except (FileNotFoundError, PermissionError) as error:
            raise Absent(str(error)) from error
        there = {one.mountpoint: one for one in parse_mounts(table)} if wanted else {}
        for one in wanted:
            mount = there.get(one.mountpoint)
            labels = {"mountpoint": one.mountpoint, "fstype": one.fstype}
            yield sample(MOUNTED, mount is not None, **labels)
            if mount is not None and one.writable:
                yield sample(READ_ONLY, mount.read_only, **labels)
