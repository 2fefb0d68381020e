"""Redis and Sentinel, where render writes their settings (Redis 7.0).

Both rewrite their own file: who follows whom stands there. So those two lie in /var/lib/redis, where systemd-tmpfiles
puts what is in first/ if there are none yet; hale.conf, which redis.conf includes, has the settings that stay ours.
"""

from collections.abc import Iterator

from cluster.model import Cluster
from cluster.sentinels import Sentinel
from cluster.writing import HEADER, number

_HOME = "/var/lib/redis"
_FIRST = f"# What {_HOME} has at the first start. The program rewrites its copy, which alone says who is the master.\n"

# C copies only where nothing is (tmpfiles.d(5)).
_TMPFILES = f"""\
C {_HOME}/redis.conf 0640 redis redis - /etc/redis/first/redis.conf
C {_HOME}/sentinel.conf 0640 redis redis - /etc/redis/first/sentinel.conf
"""

# As Debian's units start them, but for the file.
_START = """\
[Service]
ExecStart=
ExecStart=/usr/bin/{program} {file} --supervised systemd --daemonize no
"""

_PROGRAMS = {"redis": "redis-server", "sentinel": "redis-sentinel"}

_SETTINGS = """\
bind 127.0.0.1 {address}
port {port}
{protection}replica-announce-ip {address}
replica-announce-port {port}
# A master that starts again before another one leads would else have nothing, and all others would copy that.
appendonly yes
# Of those that may take over Sentinel prefers the lowest.
replica-priority {priority}
# A master that is cut off from its replicas stops taking what would be lost.
min-replicas-to-write {replicas}
min-replicas-max-lag {lag}
# After a failover the others copy the new master, and it takes no writes before one has: it waits for no more of them.
repl-diskless-sync-delay 0
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
        if not one.manage:
            continue
        yield "etc/redis/hale.conf", HEADER + _settings(cluster, one, node)
        yield "etc/redis/first/redis.conf", _FIRST + _first(cluster, one, node)
        yield "etc/redis/first/sentinel.conf", _FIRST + _sentinel(cluster, one, node)
        yield "etc/tmpfiles.d/hale-redis.conf", HEADER + _TMPFILES
        for service, name in ((one.service, "redis"), (one.watch, "sentinel")):
            if service is not None:
                unit, program = cluster.services[service].unit, _PROGRAMS[name]
                start = _START.format(program=program, file=f"{_HOME}/{name}.conf")
                yield f"etc/systemd/system/{unit}.d/hale-file.conf", HEADER + start


def _settings(cluster: Cluster, one: Sentinel, node: str) -> str:
    return _SETTINGS.format(
        address=cluster.nodes[node].address,
        port=one.port,
        protection=_protection(one),
        priority=10 * (1 + cluster.groups[one.group].nodes.index(node)),
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
