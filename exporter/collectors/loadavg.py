"""How many processes wanted to run, from /proc/loadavg (proc(5)), as node_exporter's `loadavg`."""

import math
from typing import NamedTuple

from exporter.collector import Malformed, OnScrape
from exporter.exposition import Family, Kind
from exporter.procfile import ProcFile

FAMILIES = (
    Family("node_load1", Kind.GAUGE, "1m load average."),
    Family("node_load15", Kind.GAUGE, "15m load average."),
    Family("node_load5", Kind.GAUGE, "5m load average."),
)
# The number is written by repr, the shortest text that reads back as the same float.
TEMPLATE = b"".join(family.header() + family.series() + b"%a\n" for family in FAMILIES)


class Load(NamedTuple):
    """The three averages, over 1, 5 and 15 minutes."""

    one: float
    five: float
    fifteen: float


def parse(data: bytes) -> Load:
    """Read the first three fields.

    Raises:
        Malformed: There are fewer than three, or one is not a finite number.
    """
    fields = data.split(None, 3)[:3]
    try:
        one, five, fifteen = (float(field) for field in fields)
    except ValueError:
        raise Malformed(f"loadavg: wanted three numbers, saw {data[:60]!r}") from None
    if not (math.isfinite(one) and math.isfinite(five) and math.isfinite(fifteen)):
        raise Malformed(f"loadavg: wanted finite numbers, saw {data[:60]!r}")
    return Load(one, five, fifteen)


class Loadavg(OnScrape):
    """Serves node_load1, node_load5 and node_load15."""

    name = "loadavg"

    def __init__(self, file: ProcFile) -> None:
        self._file = file

    def collect(self) -> bytes:
        """Read /proc/loadavg once."""
        load = parse(self._file.read())
        return TEMPLATE % (load.one, load.fifteen, load.five)
