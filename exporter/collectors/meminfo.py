"""Where the memory went, from /proc/meminfo (proc(5)), as node_exporter's `meminfo`.

Every field that the kernel shows is served under its own name, so a field of a newer kernel appears by itself.
"""

import re
from collections.abc import Callable
from operator import itemgetter, mul
from typing import NamedTuple

from exporter.collector import Malformed, OnScrape
from exporter.exposition import Family, Kind
from exporter.procfile import ProcFile
from exporter.wholes import DIGITS

# `Active(anon):     123 kB`; the huge page counts have no unit.
LINE = re.compile(
    rb"^([A-Za-z0-9_]+)(?:\(([A-Za-z0-9_]+)\))?:[ \t]+(\d{1,20})[ \t]*(kB)?[ \t]*$", re.M
)
KIB = 1024


class Meminfo(NamedTuple):
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


Words = Callable[[list[bytes]], tuple[bytes, ...]]


class Layout(NamedTuple):
    """Where the numbers stand in a file that was understood.

    Attributes:
        lines: How many there are.
        words: How many words there are.
        take: Returns the numbers among the words.
        others: Returns the names and units among them.
        seen: The names and units.
        units: By what each number is multiplied.
    """

    lines: int
    words: int
    take: Words
    others: Words
    seen: tuple[bytes, ...]
    units: tuple[int, ...]

    def values(self, data: bytes) -> tuple[int, ...] | None:
        """Return the values in file order; None when this file is not laid out in this way.

        As long as the same names and units stand in the same places nothing has moved, and all numbers are looked at
        in one go.
        """
        words = data.split()
        if len(words) != self.words or data.count(b"\n") != self.lines or data[-1:] != b"\n":
            return None
        numbers = self.take(words)
        if self.others(words) != self.seen or not b"".join(numbers).isdigit():
            return None
        if max(map(len, numbers)) > DIGITS:
            return None
        return tuple(map(mul, map(int, numbers), self.units))


def layout(data: bytes) -> Layout | None:
    """Return how a file is laid out that was understood; None where it is too short for one."""
    words = data.split()
    numbers = [at for at, word in enumerate(words) if word.isdigit()]
    others = [at for at, word in enumerate(words) if not word.isdigit()]
    if len(numbers) < 2 or len(others) < 2:  # itemgetter makes a tuple of two or more
        return None
    units = tuple(KIB if words[at + 1 : at + 2] == [b"kB"] else 1 for at in numbers)
    take, rest = itemgetter(*numbers), itemgetter(*others)
    return Layout(data.count(b"\n"), len(words), take, rest, rest(words), units)


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
        self._layout: Layout | None = None

    def collect(self) -> bytes:
        """Read /proc/meminfo once."""
        data = self._file.read()
        values = self._layout.values(data) if self._layout else None
        if values is None:  # the first time, and after a module added a field
            values = self._prepare(data)
        return self._template % values

    def _prepare(self, data: bytes) -> tuple[int, ...]:
        meminfo = parse(data)
        if meminfo.names != self._names:
            self._template, self._names = template(meminfo.names), meminfo.names
        self._layout = layout(data)
        return meminfo.values
