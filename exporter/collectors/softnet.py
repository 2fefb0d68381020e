"""What each processor did with packets, from /proc/net/softnet_stat, as node_exporter's `softnet`.

Format: net/core/net-procfs.c, softnet_seq_show(): hexadecimal columns without a headline, of which newer kernels have
more at the end.
"""

from typing import NamedTuple

from exporter.collector import Malformed, OnScrape
from exporter.exposition import Family, Kind
from exporter.grid import Grid
from exporter.netns import NetFile
from exporter.sysfiles import rows
from exporter.wholes import is_hexadecimal


def _counter(name: str, text: str) -> Family:
    return Family(f"node_softnet_{name}_total", Kind.COUNTER, text)


# By the column; node_exporter says 0 of one that the kernel does not have.
COLUMNS = {
    0: _counter("processed", "Number of processed packets"),
    1: _counter("dropped", "Number of dropped packets"),
    2: _counter("times_squeezed", "Number of times processing packets ran out of quota"),
    8: _counter(
        "cpu_collision", "Number of collision occur while obtaining device lock while transmitting"
    ),
    9: _counter("received_rps", "Number of times cpu woken up received_rps"),
    10: _counter("flow_limit_count", "Number of times flow limit has been reached"),
    11: Family("node_softnet_backlog_len", Kind.GAUGE, "Softnet backlog status"),
}
# Columns of the oldest kernel; and since Linux 5.14 the backlog and the processor's number, together.
LEAST = 9
WITH_NUMBER = 13
NUMBER = 12


class Softnet(NamedTuple):
    """The processors' numbers, and of each column of COLUMNS what each of them says."""

    cpus: tuple[tuple[str], ...]
    columns: list[list[int]]


def parse(data: bytes) -> Softnet:
    """Read the line of each processor that is there.

    Raises:
        Malformed: There is none, a line has not as many numbers as the others, or the file ends within a line.
    """
    lines = list(rows(data))
    width = len(lines[0]) if lines else 0
    if width < LEAST or not data.endswith(b"\n"):
        raise Malformed(f"softnet_stat: wanted {LEAST} numbers a line, ends {data[-40:]!r}")
    for line in lines:
        if len(line) != width or not all(map(is_hexadecimal, line)):
            raise Malformed(f"softnet_stat: wanted {width} numbers, saw {line[:20]}")
    numbers = [[int(word, 16) for word in column] for column in zip(*lines, strict=True)]
    numbered = width >= WITH_NUMBER
    there = NUMBER if numbered else min(width, NUMBER - 1)
    cpus = numbers[NUMBER] if numbered else range(len(lines))
    none = [0] * len(lines)
    return Softnet(
        tuple((str(cpu),) for cpu in cpus), [numbers[at] if at < there else none for at in COLUMNS]
    )


class SoftnetStatistics(OnScrape):
    """Serves node_softnet_*."""

    name = "softnet"

    def __init__(self, file: NetFile) -> None:
        self._file = file
        self._grid = Grid(tuple(COLUMNS.values()), ("cpu",))

    def collect(self) -> bytes:
        """Read /proc/net/softnet_stat once."""
        seen = parse(self._file.read())
        return self._grid.fill(seen.cpus, seen.columns)
