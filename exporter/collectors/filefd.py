"""How many files are open on the whole node, from /proc/sys/fs/file-nr (proc(5)), as node_exporter's `filefd`."""

from exporter.collector import Malformed, OnScrape
from exporter.exposition import Family, Kind
from exporter.procfile import ProcFile
from exporter.wholes import is_whole

FAMILIES = (
    Family("node_filefd_allocated", Kind.GAUGE, "File descriptor statistics: allocated."),
    Family("node_filefd_maximum", Kind.GAUGE, "File descriptor statistics: maximum."),
)
TEMPLATE = b"".join(family.header() + family.series() + b"%d\n" for family in FAMILIES)


def parse(data: bytes) -> tuple[int, int]:
    """Return how many are open and how many may be; what stands between has been 0 since Linux 2.6.

    Raises:
        Malformed: These are not three numbers.
    """
    words = data.split()
    if len(words) != 3 or not all(map(is_whole, words)) or not data.endswith(b"\n"):
        raise Malformed(f"file-nr: wanted three numbers, saw {data[:80]!r}")
    return int(words[0]), int(words[2])


class OpenFiles(OnScrape):
    """Serves node_filefd_*."""

    name = "filefd"

    def __init__(self, file: ProcFile) -> None:
        self._file = file

    def collect(self) -> bytes:
        """Read file-nr once."""
        return TEMPLATE % parse(self._file.read())
