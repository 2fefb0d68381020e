"""How much randomness the kernel has, from /proc/sys/kernel/random (random(4)), as node_exporter's `entropy`."""

from exporter.collector import OnScrape
from exporter.exposition import Family, Kind
from exporter.procfile import ProcFile
from exporter.wholes import read_whole

FAMILIES = (
    Family("node_entropy_available_bits", Kind.GAUGE, "Bits of available entropy."),
    Family("node_entropy_pool_size_bits", Kind.GAUGE, "Bits of entropy pool."),
)
TEMPLATE = b"".join(family.header() + family.series() + b"%d\n" for family in FAMILIES)


class Entropy(OnScrape):
    """Serves node_entropy_*."""

    name = "entropy"

    def __init__(self, available: ProcFile, pool: ProcFile) -> None:
        """Read nothing yet.

        Args:
            available: entropy_avail.
            pool: poolsize.
        """
        self._available = available
        self._pool = pool

    def collect(self) -> bytes:
        """Read both files once."""
        return TEMPLATE % (read_whole(self._available), read_whole(self._pool))
