"""Commands that SCSI and ATA disks failed, and disks that the kernel has given up, from /sys/block/*/device.

Sources: drivers/scsi/scsi_sysfs.c (counters in hexadecimal, states by name). The kernel counts in memory: no disk is
asked. Other disks than those of the SCSI layer, NVMe's among them, are counted nowhere. Which disks are counted is
looked up when one came or went: a node may have hundreds of loop devices, which have nothing to tell.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from exporter import sysfiles
from exporter.collector import Absent, OnScrape
from exporter.exposition import Family, Kind
from exporter.gathered import Sample, sample, written

COUNTERS = {
    "ioerr_cnt": Family(
        "hale_disk_io_errors_total", Kind.COUNTER, "Commands that ended with an error."
    ),
    "iotmo_cnt": Family(
        "hale_disk_io_timeouts_total", Kind.COUNTER, "Commands that were not answered in time."
    ),
    "iodone_cnt": Family(
        "hale_disk_io_done_total", Kind.COUNTER, "Commands that ended, well or not."
    ),
}
OFFLINE = Family(
    "hale_disk_offline", Kind.GAUGE, "1 for a disk to which the kernel sends nothing any more."
)
# enum scsi_device_state (include/scsi/scsi_device.h): these are for good until somebody does something.
GONE = {"offline", "transport-offline"}


class DiskErrors(OnScrape):
    """Serves hale_disk_*."""

    name = "diskerrors"

    def __init__(self, sysfs: Path) -> None:
        """Read nothing yet.

        Args:
            sysfs: Where /sys is.
        """
        self._block = sysfs / "block"
        self._names: list[str] = []
        self._counted: list[Path] = []

    def collect(self) -> bytes:
        """Read the counters of each disk."""
        found = [one for disk in self._disks() for one in _of(disk.name, disk / "device")]
        if not found:
            raise Absent("diskerrors: there is no SCSI or ATA disk")
        return written(found)

    def _disks(self) -> list[Path]:
        try:
            names = os.listdir(self._block)  # noqa: PTH208 - at every scrape, and mostly for nothing
        except OSError:
            return []
        if names != self._names:
            # Of an NVMe disk `state` is its controller's, with other words: the counters tell what SCSI's is.
            disks = [self._block / name for name in sorted(names)]
            self._counted = [disk for disk in disks if (disk / "device/ioerr_cnt").exists()]
            self._names = names
        return self._counted


def _of(disk: str, device: Path) -> Iterator[Sample]:
    for name, family in COUNTERS.items():
        if (count := sysfiles.whole(device / name)) is not None and count >= 0:
            yield sample(family, count, device=disk)
    if state := sysfiles.text(device / "state"):
        yield sample(OFFLINE, state in GONE, device=disk)
