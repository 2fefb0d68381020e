"""The cluster as the guards need it: who stands in for whom, and the guards' numbers.

Made from cluster.yml by healer.declared; it never changes while an incident is decided.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from enum import Enum

from healer.core.alert import Target
from healer.core.ladder import Ladder, Mode, Window
from healer.core.maintenance import Maintenance

EXPORTER = "hale-exporter"
"""The service that every node has without declaring it. It belongs to no group: restarting it takes nothing away."""

UNKNOWN_DOMAIN = "unknown"
"""The failure domain of nodes for which cluster.yml names none."""


@dataclass(frozen=True, slots=True)
class Node:
    """One server."""

    name: str
    address: str
    failure_domain: str


@dataclass(frozen=True, slots=True)
class Group:
    """Nodes that stand in for each other.

    Attributes:
        min_available: Fewest members that must keep serving.
        control: Whether it runs the control plane, which no ladder touches.
        mode: The owner's word for this group.
        votes: Whether its members decide by majority, and stand still without one.
        role: What it is for, as conditions of ladders name it.
    """

    name: str
    nodes: tuple[str, ...]
    min_available: int
    control: bool
    mode: Mode
    votes: bool = False
    role: str = "service"


class Stores(Enum):
    """What a service keeps that may be lost with its node."""

    DATABASE = "database"
    ONLY_COPY = "only_copy"


@dataclass(frozen=True, slots=True)
class Service:
    """One unit that serves for one group, or for none.

    Attributes:
        stores: None where nothing could be lost with its node.
        exclusive: Whether two nodes of its group that run it at once would do harm.
    """

    name: str
    unit: str
    group: str | None
    depends_on: tuple[str, ...] = ()
    stores: Stores | None = None
    exclusive: bool = False


@dataclass(frozen=True, slots=True)
class Pool:
    """Members that balancers send requests to.

    Attributes:
        balancers: Group whose nodes balance.
        members: Group whose nodes are balanced over.
        service: What each member serves.
    """

    name: str
    balancers: str
    members: str
    service: str


@dataclass(frozen=True, slots=True)
class VirtualAddress:
    """An address that one node of a group holds at a time.

    Attributes:
        address: The IP address, without a prefix.
        group: Its candidates.
    """

    name: str
    address: str
    group: str


@dataclass(frozen=True, slots=True)
class Database:
    """A database that Patroni or Redis Sentinel keeps: one of its members leads, the others copy it.

    Attributes:
        group: Its members.
        service: What each member runs; the unit is Patroni's, or Redis'.
        scope: Patroni's own name for it, the label of its metrics; empty for Redis, of which a node has one.
        max_lag_bytes: How far a member may be behind that may lead next, or is a good copy.
    """

    name: str
    group: str
    service: str
    scope: str
    max_lag_bytes: int
    sentinel: bool = False

    @property
    def owner(self) -> str:
        """Who says which member leads."""
        return "Sentinel" if self.sentinel else "Patroni"

    @property
    def look(self) -> str:
        """The name under which a member's gate sees it."""
        return f"database:{self.name}"


@dataclass(frozen=True, slots=True)
class Pacemaker:
    """Nodes on which Pacemaker decides what runs where.

    Attributes:
        resources: The service that each of its resources runs, by the resource's id.
    """

    name: str
    group: str
    resources: Mapping[str, str]

    @property
    def look(self) -> str:
        """The name under which a member's gate sees it."""
        return f"pacemaker:{self.name}"

    @property
    def place(self) -> str:
        """The name under which a member's gate says what would run nowhere without its node."""
        return f"place:{self.name}"


@dataclass(frozen=True, slots=True)
class Backup:
    """What gates may put back of a service's files.

    Attributes:
        service: What uses them.
        rebuildable: Whether all of it can be made anew, so that no person is needed.
    """

    name: str
    nodes: tuple[str, ...]
    service: str
    rebuildable: bool = False


@dataclass(frozen=True, slots=True)
class Numbers:
    """The guards' numbers. They can be set; no guard can be switched off. Seconds unless said otherwise.

    Attributes:
        evidence_age: Oldest sample that still counts as now.
        watchdog_age: Longest silence of the Watchdog alert before we call ourselves blind.
        clock_jump: By how much the wall clock may move against CLOCK_BOOTTIME between two looks.
        owner_settled: Time that systemd has for itself after a unit's last transition.
        owner_settled_address: Time that VRRP has for itself after an address' last one.
        owner_settled_database: Time that Patroni has for itself after the leader's last change.
        owner_settled_pacemaker: Time that Pacemaker has for itself after a resource's last failure.
        storm_share, storm_targets, storm_domains: More than this share of all nodes, and at least so many in so many
            failure domains, make a storm when they vanish within storm_window.
        storm_calm: Calm that has to be seen before a storm is over.
        full_look: One scrape and one evaluation, after which all that failed together is known.
        common_cause_window: How long after an action a member that fails alike is put down to it.
        budget_node, budget_group, budget_cluster: Actions that may start within budget_window.
        cooldown: Least time from the end of one incident's action on a target to the next incident's.
        flapping: Actions on one target within flapping_window that mean a restart does not cure it.
        poor: So many times in a row that an action did not help a target.
        record, record_failed: Of so many last times that an action was done for one alert in one group, so many that
            did not help mean that it rarely does.
        approval_seconds: How long a person's yes is good.
        blindness: Length of a gap in our sight after which what we find is pre-existing.
    """

    evidence_age: float = 60.0
    watchdog_age: float = 180.0
    clock_jump: float = 5.0
    owner_settled: float = 10.0
    owner_settled_address: float = 10.0
    owner_settled_database: float = 30.0
    owner_settled_pacemaker: float = 60.0
    storm_share: float = 0.25
    storm_targets: int = 3
    storm_domains: int = 2
    storm_window: float = 600.0
    storm_calm: float = 120.0
    full_look: float = 30.0
    common_cause_window: float = 600.0
    budget_node: int = 6
    budget_group: int = 8
    budget_cluster: int = 20
    budget_window: float = 3600.0
    cooldown: float = 300.0
    flapping: int = 3
    flapping_window: float = 3600.0
    poor: int = 3
    record: int = 10
    record_failed: int = 8
    approval_seconds: float = 900.0
    blindness: float = 3600.0


@dataclass(frozen=True, slots=True)
class Topology:
    """Everything the core knows of cluster.yml.

    Attributes:
        healer_mode: The healer's own word, for what belongs to no group.
        own_node: The node this healer runs on, which it never takes away.
        digest: sha256 of the configuration, recorded with each incident.
        correlation_window: Seconds that an incident waits for a deeper cause before anything is taken away.
        time_zone: By whose clock on the wall the windows of ladders and of maintenance are meant.
        alertmanagers: The node that each Alertmanager's URL leads to; one elsewhere is not in it.
        windows: Hours of the week, by the names that rolls know them by.
        patch_seconds: How long a patch of a node may take; None where cluster.yml declares none.
        reboot_seconds: How long a node may take to boot after a patch.
        wider: Failure domains besides those that nodes name, with the nodes of each.
        fencing: Of each node that can be fenced, the others whose gates can do it.
    """

    cluster: str
    nodes: Mapping[str, Node]
    groups: Mapping[str, Group]
    services: Mapping[str, Service]
    ladders: Mapping[str, Ladder]
    healer_mode: Mode
    own_node: str
    digest: str
    numbers: Numbers
    pools: Mapping[str, Pool] = field(default_factory=dict)
    addresses: Mapping[str, VirtualAddress] = field(default_factory=dict)
    databases: Mapping[str, Database] = field(default_factory=dict)
    pacemakers: Mapping[str, Pacemaker] = field(default_factory=dict)
    backups: Mapping[str, Backup] = field(default_factory=dict)
    alertmanagers: Mapping[str, str] = field(default_factory=dict)
    time_zone: tzinfo = UTC
    correlation_window: float = 0.0
    wider: Mapping[str, frozenset[str]] = field(default_factory=dict)
    maintenance: tuple[Maintenance, ...] = ()
    fencing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    windows: Mapping[str, Window] = field(default_factory=dict)
    patch_seconds: float | None = None
    reboot_seconds: float = 300.0
    _on: dict[str, Mapping[str, Service]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )  # what services_on has found; the cluster does not change under its topology
    _in: dict[str, frozenset[str]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )  # the same of nodes_in

    def knows(self, target: Target) -> bool:
        """Whether cluster.yml has this node, and this service on it; or this failure domain, which can be lost."""
        if target.domain:
            return bool(self.nodes_in(target.domain))
        if target.node not in self.nodes:
            return False
        return target.service is None or target.service in self.services_on(target.node)

    def services_on(self, node: str) -> Mapping[str, Service]:
        """The services that cluster.yml places on a node, the exporter included."""
        if node not in self._on:
            self._on[node] = {
                name: service
                for name, service in self.services.items()
                if service.group is None or node in self.groups[service.group].nodes
            }
        return self._on[node]

    def nodes_in(self, domain: str) -> frozenset[str]:
        """The nodes of a failure domain that can be lost as a whole: it has two at least; empty for any other."""
        if not self._in:
            named: dict[str, set[str]] = {one: set(nodes) for one, nodes in self.wider.items()}
            for node in self.nodes.values():
                named.setdefault(node.failure_domain, set()).add(node.name)
            self._in.update(
                (one, frozenset(nodes)) for one, nodes in named.items() if len(nodes) > 1
            )
            self._in[UNKNOWN_DOMAIN] = frozenset()  # nobody said that these fail together
        return self._in.get(domain, frozenset())

    def groups_of(self, node: str) -> tuple[Group, ...]:
        """The groups that a node is a member of, in the order of cluster.yml."""
        return tuple(group for group in self.groups.values() if node in group.nodes)

    def maintained(self, now: float) -> tuple[Maintenance, ...]:
        """The maintenance windows that are open at a time, epoch seconds, in the order of cluster.yml."""
        return tuple(one for one in self.maintenance if one.holds(now, self.time_zone))

    def pools_of(self, target: Target) -> tuple[Pool, ...]:
        """The pools that lose a member with this target: a service's own, or all of a node's."""
        return tuple(
            pool
            for pool in self.pools.values()
            if target.node in self.groups[pool.members].nodes
            and target.service in (None, pool.service)
        )

    def databases_of(self, target: Target) -> tuple[Database, ...]:
        """The databases with a member at this target: a service's own, or all of a node's."""
        return tuple(
            one
            for one in self.databases.values()
            if target.node in self.groups[one.group].nodes and target.service in (None, one.service)
        )

    def pacemakers_of(self, node: str) -> tuple[Pacemaker, ...]:
        """The Pacemaker clusters that a node is a member of, one at most."""
        pacemakers = self.pacemakers.values()
        return tuple(one for one in pacemakers if node in self.groups[one.group].nodes)

    def resources_of(self, target: Target) -> tuple[tuple[Pacemaker, str], ...]:
        """What Pacemaker runs as a service on a node: its cluster and the resource's id; one at most."""
        return tuple(
            (one, resource)
            for one in self.pacemakers_of(target.node)
            for resource, service in one.resources.items()
            if service == target.service
        )

    def mode(self, ladder: Ladder, groups: Iterable[str]) -> Mode:
        """The most cautious word of the ladder's owner and of every group's owner.

        Where there is no group the healer's own word stands in for theirs.
        """
        owners = [self.groups[name].mode for name in groups] or [self.healer_mode]
        return min([ladder.mode, *owners], key=lambda mode: mode.rank)

    @property
    def modes(self) -> str:
        """Every ladder's and group's mode, in one comparable line."""
        ladders = (f"ladder {one.name} {one.mode.value}" for one in self.ladders.values())
        groups = (f"group {one.name} {one.mode.value}" for one in self.groups.values())
        return ", ".join((f"healer {self.healer_mode.value}", *ladders, *groups))
