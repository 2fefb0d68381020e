"""What /sys says of the processors: which are on line, which isolated, and how often they were throttled.

As node_exporter's `cpu` does, down to leaving node_cpu_online out where the first processor cannot be switched off.
"""

import re
from pathlib import Path
from typing import NamedTuple

from exporter.collector import Absent, Malformed
from exporter.exposition import Family, Kind, block, line
from exporter.files import whole
from exporter.procfile import ProcFile

CORE_THROTTLES = Family(
    "node_cpu_core_throttles_total",
    Kind.COUNTER,
    "Number of times this CPU core has been throttled.",
)
ISOLATED = Family(
    "node_cpu_isolated",
    Kind.GAUGE,
    "Whether each core is isolated, information from /sys/devices/system/cpu/isolated.",
)
ONLINE = Family("node_cpu_online", Kind.GAUGE, "CPUs that are online and being scheduled.")
PACKAGE_THROTTLES = Family(
    "node_cpu_package_throttles_total",
    Kind.COUNTER,
    "Number of times this CPU package has been throttled.",
)

MOST_BYTES = 64 * 1024  # sysfs hands out one page at the most
FOLDER = re.compile(r"cpu([0-9]+)")
RANGE = re.compile(rb"([0-9]{1,5})(?:-([0-9]{1,5}))?")


def parse_ranges(data: bytes) -> list[int]:
    """Read a list such as 0-3,8; what is none counts as empty."""
    found: list[int] = []
    for part in data.strip().split(b","):
        if match := RANGE.fullmatch(part):
            found += range(int(match[1]), int(match[2] or match[1]) + 1)
    return found


class Counter(NamedTuple):
    """A file that holds one number, and the series that shows it."""

    family: Family
    series: bytes
    file: ProcFile


class Processors:
    """Knows which processors there are and what each has, until told to look again."""

    def __init__(self, sysfs: Path) -> None:
        self._folder = sysfs / "devices/system/cpu"
        self._isolated = b""
        self._switches: list[Counter] = []
        self._throttles: list[Counter] = []

    def look(self) -> None:
        """Find out anew; to be called when processors came or went."""
        for one in (*self._switches, *self._throttles):
            one.file.close()
        isolated = parse_ranges(_content(self._folder / "isolated"))
        self._isolated = block(ISOLATED, [line(ISOLATED.series(cpu=str(n)), 1) for n in isolated])
        numbers = sorted(self._numbers())
        self._throttles = self._find_throttles(numbers)
        self._switches = [
            Counter(ONLINE, ONLINE.series(cpu=str(n)), ProcFile(self._cpu(n) / "online"))
            for n in numbers
            if (self._cpu(numbers[0]) / "online").exists()
        ]

    def blocks(self) -> bytes:
        """Return the series for this moment; a throttle counter that cannot be read is left out."""
        lines: dict[Family, list[bytes]] = {CORE_THROTTLES: [], PACKAGE_THROTTLES: []}
        for counter in self._throttles:
            value = _value(counter.file)
            if value.isdigit():
                lines[counter.family].append(counter.series + value + b"\n")
        throttles = b"".join(block(family, found) for family, found in lines.items())
        online = [line(switch.series, _value(switch.file) == b"1") for switch in self._switches]
        return throttles + self._isolated + block(ONLINE, online)

    def _cpu(self, number: int) -> Path:
        return self._folder / f"cpu{number}"

    def _numbers(self) -> list[int]:
        try:
            names = [entry.name for entry in self._folder.iterdir()]
        except OSError:
            return []
        return [int(match[1]) for name in names if (match := FOLDER.fullmatch(name))]

    def _find_throttles(self, numbers: list[int]) -> list[Counter]:
        found: dict[bytes, Counter] = {}  # by series: the threads of a core share its counter
        for cpu in map(self._cpu, numbers):
            package = _content(cpu / "topology/physical_package_id").decode("ascii", "replace")
            core = _content(cpu / "topology/core_id").decode("ascii", "replace")
            if not (package.isdigit() and core.isdigit()):
                continue  # off line, or a machine that does not say
            for family, name, series in (
                (CORE_THROTTLES, "core", CORE_THROTTLES.series(core=core, package=package)),
                (PACKAGE_THROTTLES, "package", PACKAGE_THROTTLES.series(package=package)),
            ):
                path = cpu / f"thermal_throttle/{name}_throttle_count"
                if series not in found and path.exists():
                    found[series] = Counter(family, series, ProcFile(path))
        return list(found.values())


def _content(path: Path) -> bytes:
    try:
        return whole(path, MOST_BYTES).strip()
    except (Malformed, OSError):
        return b""


def _value(file: ProcFile) -> bytes:
    try:
        return file.read().strip()
    except (Absent, OSError):
        return b""
