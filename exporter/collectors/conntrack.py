"""Connection tracking of the kernel's firewall, as node_exporter's `conntrack`.

Format: net/netfilter/nf_conntrack_standalone.c, ct_cpu_seq_show(): a line of hexadecimal numbers for each processor.
"""

from exporter.collector import Malformed, OnScrape
from exporter.exposition import Family, Kind
from exporter.netns import NetFile
from exporter.procfile import ProcFile
from exporter.sysfiles import rows
from exporter.wholes import is_hexadecimal, read_whole


def _gauge(name: str, text: str) -> Family:
    return Family(f"node_nf_conntrack_{name}", Kind.GAUGE, text)


ENTRIES = _gauge("entries", "Number of currently allocated flow entries for connection tracking.")
LIMIT = _gauge("entries_limit", "Maximum size of connection tracking table.")
# By the kernel's word in the headline. Gauges, as with node_exporter, although most of them only grow.
STATISTICS = {
    b"found": _gauge("stat_found", "Number of searched entries which were successful."),
    b"invalid": _gauge("stat_invalid", "Number of packets seen which can not be tracked."),
    b"ignore": _gauge(
        "stat_ignore",
        "Number of packets seen which are already connected to a conntrack entry.",
    ),
    b"insert": _gauge("stat_insert", "Number of entries inserted into the list."),
    b"insert_failed": _gauge(
        "stat_insert_failed",
        "Number of entries for which list insertion was attempted but failed.",
    ),
    b"drop": _gauge("stat_drop", "Number of packets dropped due to conntrack failure."),
    b"early_drop": _gauge(
        "stat_early_drop",
        "Number of dropped conntrack entries to make room for new ones, if maximum table size was reached.",
    ),
    b"search_restart": _gauge(
        "stat_search_restart",
        "Number of conntrack table lookups which had to be restarted due to hashtable resizes.",
    ),
}


def _template(*families: Family) -> bytes:
    return b"".join(family.header() + family.series() + b"%d\n" for family in families)


TABLE = _template(ENTRIES, LIMIT)
SUMS = _template(*STATISTICS.values())


def parse(data: bytes) -> tuple[int, ...]:
    """Add up the processors' lines, in the order of STATISTICS.

    The columns are found by the headline, where a newer kernel would name another one.

    Raises:
        Malformed: A column is missing, a line has not a number for each, or the file ends within a line.
    """
    headline, *lines = list(rows(data)) or [[]]
    if missing := [key for key in STATISTICS if key not in headline]:
        raise Malformed(f"nf_conntrack: no column {missing[0]!r} in {data[:160]!r}")
    if not data.endswith(b"\n"):
        raise Malformed(f"nf_conntrack: ends within a line: {data[-80:]!r}")
    for line in lines:
        if len(line) != len(headline) or not all(map(is_hexadecimal, line)):
            raise Malformed(f"nf_conntrack: wanted {len(headline)} numbers, saw {line[:20]}")
    places = [headline.index(key) for key in STATISTICS]
    return tuple(sum(int(line[at], 16) for line in lines) for at in places)


class Conntrack(OnScrape):
    """Serves node_nf_conntrack_*."""

    name = "conntrack"

    def __init__(self, count: ProcFile, limit: ProcFile, statistics: NetFile) -> None:
        """Read nothing yet.

        Args:
            count: /proc/sys/net/netfilter/nf_conntrack_count; of the network that we run in, as every sysctl.
            limit: nf_conntrack_max, beside it.
            statistics: /proc/net/stat/nf_conntrack.
        """
        self._count = count
        self._limit = limit
        self._statistics = statistics

    def collect(self) -> bytes:
        """Read the three files once; absent where nothing is tracked.

        A kernel without CONFIG_NF_CONNTRACK_PROCFS has no statistics.
        """
        table = TABLE % (read_whole(self._count), read_whole(self._limit))
        data = self._statistics.there()
        return table if data is None else table + SUMS % parse(data)
