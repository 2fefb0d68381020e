"""How many blocks of memory are free, by size, from /proc/buddyinfo (proc(5)), as node_exporter's `buddyinfo`."""

from exporter.collector import Malformed, OnScrape
from exporter.exposition import Family, Kind
from exporter.grid import Grid
from exporter.procfile import ProcFile
from exporter.sysfiles import rows
from exporter.wholes import is_whole

FAMILY = Family("node_buddyinfo_blocks", Kind.GAUGE, "Count of free blocks according to size.")

Zone = tuple[str, str, list[bytes]]
"""The node, the zone, and the count of each size, digits as the kernel wrote them."""


def parse(data: bytes) -> list[Zone]:
    """Read the line of each zone.

    Raises:
        Malformed: There is none, one has another form or number of sizes, or the file ends within a line.
    """
    found = [_zone(words) for words in rows(data)]
    if not data.endswith(b"\n") or len({len(counts) for _, _, counts in found}) != 1:
        raise Malformed(f"buddyinfo: wanted zones with as many sizes each, ends {data[-60:]!r}")
    return found


def _zone(words: list[bytes]) -> Zone:
    match words:
        case [b"Node", node, b"zone", zone, *counts] if counts and all(map(is_whole, counts)):
            return (
                node.rstrip(b",").decode("utf-8", "replace"),
                zone.decode("utf-8", "replace"),
                counts,
            )
    raise Malformed(f"buddyinfo: wanted a zone and its sizes, saw {b' '.join(words)[:80]!r}")


class Blocks(OnScrape):
    """Serves node_buddyinfo_blocks."""

    name = "buddyinfo"

    def __init__(self, file: ProcFile) -> None:
        self._file = file
        self._grid = Grid([FAMILY], ("node", "size", "zone"), b"%b")

    def collect(self) -> bytes:
        """Read /proc/buddyinfo once."""
        found = parse(self._file.read())
        series = tuple(
            (node, str(size), zone) for node, zone, counts in found for size in range(len(counts))
        )
        return self._grid.fill(series, (counts for _, _, counts in found))
