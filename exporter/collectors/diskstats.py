"""What the disks did, from /proc/diskstats (Documentation/admin-guide/iostats.rst), as node_exporter's `diskstats`.

Newer kernels have more counters: each disk has as many series as its line has known numbers.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import NamedTuple

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
DIGITS = 20  # of a number of 64 bits


Show = Callable[[Sequence[bytes]], Sequence[bytes | int | float]]


def _as_it_is(digits: Sequence[bytes]) -> Sequence[bytes]:
    return digits


def _bytes(sectors: Sequence[bytes]) -> Sequence[int]:
    return [int(one) * SECTOR for one in sectors]


def _seconds(milliseconds: Sequence[bytes]) -> Sequence[float]:
    # Multiplied as node_exporter does: the same digits come out.
    return [int(one) * 0.001 for one in milliseconds]


def _counter(name: str, text: str) -> Family:
    return Family(f"node_disk_{name}", Kind.COUNTER, text)


# How a value of each is written; repr of a float is the shortest text that reads back as the same.
PLACES: dict[Show, bytes] = {_as_it_is: b"%b\n", _bytes: b"%d\n", _seconds: b"%a\n"}

# The columns of /proc/diskstats behind the name, and how each is shown.
COLUMNS: tuple[tuple[Family, Show], ...] = (
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


class Disk(NamedTuple):
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


class Layout(NamedTuple):
    """A file whose lines all have as many words, so that it is a table: which disk stands in which line.

    Attributes:
        width: Words of each line.
        heads: The columns MAJOR, MINOR and name.
        shown: The lines of the disks that are shown.
    """

    width: int
    heads: tuple[list[bytes], list[bytes], list[bytes]]
    shown: tuple[int, ...]

    def columns(self, data: bytes) -> list[list[bytes]] | None:
        """Return the shown disks' counters by column; None when this file is not laid out in this way.

        As long as the same names stand in the same places nothing has moved, and all numbers are looked at in one go.
        """
        words, width, lines = data.split(), self.width, len(self.heads[0])
        if len(words) != width * lines or data.count(b"\n") != lines or not data.endswith(b"\n"):
            return None
        if any(words[at::width] != head for at, head in enumerate(self.heads)):
            return None
        table = [words[at::width] for at in range(3, width)]
        numbers = list(chain.from_iterable(table))
        if max(map(len, numbers)) > DIGITS or not b"".join(numbers).isdigit():
            return None
        return [[column[at] for at in self.shown] for column in table[: len(COLUMNS)]]


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
        self._layout: Layout | None = None
        self._disks: list[tuple[str, str]] = []  # name and number of each that is shown
        self._shape: list[tuple[str, int]] = []
        self._template = b""

    def collect(self) -> bytes:
        """Read /proc/diskstats once."""
        data = self._file.read()
        columns = self._layout.columns(data) if self._layout else None
        if (
            columns is None
        ):  # the first time, when a disk came or went, and where lines differ in length
            columns = self._prepare(data)
        values = [show(column) for (_, show), column in zip(COLUMNS, columns, strict=False)]
        return self._template % tuple(chain.from_iterable(values)) + self._info.blocks(self._disks)

    def _prepare(self, data: bytes) -> list[list[bytes]]:
        every = parse(data)
        disks = [disk for disk in every if self._keep.keeps(disk.name)]
        shape = [(disk.name, len(disk.counters)) for disk in disks]
        if shape != self._shape:
            self._template, self._shape = template(disks), shape
        self._disks = [(disk.name, disk.number) for disk in disks]
        self._layout = _layout(data, disks)
        longest = max((len(disk.counters) for disk in disks), default=0)
        return [
            [disk.counters[at] for disk in disks if at < len(disk.counters)]
            for at in range(longest)
        ]


def _layout(data: bytes, disks: Sequence[Disk]) -> Layout | None:
    """Return how a file is laid out that was understood; None when its lines differ or a disk is there twice."""
    rows = [row.split() for row in data.splitlines()]
    names = [row[2] for row in rows]
    if len({len(row) for row in rows}) != 1 or len(set(names)) < len(names):
        return None
    place = {name.decode("utf-8", "backslashreplace"): at for at, name in enumerate(names)}
    heads = [row[0] for row in rows], [row[1] for row in rows], names
    return Layout(len(rows[0]), heads, tuple(place[disk.name] for disk in disks))


def template(disks: Sequence[Disk]) -> bytes:
    """Make the text of a whole scrape with a place for each value."""
    parts = []
    for at, (family, show) in enumerate(COLUMNS):
        having = [disk for disk in disks if at < len(disk.counters)]
        series = [family.series(device=disk.name).replace(b"%", b"%%") for disk in having]
        parts.append(block(family, [one + PLACES[show] for one in series]))
    return b"".join(parts)
