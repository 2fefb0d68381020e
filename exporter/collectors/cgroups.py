"""How many control groups each controller has, from /proc/cgroups (cgroups(7)), as node_exporter's `cgroups`."""

from exporter.collector import Malformed, OnScrape
from exporter.exposition import Family, Kind
from exporter.grid import Grid
from exporter.procfile import ProcFile
from exporter.sysfiles import rows
from exporter.wholes import is_whole

FAMILIES = (
    Family("node_cgroups_cgroups", Kind.GAUGE, "Current cgroup number of the subsystem."),
    Family("node_cgroups_enabled", Kind.GAUGE, "Current cgroup number of the subsystem."),
)

Controllers = tuple[tuple[tuple[str], ...], tuple[bytes, ...], tuple[bytes, ...]]
"""The names, and for each how many groups it has and whether it is enabled, digits as the kernel wrote them."""


def parse(data: bytes) -> Controllers:
    """Read the line of each controller.

    Raises:
        Malformed: One has no name and three numbers, there is none, or the file ends within a line.
    """
    found = [words for words in rows(data) if not words[0].startswith(b"#")]
    if not found or not data.endswith(b"\n"):
        raise Malformed(f"cgroups: wanted controllers, ends {data[-40:]!r}")
    for words in found:
        if len(words) < 4 or not all(map(is_whole, words[1:4])):
            raise Malformed(f"cgroups: wanted three numbers, saw {b' '.join(words)[:80]!r}")
    names = tuple((words[0].decode("utf-8", "replace"),) for words in found)
    return names, tuple(words[2] for words in found), tuple(words[3] for words in found)


class Cgroups(OnScrape):
    """Serves node_cgroups_*."""

    name = "cgroups"

    def __init__(self, file: ProcFile) -> None:
        self._file = file
        self._grid = Grid(FAMILIES, ("subsys_name",), b"%b")

    def collect(self) -> bytes:
        """Read /proc/cgroups once."""
        names, groups, enabled = parse(self._file.read())
        return self._grid.fill(names, (groups, enabled))
