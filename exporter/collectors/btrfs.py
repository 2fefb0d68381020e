"""Space and commits of btrfs, from /sys/fs/btrfs, as node_exporter's `btrfs`.

Source: fs/btrfs/sysfs.c. Rule: no ioctl, so no mount point is opened; errors by device are `fserrors`'.
"""

from collections.abc import Iterator
from pathlib import Path

from exporter import sysfiles
from exporter.collector import Absent, OnScrape
from exporter.exposition import Family, Kind
from exporter.gathered import Sample, sample, written


def _gauge(name: str, text: str) -> Family:
    return Family(f"node_btrfs_{name}", Kind.GAUGE, text)


def _counter(name: str, text: str) -> Family:
    return Family(f"node_btrfs_{name}", Kind.COUNTER, text)


INFO = _gauge("info", "Filesystem information")
RESERVE = _gauge("global_rsv_size_bytes", "Size of global reserve.")
COMMITS = _counter("commits_total", "The total number of commits that have occurred.")
LAST = _gauge("last_commit_seconds", "Duration of the most recent commit, in seconds.")
SLOWEST = _gauge("max_commit_seconds", "Duration of the slowest commit, in seconds.")
ALL = _counter("commit_seconds_total", "Sum of the duration of all commits, in seconds.")
RESERVED = _gauge("reserved_bytes", "Amount of space reserved for a data type")
USED = _gauge("used_bytes", "Amount of used space by a layout/data type")
SIZE = _gauge("size_bytes", "Amount of space allocated for a layout/data type")
RATIO = _gauge("allocation_ratio", "Data allocation ratio for a layout/data type")
DEVICE = _gauge("device_size_bytes", "Size of a device that is part of the filesystem.")

# commit_stats: a word and a number on each line, since Linux 6.0; times in milliseconds.
COMMIT_STATS = {
    b"commits": (COMMITS, 1),
    b"last_commit_ms": (LAST, 1000),
    b"max_commit_ms": (SLOWEST, 1000),
    b"total_commit_ms": (ALL, 1000),
}
SECTOR = 512  # bytes (Documentation/block/stat.rst)
KINDS = ("data", "metadata", "system")
COPIES = {"single": 1, "raid0": 1, "dup": 2, "raid1": 2, "raid10": 2, "raid1c3": 3, "raid1c4": 4}
PARITIES = {"raid5": 1, "raid6": 2}


class Btrfs(OnScrape):
    """Serves node_btrfs_*."""

    name = "btrfs"

    def __init__(self, sysfs: Path) -> None:
        """Read nothing yet.

        Args:
            sysfs: Where /sys is.
        """
        self._folder = sysfs / "fs/btrfs"

    def collect(self) -> bytes:
        """Read each file system."""
        found = [one for f in sysfiles.entries(self._folder, ".*-.*") for one in _of(f)]
        if not found:
            raise Absent("btrfs: none is mounted")
        return written(found)


def _of(folder: Path) -> Iterator[Sample]:
    uuid = sysfiles.text(folder / "metadata_uuid") or folder.name
    devices = sysfiles.entries(folder / "devices")
    yield sample(INFO, 1, uuid=uuid, label=sysfiles.text(folder / "label") or "")
    yield sample(RESERVE, _count(folder / "allocation/global_rsv_size"), uuid=uuid)
    # An older kernel has none, and node_exporter then shows zeros.
    said = dict(_pairs(sysfiles.content(folder / "commit_stats") or b""))
    for word, (family, unit) in COMMIT_STATS.items():
        count = said.get(word, 0)
        yield sample(family, count if unit == 1 else count / unit, uuid=uuid)
    for kind in KINDS:
        yield from _allocation(folder / "allocation" / kind, uuid, kind, len(devices))
    for device in devices:
        size = _count(device / "size") * SECTOR
        yield sample(DEVICE, size, uuid=uuid, device=device.name)


def _allocation(folder: Path, uuid: str, kind: str, devices: int) -> Iterator[Sample]:
    labels = {"uuid": uuid, "block_group_type": kind}
    yield sample(RESERVED, _count(folder / "bytes_reserved"), **labels)
    for layout in sysfiles.entries(folder):
        if layout.is_dir():
            mode = layout.name
            yield sample(USED, _count(layout / "used_bytes"), **labels, mode=mode)
            yield sample(SIZE, _count(layout / "total_bytes"), **labels, mode=mode)
            yield sample(RATIO, ratio(mode, devices), **labels, mode=mode)


def ratio(mode: str, devices: int) -> float:
    """Return how many bytes of disks a byte of data takes; 0 where that is not known."""
    if mode in PARITIES:
        left = devices - PARITIES[mode]
        return devices / left if left > 0 else 0
    return COPIES.get(mode, 0)


def _pairs(data: bytes) -> Iterator[tuple[bytes, int]]:
    for row in sysfiles.rows(data):
        count = sysfiles.number(row[-1].decode("ascii", "replace"))
        if len(row) == 2 and count is not None and count >= 0:
            yield row[0], count


def _count(path: Path) -> int:
    """Return the number in a file; 0 for what an older kernel has not, as node_exporter."""
    return max(0, sysfiles.whole(path) or 0)
