"""Statistics of the network's caches, from /proc/net/stat, as node_exporter's `lnstat` (lnstat(8)).

A file each, with a headline of names and a line of hexadecimal numbers for each processor.
"""

import re
from pathlib import Path
from typing import NamedTuple

from exporter import sysfiles
from exporter.collector import Absent, Malformed, OnScrape
from exporter.exposition import Family, Kind, block
from exporter.grid import literal
from exporter.netns import NetFile
from exporter.wholes import is_hexadecimal

NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")


class Shape(NamedTuple):
    """What of one file stays the same from scrape to scrape."""

    file: str
    names: tuple[bytes, ...]
    processors: int


def parse(name: str, data: bytes) -> tuple[Shape, list[bytes]]:
    """Return a file's shape, and its numbers line by line.

    Raises:
        Malformed: A name is none or there twice, a line has not a number for each, or the file ends within a line.
    """
    headline, *lines = list(sysfiles.rows(data)) or [[]]
    names = tuple(headline)
    if not data.endswith(b"\n") or not all(map(NAME.fullmatch, names)):
        raise Malformed(f"{name}: wanted names and whole lines, ends {data[-40:]!r}")
    if len(set(names)) < len(names):
        raise Malformed(f"{name}: a name is there twice")
    for line in lines:
        if len(line) != len(names) or not all(map(is_hexadecimal, line)):
            raise Malformed(f"{name}: wanted {len(names)} numbers, saw {line[:20]}")
    return Shape(name, names, len(lines)), [word for line in lines for word in line]


class Lnstat(OnScrape):
    """Serves node_lnstat_*_total."""

    name = "lnstat"

    def __init__(self, procfs: Path) -> None:
        """Read nothing yet.

        Args:
            procfs: Where /proc is.
        """
        self._procfs = procfs
        self._files: dict[str, NetFile] = {}
        self._shapes: list[Shape] = []
        self._order: list[int] = []
        self._text = b""

    def collect(self) -> bytes:
        """Read each file that is there once."""
        found = [parse(name, data) for name in self._names() if (data := self._read(name))]
        if not found:
            raise Absent("lnstat: there are no statistics")
        shapes = [shape for shape, _ in found]
        if shapes != self._shapes:  # the first time, and with a module that brings another file
            self._prepare(shapes)
        words = [word for _, numbers in found for word in numbers]
        return self._text % tuple([int(words[at], 16) for at in self._order])

    def _names(self) -> list[str]:
        """Return the names of the files; our own network's where PID 1 is hidden from us."""
        for folder in (self._procfs / "1/net/stat", self._procfs / "net/stat"):
            if found := sysfiles.entries(folder):
                return [one.name for one in found]
        return []

    def _read(self, name: str) -> bytes | None:
        if name not in self._files:
            self._files[name] = NetFile(self._procfs, f"stat/{name}")
        return self._files[name].there()

    def _prepare(self, shapes: list[Shape]) -> None:
        families: dict[Family, list[tuple[bytes, int]]] = {}
        at = 0
        for shape in shapes:
            for cpu in range(shape.processors):
                for name in shape.names:
                    family = _family(name)
                    series = family.series(cpu=str(cpu), subsystem=shape.file)
                    families.setdefault(family, []).append((series, at))
                    at += 1
        self._order = [at for places in families.values() for _, at in places]
        self._text = b"".join(
            block(family, [literal(series) + b"%d\n" for series, _ in places])
            for family, places in families.items()
        )
        self._shapes = shapes


def _family(name: bytes) -> Family:
    return Family(f"node_lnstat_{name.decode()}_total", Kind.COUNTER, "linux network cache stats")
