"""Where the node swaps to, from /proc/swaps (swapon(8)), as node_exporter's `swap`."""

from exporter.collector import Malformed, OnScrape
from exporter.exposition import Family, Kind
from exporter.gathered import Sample, sample, written
from exporter.procfile import ProcFile
from exporter.sysfiles import number, rows

PRIORITY = Family("node_swap_priority", Kind.GAUGE, "Swap device priority.")
SIZE = Family("node_swap_size_bytes", Kind.GAUGE, "Swap device size in bytes.")
USED = Family("node_swap_used_bytes", Kind.GAUGE, "Swap device used in bytes.")

HEADLINE = b"Filename"
KIB = 1024


def parse(data: bytes) -> list[Sample]:
    """Read the line of each swap file or partition; a node without any has none.

    Raises:
        Malformed: There is no headline, a line has another form, or the file ends within a line.
    """
    if not data.startswith(HEADLINE) or not data.endswith(b"\n"):
        raise Malformed(f"swaps: wanted a headline and whole lines, saw {data[:60]!r}")
    return [one for words in list(rows(data))[1:] for one in _samples(words)]


def _samples(words: list[bytes]) -> list[Sample]:
    told = [word.decode("utf-8", "replace") for word in words]
    match told[:2], [number(word) for word in told[2:5]]:
        case [device, kind], [int(size), int(used), int(priority)]:
            labels = {"device": device, "swap_type": kind}
            return [
                sample(PRIORITY, priority, **labels),
                sample(SIZE, size * KIB, **labels),
                sample(USED, used * KIB, **labels),
            ]
    raise Malformed(f"swaps: wanted three numbers, saw {b' '.join(words)[:80]!r}")


class Swap(OnScrape):
    """Serves node_swap_*."""

    name = "swap"

    def __init__(self, file: ProcFile) -> None:
        self._file = file

    def collect(self) -> bytes:
        """Read /proc/swaps once."""
        return written(parse(self._file.read()))
