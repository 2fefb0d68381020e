"""Where the memory of each NUMA node went, from /sys/devices/system/node, as node_exporter's `meminfo_numa`."""

import re
from collections.abc import Iterator
from pathlib import Path

from exporter.collector import Absent, Malformed, OnScrape
from exporter.exposition import Family, Kind
from exporter.files import beginning
from exporter.gathered import Sample, sample, written
from exporter.sysfiles import PAGE, entries

FOLDER = r"node([0-9]+)"
# `Node 0 Active(anon):     691324 kB`; the huge page counts have no unit (drivers/base/node.c).
MEMINFO = re.compile(
    rb"^Node ([0-9]+) ([A-Za-z0-9_]+)(?:\(([A-Za-z0-9_]+)\))?: +([0-9]{1,20})( kB)?[ \t]*$", re.M
)
NUMASTAT = re.compile(rb"^([a-z_]+) ([0-9]{1,20})$", re.M)
KIB = 1024


def parse_meminfo(data: bytes) -> Iterator[Sample]:
    """Read the lines of one node's meminfo, in bytes or pages.

    Raises:
        Malformed: There is none, one cannot be read, or the file ends within a line.
    """
    found = MEMINFO.findall(data)
    _whole_lines("meminfo", data, len(found))
    for node, name, part, value, unit in found:
        key = (name + (b"_" + part if part else b"")).decode()
        family = Family(f"node_memory_numa_{key}", Kind.GAUGE, f"Memory information field {key}.")
        yield sample(family, int(value) * (KIB if unit else 1), node=node.decode())


def parse_numastat(data: bytes, node: str) -> Iterator[Sample]:
    """Read the lines of one node's numastat, in pages.

    Raises:
        Malformed: There is none, one cannot be read, or the file ends within a line.
    """
    found = NUMASTAT.findall(data)
    _whole_lines("numastat", data, len(found))
    for name, value in found:
        key = f"{name.decode()}_total"
        family = Family(f"node_memory_numa_{key}", Kind.COUNTER, f"Memory information field {key}.")
        yield sample(family, int(value), node=node)


def _whole_lines(name: str, data: bytes, found: int) -> None:
    wanted = sum(1 for row in data.splitlines() if row.strip())
    if not found or found != wanted or not data.endswith(b"\n"):
        raise Malformed(f"{name}: {found} of {wanted} lines can be read; ends {data[-40:]!r}")


class NumaMemory(OnScrape):
    """Serves node_memory_numa_*."""

    name = "meminfo_numa"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> bytes:
        """Read two files of each node once.

        Raises:
            Absent: The kernel knows no NUMA nodes.
            Malformed: What a file holds could not be understood.
            OSError: A file could not be read.
        """
        found: list[Sample] = []
        for folder in entries(self._folder, FOLDER):
            found += parse_meminfo(_read(folder / "meminfo"))
            found += parse_numastat(_read(folder / "numastat"), folder.name.removeprefix("node"))
        if not found:
            raise Absent(f"no nodes in {self._folder}")
        return written(found)


def _read(file: Path) -> bytes:
    return beginning(file, PAGE)
