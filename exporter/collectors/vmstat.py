"""Counters of the memory's management, from /proc/vmstat, as node_exporter's `vmstat`.

The kernel says of none whether it only grows, and its numbers are served digit for digit.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from exporter.collector import Malformed, OnScrape
from exporter.exposition import Family, Kind
from exporter.procfile import ProcFile
from exporter.wholes import DIGITS

# node_exporter's default (collector/vmstat_linux.go).
FIELDS = r"^(oom_kill|pgpg|pswp|pg.*fault).*"

NAME = re.compile(rb"[A-Za-z0-9_]+")


class Vmstat(NamedTuple):
    """The fields in file order, and the digits of each."""

    names: list[bytes]
    values: list[bytes]


def parse(data: bytes) -> Vmstat:
    """Take the words in pairs; that there is a pair on each line is what the counts say.

    Raises:
        Malformed: There is no line, one has not a name and a number, or the file ends within a line.
    """
    words = data.split()
    names, values = words[::2], words[1::2]
    if not words or len(words) != 2 * data.count(b"\n") or not data.endswith(b"\n"):
        raise Malformed(f"vmstat: wanted a name and a number a line, ends {data[-40:]!r}")
    if not b"".join(values).isdigit() or max(map(len, values)) > DIGITS:
        odd = next(value for value in values if not value.isdigit() or len(value) > DIGITS)
        raise Malformed(f"vmstat: wanted a number, saw {odd[:40]!r}")
    return Vmstat(names, values)


class VirtualMemory(OnScrape):
    """Serves node_vmstat_* of the fields that it is told to show."""

    name = "vmstat"

    def __init__(self, file: ProcFile, shown: re.Pattern[str]) -> None:
        """Read nothing yet.

        Args:
            file: /proc/vmstat.
            shown: Searched in each field's name.
        """
        self._file = file
        self._fields = shown
        self._names: list[bytes] = []
        self._shown: list[int] = []
        self._template = b""

    def collect(self) -> bytes:
        """Read /proc/vmstat once."""
        seen = parse(self._file.read())
        if seen.names != self._names:  # the first time, and with a kernel module that adds a field
            self._prepare(seen.names)
        return self._template % tuple([seen.values[at] for at in self._shown])

    def _prepare(self, names: Sequence[bytes]) -> None:
        if odd := [name for name in names if not NAME.fullmatch(name)]:
            raise Malformed(f"vmstat: no field is called {odd[0][:40]!r}")
        if len(set(names)) < len(names):
            raise Malformed("vmstat: a field is there twice")
        keys = [name.decode() for name in names]
        self._shown = [at for at, key in enumerate(keys) if self._fields.search(key)]
        self._template = b"".join(_place(keys[at]) for at in self._shown)
        self._names = list(names)


def _place(key: str) -> bytes:
    text = f"/proc/vmstat information field {key}."
    family = Family(f"node_vmstat_{key}", Kind.UNTYPED, text)
    return family.header() + family.series() + b"%b\n"
