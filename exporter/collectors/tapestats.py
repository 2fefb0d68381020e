"""What tape drives did, from /sys/class/scsi_tape/st*/stats, as node_exporter's `tapestats`.

Documentation/scsi/st.rst. Counts of the kernel: no drive is asked.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from exporter import sysfiles
from exporter.collector import Absent, OnScrape
from exporter.exposition import Family, Kind
from exporter.gathered import Sample, sample, written


def _counter(name: str, text: str) -> Family:
    return Family(f"node_tape_{name}", Kind.COUNTER, text)


WHOLE = {
    "in_flight": Family(
        "node_tape_io_now", Kind.GAUGE, "The number of I/Os currently outstanding to this device."
    ),
    "other_cnt": _counter(
        "io_others_total",
        "The number of I/Os issued to the tape drive other than read or write commands.",
    ),
    "read_byte_cnt": _counter("read_bytes_total", "The number of bytes read from the tape drive."),
    "read_cnt": _counter(
        "reads_completed_total", "The number of read requests issued to the tape drive."
    ),
    "write_byte_cnt": _counter(
        "written_bytes_total", "The number of bytes written to the tape drive."
    ),
    "write_cnt": _counter(
        "writes_completed_total", "The number of write requests issued to the tape drive."
    ),
    "resid_cnt": _counter(
        "residual_total", "The number of times that less was read or written than asked for."
    ),
}
NANOSECONDS = {
    "io_ns": _counter(
        "io_time_seconds_total", "The amount of time spent waiting for all I/O to complete."
    ),
    "read_ns": _counter(
        "read_time_seconds_total", "The amount of time spent waiting for read requests."
    ),
    "write_ns": _counter(
        "write_time_seconds_total", "The amount of time spent waiting for write requests."
    ),
}


class Tapestats(OnScrape):
    """Serves node_tape_*."""

    name = "tapestats"

    def __init__(self, sysfs: Path, ignored: re.Pattern[str]) -> None:
        """Read nothing yet.

        Args:
            sysfs: Where /sys is.
            ignored: Drives to leave out.
        """
        self._folder = sysfs / "class/scsi_tape"
        self._ignored = ignored

    def collect(self) -> bytes:
        """Read the counters of each drive."""
        drives = sysfiles.entries(self._folder, "st[0-9]+")
        found = [
            one for drive in drives if not self._ignored.search(drive.name) for one in _of(drive)
        ]
        if not found:
            raise Absent("tapestats: there is no tape drive")
        return written(found)


def _of(drive: Path) -> Iterator[Sample]:
    for families, unit in ((WHOLE, 1), (NANOSECONDS, 1e-9)):
        for name, family in families.items():
            count = sysfiles.whole(drive / "stats" / name)
            if count is not None and count >= 0:
                yield sample(family, count * unit, device=drive.name)
