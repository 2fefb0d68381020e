"""What this node asks of NFS servers, from /proc/net/rpc/nfs, as node_exporter's `nfs`.

Format: exporter/rpcstats.py. The methods' order: fs/nfs/nfs2xdr.c, nfs3xdr.c, include/linux/nfs4.h (NFSPROC4_CLNT_*).
"""

from exporter.collector import OnScrape
from exporter.exposition import Family, Kind
from exporter.netns import NetFile
from exporter.rpcstats import Place, Table, methods, parse, places


def _counter(name: str, text: str) -> Family:
    return Family(f"node_nfs_{name}_total", Kind.COUNTER, text)


PACKETS = _counter("packets", "Total NFSd network packets (sent+received) by protocol type.")
CONNECTIONS = _counter("connections", "Total number of NFSd TCP connections.")
CALLS = _counter("rpcs", "Total number of RPCs performed.")
AGAIN = _counter("rpc_retransmissions", "Number of RPC transmissions performed.")
REFRESHES = _counter(
    "rpc_authentication_refreshes", "Number of RPC authentication refreshes performed."
)
REQUESTS = _counter("requests", "Number of NFS procedures invoked.")

VERSION_2 = (
    *("Null", "GetAttr", "SetAttr", "Root", "Lookup", "ReadLink", "Read", "WrCache", "Write"),
    *("Create", "Remove", "Rename", "Link", "SymLink", "MkDir", "RmDir", "ReadDir", "FsStat"),
)
VERSION_3 = (
    *("Null", "GetAttr", "SetAttr", "Lookup", "Access", "ReadLink", "Read", "Write", "Create"),
    *("MkDir", "SymLink", "MkNod", "Remove", "RmDir", "Rename", "Link", "ReadDir", "ReadDirPlus"),
    *("FsStat", "FsInfo", "PathConf", "Commit"),
)
VERSION_4 = (
    *("Null", "Read", "Write", "Commit", "Open", "OpenConfirm", "OpenNoattr", "OpenDowngrade"),
    *("Close", "Setattr", "FsInfo", "Renew", "SetClientID", "SetClientIDConfirm", "Lock", "Lockt"),
    *("Locku", "Access", "Getattr", "Lookup", "LookupRoot", "Remove", "Rename", "Link", "Symlink"),
    *("Create", "Pathconf", "StatFs", "ReadLink", "ReadDir", "ServerCaps", "DelegReturn"),
    *("GetACL", "SetACL", "FsLocations", "ReleaseLockowner", "Secinfo", "FsidPresent"),
    *("ExchangeID", "CreateSession", "DestroySession", "Sequence", "GetLeaseTime"),
    *("ReclaimComplete", "GetDeviceInfo", "LayoutGet", "LayoutCommit", "LayoutReturn"),
    *("SecinfoNoName", "TestStateID", "FreeStateID", "GetDeviceList", "BindConnToSession"),
    *("DestroyClientID", "Seek", "Allocate", "DeAllocate", "LayoutStats", "Clone"),
)
SERIES = (
    *places(b"net", 1, PACKETS, ({"protocol": "udp"}, {"protocol": "tcp"})),
    Place(b"net", 3, CONNECTIONS, {}),
    Place(b"rpc", 0, CALLS, {}),
    Place(b"rpc", 1, AGAIN, {}),
    Place(b"rpc", 2, REFRESHES, {}),
    *methods(b"proc2", REQUESTS, "2", VERSION_2),
    *methods(b"proc3", REQUESTS, "3", VERSION_3),
    *methods(b"proc4", REQUESTS, "4", VERSION_4),
)
# Of version 4 each kernel knows more methods than the one before.
LEAST = {b"net": 4, b"rpc": 3, b"proc2": 1 + len(VERSION_2), b"proc3": 1 + len(VERSION_3)}


class Nfs(OnScrape):
    """Serves node_nfs_*."""

    name = "nfs"

    def __init__(self, file: NetFile) -> None:
        self._file = file
        self._table = Table(SERIES, LEAST)

    def collect(self) -> bytes:
        """Read /proc/net/rpc/nfs once; absent where no NFS was ever mounted."""
        return self._table.fill(parse(self._file.read()))
