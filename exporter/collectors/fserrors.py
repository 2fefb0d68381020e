"""Errors that file systems counted themselves, from /sys/fs: ext4's in its superblock, btrfs' by device.

Sources: fs/ext4/sysfs.c, fs/btrfs/sysfs.c. XFS counts none (fs/xfs/xfs_stats.h, to 6.18): it stops a file system that
is broken, and says so in the log.
"""

from collections.abc import Iterator
from pathlib import Path

from exporter import sysfiles
from exporter.collector import Absent, OnScrape
from exporter.exposition import Family, Kind
from exporter.gathered import Sample, sample, written

ERRORS = Family(
    "hale_filesystem_errors_total",
    Kind.COUNTER,
    "Errors that the file system found in itself; ext4 keeps the count until it is checked.",
)
WARNINGS = Family(
    "hale_filesystem_warnings_total", Kind.COUNTER, "Warnings of the file system since its mount."
)
LAST = Family(
    "hale_filesystem_last_error_timestamp_seconds",
    Kind.GAUGE,
    "When the file system last found an error in itself, in unixtime.",
)
DEVICE_ERRORS = Family(
    "hale_btrfs_device_errors_total",
    Kind.COUNTER,
    "Errors that btrfs met on one of its devices, kept until they are reset.",
)

# Documentation/admin-guide/ext4.rst: folders that are no file system.
NO_FILE_SYSTEM = {"features"}
# fs/btrfs/sysfs.c, btrfs_devinfo_error_stats_show().
KINDS = {
    b"write_errs": "write",
    b"read_errs": "read",
    b"flush_errs": "flush",
    b"corruption_errs": "corruption",
    b"generation_errs": "generation",
}


class FsErrors(OnScrape):
    """Serves hale_filesystem_* and hale_btrfs_*."""

    name = "fserrors"

    def __init__(self, sysfs: Path) -> None:
        """Read nothing yet.

        Args:
            sysfs: Where /sys is.
        """
        self._fs = sysfs / "fs"

    def collect(self) -> bytes:
        """Read the counters of each file system that has some."""
        found = [
            *(one for folder in sysfiles.entries(self._fs / "ext4") for one in _ext4(folder)),
            *(one for folder in sysfiles.entries(self._fs / "btrfs") for one in _btrfs(folder)),
        ]
        if not found:
            raise Absent("fserrors: no mounted file system counts its errors")
        return written(found)


def _ext4(folder: Path) -> Iterator[Sample]:
    if folder.name in NO_FILE_SYSTEM:
        return
    labels = {"device": folder.name, "fstype": "ext4"}
    if (errors := _count(folder / "errors_count")) is not None:
        yield sample(ERRORS, errors, **labels)
    if (warnings := _count(folder / "warning_count")) is not None:
        yield sample(WARNINGS, warnings, **labels)
    if at := _count(folder / "last_error_time"):  # 0 is never
        yield sample(LAST, at, **labels)


def _btrfs(folder: Path) -> Iterator[Sample]:
    for device in sysfiles.entries(folder / "devinfo", "[0-9]+"):
        for row in sysfiles.rows(sysfiles.content(device / "error_stats") or b""):
            kind = KINDS.get(row[0]) if len(row) == 2 else None
            count = sysfiles.number(row[-1].decode("ascii", "replace"))
            if kind is not None and count is not None and count >= 0:
                labels = {"uuid": folder.name, "devid": device.name, "type": kind}
                yield sample(DEVICE_ERRORS, count, **labels)


def _count(path: Path) -> int | None:
    count = sysfiles.whole(path)
    return count if count is None or count >= 0 else None
