"""Where Prometheus, Alertmanager and the store's etcd listen on their nodes, and how others reach them.

Rule: what only its own node asks listens on loopback. A URL that leads through something else, a
proxy or one that ends TLS, says nothing of where the server behind it listens.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from cluster.defaults import ALERTMANAGER_PORT, PROMETHEUS_PORT
from cluster.fields import usual
from cluster.model import Cluster
from cluster.probe import host_port
from cluster.store import EtcdServers

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
    return _listens(cluster, node, [cluster.monitoring.prometheus], PROMETHEUS_PORT)


def alertmanager(cluster: Cluster, node: str) -> str:
    """Return HOST:PORT on which a monitoring node's Alertmanager listens."""
    return _listens(cluster, node, cluster.monitoring.alertmanagers, ALERTMANAGER_PORT)


def alertmanager_nodes(cluster: Cluster) -> Mapping[str, str]:
    """Return the node that each Alertmanager's URL leads to; one that is no node of ours is left out."""
    nodes = {usual(node.address): node.name for node in cluster.nodes.values()}
    hosts = {url: usual(endpoint(url).host) for url in cluster.monitoring.alertmanagers}
    return {url.rstrip("/"): nodes[host] for url, host in hosts.items() if host in nodes}


def etcd_members(cluster: Cluster) -> Mapping[str, Endpoint]:
    """Return the node and the URL for clients of each member of the store that render writes files for."""
    return members(cluster, cluster.healer.store.etcd)


def members(cluster: Cluster, etcd: EtcdServers | None) -> Mapping[str, Endpoint]:
    """Return the node and the URL for clients of each member of an etcd that render writes files for."""
    if etcd is None or not etcd.manage:
        return {}
    nodes = {usual(node.address): node.name for node in cluster.nodes.values()}
    return {nodes[usual(end.host)]: end for end in map(endpoint, etcd.endpoints)}


def _listens(cluster: Cluster, node: str, urls: Iterable[str], usual: int) -> str:
    address = cluster.nodes[node].address
    # Neither server ends TLS itself: Debian's have no certificate.
    direct = [end for end in map(endpoint, urls) if end.scheme == "http"]
    for end in direct:
        if end.host == address.lower():
            return host_port(address, end.port)
    near = next((end for end in direct if end.loopback), None)
    if near is not None:
        return host_port(LOOPBACK, near.port)
    return host_port(address, _port_of_others(cluster, direct) or usual)


def _port_of_others(cluster: Cluster, ends: Iterable[Endpoint]) -> int | None:
    """Return the port on which the URLs reach another monitoring node: all of them listen alike."""
    nodes = {cluster.nodes[name].address.lower() for name in cluster.monitoring.nodes}
    return next((end.port for end in ends if end.host in nodes), None)
