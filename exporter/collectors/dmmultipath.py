"""Multipath disks and the state of their paths, from /sys/block/dm-*, as node_exporter's `dmmultipath`.

Files: drivers/md/dm-sysfs.c; a path's state is its disk's (drivers/scsi/scsi_sysfs.c, drivers/nvme/host/sysfs.c), what
the kernel holds of it. Nothing is asked of a disk or of multipathd, whose own checkers may know better.
"""

from collections.abc import Iterator
from pathlib import Path

from exporter import sysfiles
from exporter.collector import Absent, OnScrape
from exporter.exposition import Family, Kind
from exporter.gathered import Sample, sample, written


def _gauge(name: str, text: str) -> Family:
    return Family(f"node_dmmultipath_{name}", Kind.GAUGE, text)


INFO = _gauge("device_info", "Non-numeric information about a DM-multipath device.")
ACTIVE = _gauge(
    "device_active",
    "Whether the multipath device-mapper device is active (1) or suspended (0).",
)
SIZE = _gauge(
    "device_size_bytes", "Size of the multipath device in bytes, read from /sys/block/<dm>/size."
)
PATHS = _gauge("device_paths", "Number of paths for a multipath device.")
PATHS_ACTIVE = _gauge(
    "device_paths_active",
    "Number of paths in active state (SCSI running or NVMe live) for a multipath device.",
)
PATHS_FAILED = _gauge(
    "device_paths_failed", "Number of paths not in active state for a multipath device."
)
STATE = _gauge(
    "path_state",
    "Reports the underlying device state for a multipath path, as read from /sys/block/<dev>/device/state.",
)

# What multipathd writes before the disk's identifier (libmultipath/structs.h, UUID_PREFIX).
MULTIPATH = "mpath-"
GOOD = {"running", "live"}  # of SCSI and of NVMe
SECTOR = 512  # bytes, whatever the disk's own are (Documentation/block/stat.rst)


class Multipath(OnScrape):
    """Serves node_dmmultipath_*."""

    name = "dmmultipath"

    def __init__(self, sysfs: Path) -> None:
        """Read nothing yet.

        Args:
            sysfs: Where /sys is.
        """
        self._block = sysfs / "block"

    def collect(self) -> bytes:
        """Read each multipath disk and its paths."""
        found = [
            one
            for disk in sysfiles.entries(self._block, "dm-.*")
            for one in _of(disk, sysfiles.text(disk / "dm/uuid") or "")
        ]
        if not found:
            raise Absent("dmmultipath: there is no multipath disk")
        return written(found)


def _of(disk: Path, uuid: str) -> Iterator[Sample]:
    if not uuid.startswith(MULTIPATH):
        return
    name = sysfiles.text(disk / "dm/name") or disk.name
    labels = {"device": name, "sysfs_name": disk.name}
    yield sample(INFO, 1, **labels, uuid=uuid)
    if (suspended := sysfiles.whole(disk / "dm/suspended")) is not None:
        yield sample(ACTIVE, suspended != 1, **labels)
    if (sectors := sysfiles.whole(disk / "size")) is not None and sectors >= 0:
        yield sample(SIZE, sectors * SECTOR, **labels)
    paths = [path.name for path in sysfiles.entries(disk / "slaves")]
    states = [sysfiles.text(disk.parent / path / "device/state") or "unknown" for path in paths]
    good = sum(state in GOOD for state in states)
    yield sample(PATHS, len(paths), **labels)
    yield sample(PATHS_ACTIVE, good, **labels)
    yield sample(PATHS_FAILED, len(paths) - good, **labels)
    for path, state in zip(paths, states, strict=True):
        yield sample(STATE, 1, device=name, path=path, state=state)
