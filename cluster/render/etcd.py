"""The etcd of the healers' store or of a database: /etc/default/etcd and a drop-in, as Debian's etcd-server reads them.

Rule: one file has all that a member must know, and a member that has data already ignores what only the
first start asks for (https://etcd.io/docs/v3.4/op-guide/clustering/).
"""

from collections.abc import Iterator, Mapping

from cluster.databases import Api
from cluster.listening import Endpoint, members
from cluster.model import Cluster
from cluster.probe import host_port
from cluster.store import ETCD_METRICS_PORT, PEER_PORT, EtcdServers
from cluster.writing import HEADER

MEMBER_CERTIFICATE = "/etc/hale/etcd/member.pem"
MEMBER_KEY = "/etc/hale/etcd/member.key"

# The healers compact their store themselves. Patroni does not: after months of its heartbeats the file would be full.
_COMPACTION = {"AUTO_COMPACTION_MODE": "periodic", "AUTO_COMPACTION_RETENTION": "1h"}

_FORMER = {"ENABLE_V2": "true"}

# Debian's unit leaves a member down that ended with an error; a member that is away is one less to lose.
_UNIT = """\
[Service]
Restart=always
RestartSec=1s
"""


def etcd_files(cluster: Cluster, node: str) -> Iterator[tuple[str, str]]:
    """Yield path and text of what a member's node needs; nothing on other nodes."""
    for token, etcd, extra in _etcds(cluster):
        if node in (found := members(cluster, etcd)):
            yield "etc/default/etcd", _default(cluster, etcd, node, found, token, extra)
            yield "etc/systemd/system/etcd.service.d/hale.conf", HEADER + _UNIT
            return  # of two databases on one etcd the first gives it its name


def _etcds(cluster: Cluster) -> Iterator[tuple[str, EtcdServers, Mapping[str, str]]]:
    """Yield each etcd with its token and what else it is told."""
    if cluster.healer.store.etcd is not None:
        yield f"hale-{cluster.name}", cluster.healer.store.etcd, {}
    for database in cluster.databases.values():
        if database.etcd is not None:
            extra = _COMPACTION if database.etcd.api is Api.V3 else _FORMER
            yield f"hale-{cluster.name}-{database.name}", database.etcd, extra


def _default(
    cluster: Cluster,
    etcd: EtcdServers,
    node: str,
    found: Mapping[str, Endpoint],
    token: str,
    extra: Mapping[str, str],
) -> str:
    scheme, client = found[node].scheme, f"{found[node].scheme}://{found[node].target}"
    peers = {
        name: f"{scheme}://{host_port(cluster.nodes[name].address, PEER_PORT)}" for name in found
    }
    settings = {
        "NAME": node,
        "INITIAL_CLUSTER_TOKEN": token,
        "INITIAL_CLUSTER": ",".join(f"{name}={url}" for name, url in peers.items()),
        "INITIAL_ADVERTISE_PEER_URLS": peers[node],
        "LISTEN_PEER_URLS": peers[node],
        "ADVERTISE_CLIENT_URLS": client,
        "LISTEN_CLIENT_URLS": client,
        # Says only whether it is well; a monitoring node has no certificate to ask the other port with.
        "LISTEN_METRICS_URLS": f"http://{host_port(cluster.nodes[node].address, ETCD_METRICS_PORT)}",
        **extra,
        **(_certificates(etcd) if scheme == "https" else {}),
    }
    return HEADER + "".join(f"ETCD_{key}={value}\n" for key, value in settings.items())


def _certificates(etcd: EtcdServers) -> Mapping[str, str | None]:
    """Return who a member is, and that it speaks only with those whom the same authority signed."""
    signs = "true" if etcd.cert else "false"
    return {
        "CERT_FILE": MEMBER_CERTIFICATE,
        "KEY_FILE": MEMBER_KEY,
        "TRUSTED_CA_FILE": etcd.ca,
        "CLIENT_CERT_AUTH": signs,
        "PEER_CERT_FILE": MEMBER_CERTIFICATE,
        "PEER_KEY_FILE": MEMBER_KEY,
        "PEER_TRUSTED_CA_FILE": etcd.ca,
        "PEER_CLIENT_CERT_AUTH": "true",
    }
