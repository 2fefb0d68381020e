"""What a drill has to know of the cluster that it runs on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cluster.balancing import METRICS_PORT
from cluster.model import Cluster
from lab.drills.caches import Cache, cache_of
from lab.drills.databases import Place, place_of
from lab.roles import PRIMARY, REPLICA, Role


@dataclass(frozen=True, slots=True)
class Member:
    """One service on one node."""

    node: str
    service: str
    unit: str


@dataclass(frozen=True, slots=True)
class Address:
    """A virtual address and the nodes that may hold it."""

    address: str
    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Balancer:
    """One node's HAProxy.

    Attributes:
        metrics_url: Where its own exporter answers, as reached from the lab host.
        servers: `pool/member` each.
    """

    node: str
    metrics_url: str
    servers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Serving:
    """What is known to serve now.

    Attributes:
        services: (node, service) pairs.
        heard: Nodes whose exporter answers.
        servers: HAProxy's word for each server, by balancer.
        owners: Who holds each virtual address.
        roles: What each member of a database answered, or each Redis.
    """

    services: frozenset[tuple[str, str]] = frozenset()
    heard: frozenset[str] = frozenset()
    servers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    owners: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    roles: Mapping[str, Role] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fleet:
    """The cluster as a drill sees it.

    Attributes:
        members: Every service on every node that has to run it.
        alone: Every service that one node of several has to run, with these.
        fencing: Nodes whose gates may cut others' power.
        healer_urls: Base URL of each healer's HTTP API, as reached from the lab host.
        prometheus_url: Base URL of the first Prometheus, as reached from the lab host.
    """

    nodes: tuple[str, ...]
    members: tuple[Member, ...]
    healer_urls: tuple[str, ...]
    prometheus_url: str
    addresses: tuple[Address, ...] = ()
    balancers: tuple[Balancer, ...] = ()
    database: Place | Cache | None = None
    alone: tuple[tuple[str, tuple[str, ...]], ...] = ()
    fencing: tuple[str, ...] = ()

    @property
    def marked(self) -> tuple[str, ...]:
        """Nodes whose gates may mark something: balancers, candidates, members of a database and fencing hosts."""
        nodes = [balancer.node for balancer in self.balancers]
        nodes += [node for one in self.addresses for node in one.candidates]
        nodes += self.database.members if self.database is not None else ()
        return tuple(dict.fromkeys([*nodes, *self.fencing]))

    def missing(self, now: Serving) -> tuple[str, ...]:
        """Name what full redundancy lacks."""
        found = [node for node in self.nodes if node not in now.heard]
        found += [
            f"{member.node}/{member.service}"
            for member in self.members
            if (member.node, member.service) not in now.services
        ]
        found += [
            f"{server} on {balancer.node}"
            for balancer in self.balancers
            for server in balancer.servers
            if now.servers.get(balancer.node, {}).get(server) != "UP"
        ]
        found += [
            f"one owner of {one.address}"
            for one in self.addresses
            if len(now.owners.get(one.address, ())) != 1
        ]
        found += [
            f"one node that runs {service}"
            for service, nodes in self.alone
            if sum((node, service) in now.services for node in nodes) != 1
        ]
        return (*found, *self._missing_of_database(now))

    def _missing_of_database(self, now: Serving) -> list[str]:
        if self.database is None:
            return []
        members = {node: now.roles.get(node) for node in self.database.members}
        leads = [node for node, role in members.items() if role and role.word == PRIMARY]
        found = [] if len(leads) == 1 else [f"one primary of {self.database.name}"]
        found += [
            f"{node} following"
            for node, role in members.items()
            if node not in leads and not (role and role.word == REPLICA and role.streaming)
        ]
        return found


def fleet(cluster: Cluster) -> Fleet:
    """Return what a drill has to know of a cluster."""
    members = [
        Member(node, service.name, service.unit)
        for node in cluster.nodes
        for service in cluster.services_on(node)
        if not service.exclusive
    ]
    alone = [one for one in cluster.services.values() if one.exclusive]
    hosts = [host for node in cluster.nodes for host in cluster.fencing_hosts(node)]
    monitor = cluster.nodes[cluster.monitoring.nodes[0]]
    healers = [cluster.nodes[name].address for name in cluster.healer.nodes]
    return Fleet(
        nodes=tuple(cluster.nodes),
        members=tuple(members),
        alone=tuple((one.name, cluster.groups[one.group].nodes) for one in alone),
        fencing=tuple(dict.fromkeys(hosts)),
        healer_urls=tuple(f"http://{address}:9595" for address in healers),
        prometheus_url=f"http://{monitor.address}:9090",
        addresses=tuple(
            Address(one.address, cluster.groups[one.group].nodes)
            for one in cluster.virtual_addresses.values()
        ),
        balancers=tuple(_balancers(cluster)),
        database=place_of(cluster) or cache_of(cluster),
    )


def _balancers(cluster: Cluster) -> list[Balancer]:
    found = []
    for name, node in cluster.nodes.items():
        servers = tuple(
            f"{pool.name}/{member}"
            for pool in cluster.pools_on(name)
            for member in cluster.groups[pool.members].nodes
        )
        if servers:
            url = f"http://{node.address}:{METRICS_PORT}/metrics?scope=server"
            found.append(Balancer(name, url, servers))
    return found
