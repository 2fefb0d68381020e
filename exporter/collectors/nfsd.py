"""What the kernel's NFS server did, from /proc/net/rpc/nfsd, as node_exporter's `nfsd`.

Format: exporter/rpcstats.py. The methods' order: fs/nfsd/nfsproc.c, nfs3proc.c, and of version 4 RFC 7530, 16.
"""

from exporter.collector import OnScrape
from exporter.exposition import Family, Kind
from exporter.netns import NetFile
from exporter.rpcstats import Place, Table, methods, parse, places


def _counter(name: str, text: str) -> Family:
    return Family(f"node_nfsd_{name}_total", Kind.COUNTER, text)


HITS = _counter(
    "reply_cache_hits", "Total number of NFSd Reply Cache hits (client lost server response)."
)
MISSES = _counter(
    "reply_cache_misses",
    "Total number of NFSd Reply Cache an operation that requires caching (idempotent).",
)
UNCACHED = _counter(
    "reply_cache_nocache",
    "Total number of NFSd Reply Cache non-idempotent operations (rename/delete/…).",
)
STALE = _counter("file_handles_stale", "Total number of NFSd stale file handles")
READ = _counter("disk_bytes_read", "Total NFSd bytes read.")
WRITTEN = _counter("disk_bytes_written", "Total NFSd bytes written.")
THREADS = Family(
    "node_nfsd_server_threads",
    Kind.GAUGE,
    "Total number of NFSd kernel threads that are running.",
)
CACHE_SIZE = Family(
    "node_nfsd_read_ahead_cache_size_blocks",
    Kind.GAUGE,
    "How large the read ahead cache is in blocks.",
)
NOT_FOUND = _counter(
    "read_ahead_cache_not_found", "Total number of NFSd read ahead cache not found."
)
PACKETS = _counter("packets", "Total NFSd network packets (sent+received) by protocol type.")
CONNECTIONS = _counter("connections", "Total number of NFSd TCP connections.")
ERRORS = _counter("rpc_errors", "Total number of NFSd RPC errors by error type.")
CALLS = _counter("server_rpcs", "Total number of NFSd RPCs.")
REQUESTS = _counter("requests", "Total number NFSd Requests by method and protocol.")

# An empty name is a method that node_exporter does not show: that which does nothing, and those that are no more.
VERSION_2 = (
    *("", "GetAttr", "SetAttr", "Root", "Lookup", "ReadLink", "Read", "WrCache", "Write"),
    *("Create", "Remove", "Rename", "Link", "SymLink", "MkDir", "RmDir", "ReadDir", "FsStat"),
)
VERSION_3 = (
    *("", "GetAttr", "SetAttr", "Lookup", "Access", "ReadLink", "Read", "Write", "Create"),
    *("MkDir", "SymLink", "MkNod", "Remove", "RmDir", "Rename", "Link", "ReadDir", "ReadDirPlus"),
    *("FsStat", "FsInfo", "PathConf", "Commit"),
)
VERSION_4 = (
    *("", "", "", "Access", "Close", "Commit", "Create", "DelegPurge", "DelegReturn", "GetAttr"),
    *("GetFH", "Link", "Lock", "Lockt", "Locku", "Lookup", "LookupRoot", "Nverify", "Open"),
    *("OpenAttr", "OpenConfirm", "OpenDgrd", "PutFH", "", "", "Read", "ReadDir", "ReadLink"),
    *("Remove", "Rename", "Renew", "RestoreFH", "SaveFH", "SecInfo", "SetAttr", "SetClientID"),
    *("SetClientIDConfirm", "Verify", "Write", "RelLockOwner"),
)
SERIES = (
    Place(b"rc", 0, HITS, {}),
    Place(b"rc", 1, MISSES, {}),
    Place(b"rc", 2, UNCACHED, {}),
    Place(b"fh", 0, STALE, {}),
    Place(b"io", 0, READ, {}),
    Place(b"io", 1, WRITTEN, {}),
    Place(b"th", 0, THREADS, {}),
    Place(b"ra", 0, CACHE_SIZE, {}),
    Place(b"ra", 11, NOT_FOUND, {}),
    *places(b"net", 1, PACKETS, ({"proto": "udp"}, {"proto": "tcp"})),
    Place(b"net", 3, CONNECTIONS, {}),
    *places(b"rpc", 2, ERRORS, ({"error": "fmt"}, {"error": "auth"}, {"error": "cInt"})),
    Place(b"rpc", 0, CALLS, {}),
    *methods(b"proc2", REQUESTS, "2", VERSION_2),
    *methods(b"proc3", REQUESTS, "3", VERSION_3),
    *methods(b"proc4ops", REQUESTS, "4", VERSION_4),
    Place(b"wdeleg_getattr", 0, REQUESTS, {"method": "WdelegGetattr", "proto": "4"}),
)
# Of version 4 the oldest kernels do not know the last method.
LEAST = {
    b"rc": 3,
    b"fh": 5,
    b"io": 2,
    b"th": 2,
    b"ra": 12,
    b"net": 4,
    b"rpc": 5,
    b"proc2": 1 + len(VERSION_2),
    b"proc3": 1 + len(VERSION_3),
    b"proc4ops": len(VERSION_4),
}


class Nfsd(OnScrape):
    """Serves node_nfsd_*."""

    name = "nfsd"

    def __init__(self, file: NetFile) -> None:
        self._file = file
        self._table = Table(SERIES, LEAST)

    def collect(self) -> bytes:
        """Read /proc/net/rpc/nfsd once; absent where the server is not loaded."""
        return self._table.fill(parse(self._file.read()))
