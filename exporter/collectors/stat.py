"""Counters of the whole kernel, from /proc/stat (proc(5)), as node_exporter's `stat`.

The lines for each processor belong to another collector and are passed over.
"""

from typing import NamedTuple

from exporter.collector import Malformed, OnScrape
from exporter.exposition import Family, Kind
from exporter.procfile import ProcFile

# In the order of the fields of `Stat`.
FAMILIES = (
    Family("node_boot_time_seconds", Kind.GAUGE, "Node boot time, in unixtime."),
    Family("node_context_switches_total", Kind.COUNTER, "Total number of context switches."),
    Family("node_forks_total", Kind.COUNTER, "Total number of forks."),
    Family("node_intr_total", Kind.COUNTER, "Total number of interrupts serviced."),
    Family(
        "node_procs_blocked",
        Kind.GAUGE,
        "Number of processes blocked waiting for I/O to complete.",
    ),
    Family("node_procs_running", Kind.GAUGE, "Number of processes in runnable state."),
)
SOFTIRQS = Family("node_softirqs_total", Kind.COUNTER, "Number of softirq calls.")
# In the order of the line, behind their sum (include/linux/interrupt.h).
VECTORS = (
    *("hi", "timer", "net_tx", "net_rx", "block", "block_iopoll"),
    *("tasklet", "sched", "hrtimer", "rcu"),
)
SOFTIRQS_TEMPLATE = SOFTIRQS.header() + b"".join(
    SOFTIRQS.series(vector=one) + b"%d\n" for one in sorted(VECTORS)
)
TEMPLATE = b"".join(family.header() + family.series() + b"%d\n" for family in FAMILIES)


class Stat(NamedTuple):
    """What /proc/stat says of the node as a whole; `boot_time` in Unix seconds."""

    boot_time: int
    context_switches: int
    forks: int
    interrupts: int
    blocked: int
    running: int


def parse(data: bytes) -> Stat:
    """Find the six lines by their keys; unknown lines are passed over.

    Raises:
        Malformed: A line is missing, has no number, or the file ends within a line.
    """
    if not data.endswith(b"\n"):
        raise Malformed(f"stat: ends within a line: {data[-40:]!r}")
    return Stat(
        boot_time=_value(data, b"\nbtime "),
        context_switches=_value(data, b"\nctxt "),
        forks=_value(data, b"\nprocesses "),
        interrupts=_value(data, b"\nintr "),
        blocked=_value(data, b"\nprocs_blocked "),
        running=_value(data, b"\nprocs_running "),
    )


def parse_softirqs(data: bytes) -> dict[str, int]:
    """Return how often each kind of softirq was called.

    Raises:
        Malformed: There is no such line, or it is another.
    """
    begin = data.find(b"\nsoftirq ") + 1
    words = data[begin : data.find(b"\n", begin)].split()[2:] if begin else []
    if len(words) < len(VECTORS) or not all(word.isdigit() and len(word) <= 20 for word in words):
        raise Malformed(f"stat: wanted a line softirq with {len(VECTORS)} kinds, saw {words[:20]}")
    return dict(zip(VECTORS, map(int, words), strict=False))


def _value(data: bytes, key: bytes) -> int:
    at = data.find(key)
    if at < 0:
        raise Malformed(f"stat: no line {key.decode().strip()!r}")
    start = at + len(key)
    # The intr line is kilobytes long on a large machine; only its first number, the sum, is wanted.
    word = data[start : start + 24].split(None, 1)[:1]
    if not word or not word[0].isdigit():
        raise Malformed(
            f"stat: {key.decode().strip()!r} is followed by {data[start : start + 24]!r}"
        )
    return int(word[0])


class Statistics(OnScrape):
    """Serves boot time, context switches, forks, interrupts and the run queue."""

    name = "stat"

    def __init__(self, file: ProcFile, softirqs: bool = False) -> None:
        """Read nothing yet.

        Args:
            file: /proc/stat.
            softirqs: Whether to serve node_softirqs_total, too.
        """
        self._file = file
        self._softirqs = softirqs

    def collect(self) -> bytes:
        """Read /proc/stat once."""
        data = self._file.read()
        stat = parse(data)
        more = b""
        if self._softirqs:
            called = parse_softirqs(data)
            more = SOFTIRQS_TEMPLATE % tuple(called[one] for one in sorted(VECTORS))
        return more + TEMPLATE % (
            stat.boot_time,
            stat.context_switches,
            stat.forks,
            stat.interrupts,
            stat.blocked,
            stat.running,
        )
