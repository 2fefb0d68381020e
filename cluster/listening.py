"""Where Prometheus and Alertmanager listen on each monitoring node, and how others reach them.

Rule: what only its own node asks listens on loopback.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from cluster.model import Cluster
from cluster.probe import host_port

LOOPBACK = "127.0.0.1"
CLUSTER_PORT = 9094  # Alertmanagers among themselves
_LOOPBACKS = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server as a URL names it.

    Attributes:
        path: Without a slash at its end; empty for none.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def loopback(self) -> bool:
        """Whether only its own node can reach it."""
        return self.host in _LOOPBACKS

    @property
    def target(self) -> str:
        """HOST:PORT, as Prometheus writes its targets."""
        return host_port(self.host, self.port)


def endpoint(url: str) -> Endpoint:
    """Take a URL of cluster.yml apart; it was validated when it was loaded."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Endpoint(parts.scheme, parts.hostname or "", port, parts.path)


def prometheus(cluster: Cluster, node: str) -> str:
    """Return HOST:PORT on which a monitoring node's Prometheus listens."""
    return _listens([endpoint(cluster.monitoring.prometheus)], cluster.nodes[node].address)


def alertmanager(cluster: Cluster, node: str) -> str:
    """Return HOST:PORT on which a monitoring node's Alertmanager listens."""
    return _listens(map(endpoint, cluster.monitoring.alertmanagers), cluster.nodes[node].address)


def _listens(ends: Iterable[Endpoint], address: str) -> str:
    known = list(ends)
    for end in known:
        if end.host == address:
            return host_port(address, end.port)
    near = next((end for end in known if end.loopback), None)
    # Named otherwise, by a host name or a proxy: its own address, at the port that is spoken of.
    return host_port(LOOPBACK, near.port) if near else host_port(address, known[0].port)
