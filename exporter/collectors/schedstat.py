"""How long tasks ran on each processor and waited for it, from /proc/schedstat, as node_exporter's `schedstat`.

Format: Documentation/scheduler/sched-stats.rst of the kernel; the three columns are the same in versions 10 to 17.
"""

from typing import NamedTuple

from exporter.collector import Malformed, OnScrape
from exporter.exposition import Family, Kind
from exporter.grid import Grid
from exporter.procfile import ProcFile
from exporter.wholes import is_whole

SECONDS = (
    Family(
        "node_schedstat_running_seconds_total",
        Kind.COUNTER,
        "Number of seconds CPU spent running a process.",
    ),
    Family(
        "node_schedstat_waiting_seconds_total",
        Kind.COUNTER,
        "Number of seconds spent by processing waiting for this CPU.",
    ),
)
SLICES = Family(
    "node_schedstat_timeslices_total", Kind.COUNTER, "Number of timeslices executed by CPU."
)

COLUMNS = 9
NANOSECONDS = 1e9


class Schedule(NamedTuple):
    """The processors' numbers, and for each how long tasks ran and waited in nanoseconds, and how often they ran."""

    cpus: tuple[tuple[str], ...]
    running: tuple[int, ...]
    waiting: tuple[int, ...]
    slices: tuple[int, ...]


def parse(data: bytes) -> Schedule:
    """Read the line of each processor, but not those of its domains.

    Raises:
        Malformed: There is no processor, a line has too few numbers, or the file ends within a line.
    """
    rows = [row.split() for row in data.split(b"\n") if row.startswith(b"cpu")]
    if not rows or not data.endswith(b"\n"):
        raise Malformed(f"schedstat: wanted processors, ends {data[-40:]!r}")
    for key, *numbers in rows:
        if not (is_whole(key[3:]) and len(numbers) >= COLUMNS and all(map(is_whole, numbers))):
            raise Malformed(f"schedstat: wanted {COLUMNS} numbers, saw {key[:20]!r} {numbers[:12]}")
    columns = [tuple(int(row[at]) for row in rows) for at in (7, 8, 9)]
    return Schedule(tuple((row[0][3:].decode(),) for row in rows), *columns)


class Scheduler(OnScrape):
    """Serves node_schedstat_*."""

    name = "schedstat"

    def __init__(self, file: ProcFile) -> None:
        self._file = file
        self._seconds = Grid(SECONDS, ("cpu",), b"%a")
        self._slices = Grid([SLICES], ("cpu",))

    def collect(self) -> bytes:
        """Read /proc/schedstat once."""
        seen = parse(self._file.read())
        seconds = ([n / NANOSECONDS for n in column] for column in (seen.running, seen.waiting))
        return self._seconds.fill(seen.cpus, seconds) + self._slices.fill(seen.cpus, [seen.slices])
