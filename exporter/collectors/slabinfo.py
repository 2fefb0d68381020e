"""What the kernel's own objects take, from /proc/slabinfo (slabinfo(5)), as node_exporter's `slabinfo`."""

from exporter.collector import Malformed, OnScrape
from exporter.devices import Devices
from exporter.exposition import Family, Kind
from exporter.grid import Grid
from exporter.procfile import ProcFile
from exporter.wholes import is_whole

# In the order of the columns.
FAMILIES = (
    Family(
        "node_slabinfo_active_objects",
        Kind.GAUGE,
        "The number of objects that are currently active (i.e., in use).",
    ),
    Family(
        "node_slabinfo_objects",
        Kind.GAUGE,
        "The total number of allocated objects (i.e., objects that are both in use and not in use).",
    ),
    Family(
        "node_slabinfo_object_size_bytes",
        Kind.GAUGE,
        "The size of objects in this slab, in bytes.",
    ),
    Family(
        "node_slabinfo_objects_per_slab",
        Kind.GAUGE,
        "The number of objects stored in each slab.",
    ),
    Family(
        "node_slabinfo_pages_per_slab",
        Kind.GAUGE,
        "The number of pages allocated for each slab.",
    ),
)
COLUMNS = 16  # of version 2.1, which every kernel since 2.6.10 writes


def parse(data: bytes) -> dict[str, list[bytes]]:
    """Return the numbers of each slab cache in the order of FAMILIES, digits as the kernel wrote them.

    Caches of one name, which the kernel allows, are taken once.

    Raises:
        Malformed: There is none, one has another form, or the file ends within a line.
    """
    found: dict[str, list[bytes]] = {}
    for row in data.split(b"\n"):
        words = row.split()
        if not words or row.startswith((b"slabinfo -", b"# name")):
            continue
        if len(words) != COLUMNS or not all(map(is_whole, words[1:6])):
            raise Malformed(f"slabinfo: wanted {COLUMNS} columns, saw {row[:80]!r}")
        found.setdefault(words[0].decode("utf-8", "replace"), words[1:6])
    if not found or not data.endswith(b"\n"):
        raise Malformed(f"slabinfo: wanted caches and whole lines, ends {data[-40:]!r}")
    return found


class Slabs(OnScrape):
    """Serves node_slabinfo_*."""

    name = "slabinfo"

    def __init__(self, file: ProcFile, keep: Devices) -> None:
        """Read nothing yet.

        Args:
            file: /proc/slabinfo.
            keep: Which caches to show, by their names.
        """
        self._file = file
        self._keep = keep
        self._grid = Grid(FAMILIES, ("slab",), b"%b")

    def collect(self) -> bytes:
        """Read /proc/slabinfo once."""
        found = parse(self._file.read())
        kept = {name: numbers for name, numbers in found.items() if self._keep.keeps(name)}
        return self._grid.fill(tuple((name,) for name in kept), zip(*kept.values(), strict=True))
