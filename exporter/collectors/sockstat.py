"""How many sockets of each kind there are, from /proc/net/sockstat and sockstat6, as node_exporter's `sockstat`.

Formats: net/ipv4/proc.c, sockstat_seq_show(), and net/ipv6/proc.c. The numbers are served digit for digit.
"""

import os
import re
from typing import NamedTuple

from exporter.collector import Absent, Malformed, OnScrape
from exporter.exposition import Family, Kind
from exporter.netns import NetFile

PAGE = os.sysconf("SC_PAGESIZE")

LINE = re.compile(rb"([A-Za-z0-9]+):((?: [a-z]+ -?[0-9]{1,19})+)")
# What node_exporter shows; `mem` is in pages, and shown in bytes besides.
FIELDS = (b"inuse", b"orphan", b"tw", b"alloc", b"mem", b"memory")
# The line of all sockets, which only the file of IPv4 has.
ALL = b"sockets"


class Sockets(NamedTuple):
    """The numbers in file order, and for each the line and the word that it stands behind."""

    keys: tuple[tuple[bytes, bytes], ...]
    values: tuple[bytes, ...]


def parse(data: bytes) -> Sockets:
    """Read every line.

    Raises:
        Malformed: A line has not a name and words with a number each, or the file ends within a line.
    """
    *lines, rest = data.split(b"\n")
    keys, values = list[tuple[bytes, bytes]](), list[bytes]()
    for line in lines:
        match = LINE.fullmatch(line)
        if match is None or rest:
            raise Malformed(f"sockstat: wanted words and numbers, saw {line[:80]!r}")
        words = match[2].split()
        keys += [(match[1], word) for word in words[::2]]
        values += words[1::2]
    return Sockets(tuple(keys), tuple(values))


class Sockstat(OnScrape):
    """Serves node_sockstat_*."""

    name = "sockstat"

    def __init__(self, ipv4: NetFile, ipv6: NetFile) -> None:
        """Read nothing yet.

        Args:
            ipv4: /proc/net/sockstat.
            ipv6: /proc/net/sockstat6; each is not there where its protocol is off.
        """
        self._files = (ipv4, ipv6)
        self._keys: tuple[tuple[bytes, bytes], ...] | None = None
        self._shown: list[int] = []
        self._pages: list[int] = []
        self._template = b""

    def collect(self) -> bytes:
        """Read both files once."""
        found = [parse(data) for file in self._files if (data := file.there()) is not None]
        if not found:
            raise Absent("sockstat: neither IPv4 nor IPv6")
        keys = tuple(key for one in found for key in one.keys)
        if keys != self._keys:
            self._prepare(keys)
        values = [value for one in found for value in one.values]
        shown = [values[at] for at in self._shown]
        return self._template % (*shown, *[int(values[at]) * PAGE for at in self._pages])

    def _prepare(self, keys: tuple[tuple[bytes, bytes], ...]) -> None:
        if len(set(keys)) < len(keys):
            raise Malformed("sockstat: a number is there twice")
        self._shown = [at for at, (line, word) in enumerate(keys) if _shows(line, word)]
        self._pages = [at for at in self._shown if keys[at][1] == b"mem"]
        self._template = b"".join(
            [
                *(_place(*keys[at]) + b"%b\n" for at in self._shown),
                *(_place(keys[at][0], b"mem_bytes") + b"%d\n" for at in self._pages),
            ]
        )
        self._keys = keys


def _shows(line: bytes, word: bytes) -> bool:
    return word == b"used" if line == ALL else word in FIELDS


def _place(line: bytes, word: bytes) -> bytes:
    name, text = f"{line.decode()}_{word.decode()}", "Number of IPv4 sockets in use."
    if line != ALL:
        text = f"Number of {line.decode()} sockets in state {word.decode()}."
    family = Family(f"node_sockstat_{name}", Kind.GAUGE, text)
    return family.header() + family.series()
