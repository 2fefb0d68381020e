"""Where the memory went, from /proc/meminfo (proc(5)), as node_exporter's `meminfo`.

Every field that the kernel shows is served under its own name, so a field of a newer kernel appears by itself.
"""

import re
from dataclasses import dataclass

from exporter.collector import Malformed, OnScrape
from exporter.exposition import Family, Kind
from exporter.procfile import ProcFile

# `Active(anon):     123 kB`; the huge page counts have no unit.
LINE = re.compile(rb"^([A-Za-z0-9_]+)(?:\(([A-Za-z0-9_]+)\))?:[ \t]+(\d+)[ \t]*(kB)?[ \t]*$", re.M)
KIB = 1024


@dataclass(frozen=True, slots=True)
class Meminfo:
    """The fields in file order: `names` as node_exporter spells them, `values` in bytes or pages."""

    names: tuple[bytes, ...]
    values: tuple[int, ...]


def parse(data: bytes) -> Meminfo:
    """Turn the lines into names and values; empty lines are passed over, as some kernels write them.

    Raises:
        Malformed: There is no line, one that cannot be read, the same field
            twice, or the file ends within a line.
    """
    fields = LINE.findall(data)
    wanted = sum(1 for line in data.splitlines() if line.strip())
    if not fields or len(fields) != wanted or not data.endswith(b"\n"):
        raise Malformed(
            f"meminfo: {len(fields)} of {wanted} lines can be read; ends {data[-40:]!r}"
        )
    names = tuple(
        name + (b"_" + part if part else b"") + (b"_bytes" if unit else b"")
        for name, part, _, unit in fields
    )
    if len(set(names)) != len(names):
        raise Malformed("meminfo: a field is there twice")
    values = tuple(int(value) * KIB if unit else int(value) for _, _, value, unit in fields)
    return Meminfo(names, values)


def template(names: tuple[bytes, ...]) -> bytes:
    """Make the text of a whole scrape with a place for each value."""
    parts = []
    for name in names:
        key = name.decode()
        kind = Kind.COUNTER if key.endswith("_total") else Kind.GAUGE
        family = Family(f"node_memory_{key}", kind, f"Memory information field {key}.")
        parts.append(family.header() + family.series() + b"%d\n")
    return b"".join(parts)


class Memory(OnScrape):
    """Serves node_memory_* for every field of /proc/meminfo."""

    name = "meminfo"

    def __init__(self, file: ProcFile) -> None:
        self._file = file
        self._names: tuple[bytes, ...] = ()
        self._template = b""

    def collect(self) -> bytes:
        """Read /proc/meminfo once."""
        meminfo = parse(self._file.read())
        if meminfo.names != self._names:  # the first time, and after a module added a field
            self._template, self._names = template(meminfo.names), meminfo.names
        return self._template % meminfo.values
