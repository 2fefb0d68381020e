"""Redis and Sentinel, where render writes their settings (Redis 7.0).

Both rewrite their own file: who follows whom stands there. So hale.conf, which redis.conf includes, has the settings,
and first/ what the two files have to be before the first start, and never again.
"""

from collections.abc import Iterator

from cluster.model import Cluster
from cluster.sentinels import Sentinel
from cluster.writing import HEADER, number

_FIRST = (
    "# The file of the first start: copy it to /etc/redis where there is none yet. The program rewrites it,\n"
    "# and who is the master stands in it alone.\n"
)

_SETTINGS = """\
bind 127.0.0.1 {address}
port {port}
{protection}replica-announce-ip {address}
replica-announce-port {port}
# A master that is cut off from its replicas stops taking what would be lost.
min-replicas-to-write {replicas}
min-replicas-max-lag {lag}
"""

_SENTINEL = """\
bind 127.0.0.1 {address}
port {watch}
{protection}dir /var/lib/redis
sentinel announce-ip {address}
sentinel announce-port {watch}
sentinel monitor {name} {first} {port} {quorum}
sentinel down-after-milliseconds {name} {down}
sentinel failover-timeout {name} {again}
"""


def redis_files(cluster: Cluster, node: str) -> Iterator[tuple[str, str]]:
    """Yield the files of Redis and Sentinel on one node; none where somebody else writes them."""
    for one in cluster.sentinels_on(node):
        if one.manage:
            yield "etc/redis/hale.conf", HEADER + _settings(cluster, one, node)
            yield "etc/redis/first/redis.conf", _FIRST + _first(cluster, one, node)
            yield "etc/redis/first/sentinel.conf", _FIRST + _sentinel(cluster, one, node)


def _settings(cluster: Cluster, one: Sentinel, node: str) -> str:
    return _SETTINGS.format(
        address=cluster.nodes[node].address,
        port=one.port,
        protection=_protection(one),
        replicas=one.min_replicas,
        lag=number(one.max_lag),
    )


def _protection(one: Sentinel) -> str:
    """Redis without a password serves nobody but its own node, unless it is told to."""
    return "protected-mode no\n" if one.passwords is None else f"include {one.passwords}\n"


def _first(cluster: Cluster, one: Sentinel, node: str) -> str:
    first = cluster.groups[one.group].nodes[0]
    follows = f"replicaof {cluster.nodes[first].address} {one.port}\n" if node != first else ""
    return "include /etc/redis/hale.conf\ndir /var/lib/redis\n" + follows


def _sentinel(cluster: Cluster, one: Sentinel, node: str) -> str:
    members = cluster.groups[one.group].nodes
    return _SENTINEL.format(
        address=cluster.nodes[node].address,
        watch=one.sentinel_port,
        protection=_protection(one),
        name=one.name,
        first=cluster.nodes[members[0]].address,
        port=one.port,
        quorum=one.agreed(len(members)),
        down=round(one.down_after * 1000),
        again=round(one.failover_timeout * 1000),
    )
