"""What a drill has to do with a Redis under Sentinel: its members, and the lab's own numbers in it.

Rule: only what any client could do is done. A Redis with passwords is left alone, and nobody says who leads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cluster.model import Cluster
from lab.cached import KEY, url_of
from lab.drills.waiting import Clock
from lab.faults.fault import run
from lab.ports import Lab, LabError


@dataclass(frozen=True, slots=True)
class Cache:
    """Where a Redis is, as reached from the lab host.

    Attributes:
        members: Host and port of Redis by node.
        sentinels: Host and port of the Sentinel by node.
    """

    name: str
    members: Mapping[str, tuple[str, int]]
    sentinels: Mapping[str, tuple[str, int]]

    @property
    def url(self) -> str:
        """What writes into it are called among the URLs of a load."""
        return url_of(self.name)


def cache_of(cluster: Cluster) -> Cache | None:
    """Return where the cluster's first Redis without passwords is; None where there is none."""
    for one in cluster.sentinels.values():
        if one.passwords is None and one.credentials is None:
            nodes = {name: cluster.nodes[name].address for name in cluster.groups[one.group].nodes}
            return Cache(
                name=one.name,
                members={node: (address, one.port) for node, address in nodes.items()},
                sentinels={node: (address, one.sentinel_port) for node, address in nodes.items()},
            )
    return None


def primary(lab: Lab, cache: Cache) -> str:
    """Return the node whose Redis leads and is followed by all others, as Redis itself says.

    Raises:
        LabError: There is none, or more than one.
    """
    wanted = ["role:master", f"connected_slaves:{len(cache.members) - 1}"]
    leads = []
    for node, (_, port) in cache.members.items():
        if lab.is_up(node):
            asked = ["redis-cli", "-p", str(port), "INFO", "replication"]
            if set(wanted) <= set(lab.exec(node, asked).stdout.split()):
                leads.append(node)
    if len(leads) != 1:
        raise LabError(f"{cache.name}: {', '.join(leads) or 'nobody'} leads all others: want one")
    return leads[0]


def primary_in_time(lab: Lab, cache: Cache, clock: Clock, seconds: float) -> str:
    """Wait until one leads all others; see `primary`.

    Raises:
        LabError: None does after so many seconds.
    """
    until = clock.now() + seconds
    while True:
        try:
            return primary(lab, cache)
        except LabError:
            if clock.now() > until:
                raise
            clock.sleep(1.0)


def rows(lab: Lab, cache: Cache, primary: str, first: int) -> frozenset[int]:
    """Return the numbers from `first` on that the Redis of a node has.

    Raises:
        LabError: It could not be asked.
    """
    port = str(cache.members[primary][1])
    asked = ["redis-cli", "-p", port, "ZRANGEBYSCORE", KEY, str(first), "+inf"]
    said = run(lab, primary, asked, timeout=60.0).stdout
    try:
        return frozenset(int(line) for line in said.split())
    except ValueError as error:
        raise LabError(f"{primary}: redis-cli: {said.strip()[:400]}") from error
