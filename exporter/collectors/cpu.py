"""What the processors spent their time on, from /proc/stat (proc(5)), as node_exporter's `cpu`.

The kernel's counters of one processor can go back a little (idle and iowait do), which to Prometheus looks like a
restart and a leap. So the highest that was seen is shown, as node_exporter does, until the processor was really away.
"""

from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

from exporter.collector import Malformed, OnScrape
from exporter.cpuinfo import CpuInfo
from exporter.exposition import Family, Kind, block
from exporter.processors import Processors
from exporter.procfile import ProcFile

SECONDS = Family("node_cpu_seconds_total", Kind.COUNTER, "Seconds the CPUs spent in each mode.")
GUEST = Family(
    "node_cpu_guest_seconds_total",
    Kind.COUNTER,
    "Seconds the CPUs spent in guests (VMs) for each mode.",
)

# The columns of /proc/stat; the time of guests is counted in user and nice too.
MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
GUEST_MODES = ("user", "nice")
COLUMNS = len(MODES) + len(GUEST_MODES)
IDLE = MODES.index("idle")

TICKS = 100  # a second; USER_HZ is 100 on every architecture that Debian has
# A processor whose idle time fell by more was switched off and on again (node_exporter's jumpBackSeconds).
AWAY = 3 * TICKS


class Times(NamedTuple):
    """One processor's number and its ticks in each column, in the order of MODES and GUEST_MODES."""

    cpu: str
    ticks: tuple[int, ...]


def parse(data: bytes) -> list[Times]:
    """Read the line of each processor, but not the sum of all, nor what a newer kernel has behind the known columns.

    Raises:
        Malformed: There is no processor, a line has too few numbers, or the file ends within a line.
    """
    if not data.endswith(b"\n"):
        raise Malformed(f"stat: ends within a line: {data[-40:]!r}")
    found = []
    at = 0
    while data.startswith(b"cpu", at):  # they stand first; what follows may be very long
        end = data.index(b"\n", at)
        key, *columns = data[at:end].split(None, COLUMNS + 1)
        if key != b"cpu":
            found.append(_times(key, columns[:COLUMNS]))
        at = end + 1
    if not found:
        raise Malformed(f"stat: wanted processors first, saw {data[:60]!r}")
    return found


def _times(key: bytes, columns: list[bytes]) -> Times:
    number = key.removeprefix(b"cpu")
    digits = b"".join(columns)
    if not number.isdigit() or len(columns) < COLUMNS or not digits.isdigit() or len(digits) > 200:
        raise Malformed(f"stat: wanted {COLUMNS} numbers, saw {b' '.join([key, *columns])[:80]!r}")
    return Times(number.decode(), tuple(map(int, columns)))


def no_less(before: tuple[int, ...], now: tuple[int, ...]) -> tuple[int, ...]:
    """Return what to show: never less than before, unless the processor was away meanwhile."""
    if before[IDLE] - now[IDLE] >= AWAY:
        return now
    return tuple(map(max, before, now))


class Cpu(OnScrape):
    """Serves node_cpu_*."""

    name = "cpu"

    def __init__(
        self,
        file: ProcFile,
        processors: Processors,
        guest: bool = True,
        info: CpuInfo | None = None,
    ) -> None:
        """Read nothing yet.

        Args:
            file: /proc/stat.
            processors: What /sys says of them.
            guest: Whether to show the time of guests by itself.
            info: What /proc/cpuinfo says of them; None where nobody asks.
        """
        self._file = file
        self._processors = processors
        self._info = info
        self._modes = COLUMNS if guest else len(MODES)
        self._shown: dict[str, tuple[int, ...]] = {}
        self._template = b""

    def collect(self) -> bytes:
        """Read /proc/stat once, and what else is asked for."""
        times = parse(self._file.read())
        before = self._shown
        shown = {
            one.cpu: no_less(before[one.cpu], one.ticks) if one.cpu in before else one.ticks
            for one in times
        }
        if list(shown) != list(before):  # the first time, and when one was switched on or off
            self._processors.look()
            self._template = template(shown, self._modes)
        self._shown = shown
        ticks = chain.from_iterable(zip(*shown.values(), strict=True))
        seconds = tuple([value / TICKS for value in ticks][: self._modes * len(shown)])
        info = self._info.blocks() if self._info else b""
        return self._template % seconds + self._processors.blocks() + info


def template(cpus: Iterable[str], modes: int) -> bytes:
    """Make the text of a whole scrape with a place for each value, the first `modes` columns of it."""
    numbers = tuple(cpus)

    def lines(family: Family, mode: str) -> list[bytes]:
        return [family.series(cpu=number, mode=mode) + b"%a\n" for number in numbers]

    seconds = [one for mode in MODES for one in lines(SECONDS, mode)]
    guests = [one for mode in GUEST_MODES for one in lines(GUEST, mode)]
    return block(SECONDS, seconds) + block(GUEST, guests if modes > len(MODES) else [])
