"""What the exporter says about its own process, under the names that the client libraries of Prometheus have agreed on.

https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
"""

import platform
import resource
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from exporter.collector import Absent, Malformed
from exporter.exposition import Family, Kind, block, line
from exporter.procfile import ProcFile

BUILD_INFO = Family(
    "hale_exporter_build_info", Kind.GAUGE, "Which version of the exporter runs, always 1."
)
PYTHON = Family("python_info", Kind.GAUGE, "Python platform information")
CPU = Family(
    "process_cpu_seconds_total", Kind.COUNTER, "Total user and system CPU time spent in seconds."
)
MAX_FDS = Family("process_max_fds", Kind.GAUGE, "Maximum number of open file descriptors.")
OPEN_FDS = Family("process_open_fds", Kind.GAUGE, "Number of open file descriptors.")
RESIDENT = Family("process_resident_memory_bytes", Kind.GAUGE, "Resident memory size in bytes.")
START = Family(
    "process_start_time_seconds",
    Kind.GAUGE,
    "Start time of the process since unix epoch in seconds.",
)
VIRTUAL = Family("process_virtual_memory_bytes", Kind.GAUGE, "Virtual memory size in bytes.")

PLACES = b"".join(
    family.header() + family.series() + b"%a\n" for family in (CPU, OPEN_FDS, RESIDENT, VIRTUAL)
)

TICKS = 100  # a second; USER_HZ is 100 on every architecture that Debian has


def own_version() -> str:
    """Return the installed version, or "unknown" when run from bare files."""
    try:
        return version("hale-ha")
    except PackageNotFoundError:
        return "unknown"


def build_info(running: str) -> bytes:
    """Return the series that names the version that runs."""
    return BUILD_INFO.header() + line(BUILD_INFO.series(version=running), 1)


class Process(NamedTuple):
    """One process by /proc/PID/stat; `started` is in seconds since boot, memory in bytes."""

    cpu_seconds: float
    started: float
    virtual: int
    resident: int


def parse(data: bytes) -> Process:
    """Read /proc/PID/stat (proc(5)); the fields are counted from behind the name, which may hold anything.

    Raises:
        Malformed: A field is missing or no number.
    """
    fields = data.rpartition(b")")[2].split(None, 22)
    try:
        user, system, start, virtual, pages = (int(fields[at]) for at in (11, 12, 19, 20, 21))
    except (IndexError, ValueError):
        raise Malformed(f"self/stat: wanted a process, saw {data[:80]!r}") from None
    page = resource.getpagesize()
    return Process((user + system) / TICKS, start / TICKS, virtual, pages * page)


def count_open(folder: Path = Path("/proc/self/fd")) -> int:
    """Return how many descriptors are open; since Linux 6.2 the folder's size tells (f1f1f2569901)."""
    # A listing has the one that it is read through besides.
    return folder.stat().st_size or sum(1 for _ in folder.iterdir()) - 1


class SelfMetrics:
    """process_*, python_info and hale_exporter_build_info."""

    def __init__(self, procfs: Path = Path("/proc"), count: Callable[[], int] = count_open) -> None:
        """Read nothing yet.

        Args:
            procfs: Our own /proc, not the node's.
            count: Returns how many descriptors are open.
        """
        self._file = ProcFile(procfs / "self/stat")
        self._boot = ProcFile(procfs / "stat")
        self._count = count
        self._constant = build_info(own_version()) + _python()
        self._told_start = b""

    def __call__(self) -> bytes:
        """Return them in the text format; of the process nothing where it cannot be read."""
        try:
            now = parse(self._file.read())
            if not self._told_start:
                self._told_start = self._start(now)
            numbers = now.cpu_seconds, self._count(), now.resident, now.virtual
        except (Absent, Malformed, OSError):
            return self._constant
        return self._constant + self._told_start + PLACES % numbers

    def _start(self, now: Process) -> bytes:
        """Write what does not change while the process lives."""
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        booted = _boot_time(self._boot.read())
        self._boot.close()
        return block(MAX_FDS, [line(MAX_FDS.series(), limit)]) + block(
            START, [line(START.series(), booted + now.started)]
        )


def _boot_time(data: bytes) -> int:
    word = data.partition(b"\nbtime ")[2].split(None, 1)[:1]
    if not word or not word[0].isdigit():
        raise Malformed("stat: no line 'btime'")
    return int(word[0])


def _python() -> bytes:
    major, minor, patch = platform.python_version_tuple()
    labels = {
        "implementation": platform.python_implementation(),
        "major": major,
        "minor": minor,
        "patchlevel": patch,
        "version": platform.python_version(),
    }
    return block(PYTHON, [line(PYTHON.series(**labels), 1)])
