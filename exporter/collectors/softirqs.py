"""How often each kind of deferred work ran, from /proc/softirqs (proc(5)), as node_exporter's `softirqs`."""

from exporter.collector import Malformed, OnScrape
from exporter.exposition import Family, Kind
from exporter.grid import Grid
from exporter.procfile import ProcFile
from exporter.wholes import is_whole

FAMILY = Family("node_softirqs_functions_total", Kind.COUNTER, "Softirq counts per CPU.")
# Those that node_exporter knows; the kernel has had no other since 4.9 (include/linux/interrupt.h).
TYPES = (
    *(b"HI", b"TIMER", b"NET_TX", b"NET_RX", b"BLOCK"),
    *(b"IRQ_POLL", b"TASKLET", b"SCHED", b"HRTIMER", b"RCU"),
)


def parse(data: bytes) -> dict[bytes, list[bytes]]:
    """Return the columns of each kind, digits as the kernel wrote them.

    Raises:
        Malformed: There is no kind, a line has something else than numbers, or the file ends within a line.
    """
    if not data.endswith(b"\n"):
        raise Malformed(f"softirqs: ends within a line: {data[-40:]!r}")
    found = {}
    for row in data.split(b"\n")[1:]:
        key, _, rest = row.partition(b":")
        if (kind := key.strip()) in TYPES:
            numbers = rest.split()
            if not numbers or not all(map(is_whole, numbers)):
                raise Malformed(f"softirqs: wanted numbers, saw {row[:80]!r}")
            found[kind] = numbers
    if not found:
        raise Malformed(f"softirqs: nothing known in {data[:80]!r}")
    return found


class Softirqs(OnScrape):
    """Serves node_softirqs_functions_total."""

    name = "softirqs"

    def __init__(self, file: ProcFile) -> None:
        self._file = file
        self._grid = Grid([FAMILY], ("cpu", "type"), b"%b")

    def collect(self) -> bytes:
        """Read /proc/softirqs once."""
        found = parse(self._file.read())
        rows = tuple(
            (str(cpu), kind.decode())
            for kind, numbers in found.items()
            for cpu in range(len(numbers))
        )
        return self._grid.fill(rows, found.values())
