"""What the disks did, from /proc/diskstats (Documentation/admin-guide/iostats.rst), as node_exporter's `diskstats`.

Newer kernels have more counters: each disk has as many series as its line has known numbers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from exporter.collector import Malformed, OnScrape
from exporter.devices import Devices
from exporter.disk_info import DiskInfo
from exporter.exposition import Family, Kind, block
from exporter.procfile import ProcFile

# node_exporter's default (collector/diskstats_linux.go).
DEVICE_EXCLUDE = r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$"

SECTOR = 512  # bytes, whatever the disk's own are (Documentation/block/stat.rst)
FEWEST = 11  # counters, of Linux before 4.18
LONGEST = 1024  # bytes of one line; no kernel writes half as much


def _as_it_is(digits: bytes) -> bytes:
    return digits


def _bytes(sectors: bytes) -> bytes:
    return b"%d" % (int(sectors) * SECTOR)


def _seconds(milliseconds: bytes) -> bytes:
    # Multiplied as node_exporter does: the same digits come out.
    return b"%a" % (int(milliseconds) * 0.001)


def _counter(name: str, text: str) -> Family:
    return Family(f"node_disk_{name}", Kind.COUNTER, text)


# The columns of /proc/diskstats behind the name, and how each is shown.
COLUMNS: tuple[tuple[Family, Callable[[bytes], bytes]], ...] = (
    (
        _counter("reads_completed_total", "The total number of reads completed successfully."),
        _as_it_is,
    ),
    (_counter("reads_merged_total", "The total number of reads merged."), _as_it_is),
    (_counter("read_bytes_total", "The total number of bytes read successfully."), _bytes),
    (
        _counter("read_time_seconds_total", "The total number of seconds spent by all reads."),
        _seconds,
    ),
    (
        _counter("writes_completed_total", "The total number of writes completed successfully."),
        _as_it_is,
    ),
    (_counter("writes_merged_total", "The number of writes merged."), _as_it_is),
    (_counter("written_bytes_total", "The total number of bytes written successfully."), _bytes),
    (
        _counter(
            "write_time_seconds_total",
            "This is the total number of seconds spent by all writes.",
        ),
        _seconds,
    ),
    (
        Family("node_disk_io_now", Kind.GAUGE, "The number of I/Os currently in progress."),
        _as_it_is,
    ),
    (_counter("io_time_seconds_total", "Total seconds spent doing I/Os."), _seconds),
    (
        _counter("io_time_weighted_seconds_total", "The weighted # of seconds spent doing I/Os."),
        _seconds,
    ),
    (
        _counter(
            "discards_completed_total", "The total number of discards completed successfully."
        ),
        _as_it_is,
    ),
    (_counter("discards_merged_total", "The total number of discards merged."), _as_it_is),
    (
        _counter("discarded_sectors_total", "The total number of sectors discarded successfully."),
        _as_it_is,
    ),
    (
        _counter(
            "discard_time_seconds_total",
            "This is the total number of seconds spent by all discards.",
        ),
        _seconds,
    ),
    (
        _counter(
            "flush_requests_total", "The total number of flush requests completed successfully"
        ),
        _as_it_is,
    ),
    (
        _counter(
            "flush_requests_time_seconds_total",
            "This is the total number of seconds spent by all flush requests.",
        ),
        _seconds,
    ),
)


@dataclass(frozen=True, slots=True)
class Disk:
    """One line: the disk's MAJOR:MINOR, its name, and its known counters, digits as the kernel wrote them."""

    number: str
    name: str
    counters: tuple[bytes, ...]


def parse(data: bytes) -> list[Disk]:
    """Read every line; what a newer kernel has behind the last known counter is passed over.

    A disk that is there twice, as it can be while disks come and go, is taken once. No line is no disk, not a mistake.

    Raises:
        Malformed: A line has too few numbers or something else among them, or the file ends within a line.
    """
    *rows, rest = data.split(b"\n")
    if rest:
        raise Malformed(f"diskstats: ends within a line: {rest[-40:]!r}")
    found: dict[str, Disk] = {}
    for row in rows:
        fields = row.split()
        numbers = fields[:2] + fields[3:]
        if len(row) > LONGEST or len(numbers) < 2 + FEWEST or not b"".join(numbers).isdigit():
            raise Malformed(f"diskstats: wanted a name among 13 numbers or more, saw {row[:80]!r}")
        name = fields[2].decode("utf-8", "backslashreplace")
        counters = tuple(fields[3 : 3 + len(COLUMNS)])
        found.setdefault(name, Disk(f"{fields[0].decode()}:{fields[1].decode()}", name, counters))
    return list(found.values())


class Diskstats(OnScrape):
    """Serves node_disk_* of every disk that it is not told to leave out."""

    name = "diskstats"

    def __init__(self, file: ProcFile, info: DiskInfo, keep: Devices) -> None:
        """Read nothing yet.

        Args:
            file: /proc/diskstats.
            info: What is known of the disks besides.
            keep: Which disks to show.
        """
        self._file = file
        self._info = info
        self._keep = keep
        self._shape: list[tuple[str, int]] = []
        self._template = b""

    def collect(self) -> bytes:
        """Read /proc/diskstats once."""
        disks = [disk for disk in parse(self._file.read()) if self._keep.keeps(disk.name)]
        shape = [(disk.name, len(disk.counters)) for disk in disks]
        if shape != self._shape:  # the first time, and when a disk came or went
            self._template, self._shape = template(disks), shape
        values = [
            show(disk.counters[at])
            for at, (_, show) in enumerate(COLUMNS)
            for disk in disks
            if at < len(disk.counters)
        ]
        info = self._info.blocks([(disk.name, disk.number) for disk in disks])
        return self._template % tuple(values) + info


def template(disks: Sequence[Disk]) -> bytes:
    """Make the text of a whole scrape with a place for each value."""
    parts = []
    for at, (family, _) in enumerate(COLUMNS):
        having = [disk for disk in disks if at < len(disk.counters)]
        series = [family.series(device=disk.name).replace(b"%", b"%%") for disk in having]
        parts.append(block(family, [one + b"%b\n" for one in series]))
    return b"".join(parts)
