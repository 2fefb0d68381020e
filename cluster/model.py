"""What cluster.yml says, once it is known to hold together.

Rule: only cluster.load makes a Cluster, so a reference to a node, group, service or ladder
in it never dangles.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from cluster.backups import Backup
from cluster.balancing import OWN_CHECK, AddressCheck, Pool, VirtualAddress
from cluster.conditions import Role, TimeZone, Window
from cluster.databases import Database, Front
from cluster.fields import (
    NOT_EMPTY,
    Address,
    AtLeastOne,
    Block,
    Command,
    Count,
    File,
    Flag,
    Name,
    Package,
    Period,
    Unit,
)
from cluster.ladder import EXPORTER, Ladder, Mode
from cluster.maintenance import Maintenance
from cluster.pacemakers import Pacemaker
from cluster.patching import Patching
from cluster.power import PowerDevice
from cluster.probe import Probe
from cluster.reclaim import Reclaim
from cluster.sentinels import Sentinel
from cluster.settings import Exporter, Healer, Monitoring
from cluster.stanzas import DatabaseBackup

UNKNOWN_DOMAIN = "unknown"


class Node(Block):
    """A machine that runs systemd.

    Attributes:
        failure_domain: What fails together: a rack, a host, a power feed. Nodes that name none
            share `unknown`, so that nothing is taken for independent that may not be.
        power: The device that can cut its power, of `power`.
    """

    name: SkipJsonSchema[Name]
    address: Address
    failure_domain: Name = UNKNOWN_DOMAIN
    power: Name | None = None


class FailureDomain(Block):
    """Nodes that share one thing more than what each names itself: a switch of two racks, one feed of several.

    It is lost as a whole where all of its nodes are. Nothing else counts by it.
    """

    name: SkipJsonSchema[Name]
    nodes: Annotated[tuple[Name, ...], NOT_EMPTY]


class Group(Block):
    """Nodes that stand in for each other.

    Attributes:
        min_available: How many must stay; where not written, all but one, and all of a control group.
        role: What it is for, for conditions of ladders; `control` is the group that no ladder touches.
        votes: Whether its members vote on a quorum.
        mode: None for the healer's.
    """

    name: SkipJsonSchema[Name]
    nodes: Annotated[tuple[Name, ...], NOT_EMPTY]
    min_available: Count
    role: Role = Role.SERVICE
    votes: Flag = False
    mode: Mode | None = None

    @property
    def control(self) -> bool:
        """Whether no ladder may touch it."""
        return self.role is Role.CONTROL


class Restart(StrEnum):
    """What systemd's Restart= may be here; `no` would leave every failure to the healer."""

    ON_FAILURE = "on-failure"
    ON_ABNORMAL = "on-abnormal"
    ON_ABORT = "on-abort"
    ALWAYS = "always"


class NativeRestart(Block):
    """systemd's own try, which comes first. What is None stays as the unit has it.

    Attributes:
        restart: After which ends systemd starts it again, as systemd.service(5) names them.
        limit: Starts within `within` seconds after which systemd gives up.
        wait: Seconds between a failure and systemd's next start.
        stop: Seconds that a process which hangs has to end, before systemd kills it.
    """

    restart: Restart | None = None
    limit: AtLeastOne | None = None
    within: Period | None = None
    wait: Period | None = None
    stop: Period | None = None

    @model_validator(mode="after")
    def _something(self) -> "NativeRestart":
        if not any((self.restart, self.limit, self.within, self.wait, self.stop)):
            raise ValueError("nothing is asked for. Write restart, limit, within, wait or stop.")
        return self


class Stores(StrEnum):
    """What a service keeps that would be lost with its node."""

    DATABASE = "database"
    ONLY_COPY = "only_copy"


def _once(files: tuple[str, ...]) -> tuple[str, ...]:
    if twice := [file for file in files if files.count(file) > 1]:
        raise ValueError(f"{twice[0]} is there twice. Write it once.")
    return files


class Service(Block):
    """What a group serves.

    Attributes:
        probe: How the exporter asks whether it serves; None for the unit's state alone.
        certificates: PEM files on each of its nodes, of which the exporter tells when they end.
        packages: Debian packages that it runs from: their files are held against dpkg's checksums, and put back.
        config_check: Run on the node before a restart; a service that would not come back is left.
        native_restart: None leaves the unit's own Restart settings as they are.
        depends_on: Services that must serve before this one can.
        reclaim: What may be removed when its disk is full.
        stores: None where nothing could be lost with a node; else no node of it is taken away.
        exclusive: Whether it may run on one node of its group at a time only, so that two would do harm.
    """

    name: SkipJsonSchema[Name]
    unit: Unit
    group: Name
    probe: Probe | None = None
    certificates: Annotated[tuple[File, ...], AfterValidator(_once)] = ()
    packages: Annotated[tuple[Package, ...], AfterValidator(_once)] = ()
    config_check: Command | None = None
    native_restart: NativeRestart | None = None
    depends_on: tuple[Name, ...] = ()
    reclaim: tuple[Reclaim, ...] = ()
    stores: Stores | None = None
    exclusive: bool = False


class BuiltinService(Block):
    """A service of Hale's own that every node has. It is in no group, and Prometheus watches it."""

    name: Name
    unit: Unit
    group: None = None
    probe: None = None
    certificates: tuple[()] = ()
    packages: tuple[()] = ()
    config_check: None = None
    native_restart: None = None
    depends_on: tuple[()] = ()
    reclaim: tuple[()] = ()
    stores: None = None
    exclusive: Literal[False] = False


class Cluster(Block):
    """The whole of cluster.yml. Nothing in it changes after loading."""

    builtin_services: ClassVar[Mapping[str, BuiltinService]] = MappingProxyType(
        {EXPORTER: BuiltinService(name=EXPORTER, unit=f"{EXPORTER}.service")}
    )

    name: Annotated[Name, Field(alias="cluster")]
    nodes: Annotated[Mapping[Name, Node], NOT_EMPTY]
    failure_domains: Mapping[Name, FailureDomain] = {}
    power: Mapping[Name, PowerDevice] = {}
    groups: Mapping[Name, Group] = {}
    services: Mapping[Name, Service] = {}
    virtual_addresses: Mapping[Name, VirtualAddress] = {}
    pools: Mapping[Name, Pool] = {}
    databases: Mapping[Name, Database] = {}
    sentinels: Mapping[Name, Sentinel] = {}
    pacemakers: Mapping[Name, Pacemaker] = {}
    backups: Mapping[Name, Backup] = {}
    time_zone: TimeZone = "UTC"
    windows: Mapping[Name, Window] = {}
    maintenance: Mapping[Name, Maintenance] = {}
    patching: Patching | None = None
    ladders: Mapping[Name, Ladder]
    healer: Healer
    monitoring: Monitoring
    exporter: Exporter = Exporter()

    @cached_property
    def digest(self) -> str:
        """The sha256 of everything that was loaded, in hex. Comments and order do not change it."""
        content = self.model_dump(mode="json", by_alias=True)
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def groups_of(self, node: str) -> tuple[str, ...]:
        """Name the groups that a node is in, in the order of the file."""
        return tuple(group.name for group in self.groups.values() if node in group.nodes)

    def first_group(self, node: str) -> str | None:
        """Name the group that the node's targets carry as label; None for a node in no group."""
        return next(iter(self.groups_of(node)), None)

    def control(self, node: str) -> bool:
        """Say whether a node is one that no ladder may touch."""
        return any(self.groups[name].control for name in self.groups_of(node))

    @property
    def store_nodes(self) -> tuple[str | None, ...]:
        """The node behind each etcd endpoint of the healers' store; None for one that is not in this file."""
        etcd, names = (
            self.healer.store.etcd,
            {n.address.lower(): n.name for n in self.nodes.values()},
        )
        endpoints = etcd.endpoints if etcd is not None else ()
        return tuple(names.get(urlsplit(url).hostname or "") for url in endpoints)

    def keeps_watch(self, node: str) -> bool:
        """Say whether a healer, the monitoring or the healers' store runs on a node, whatever groups it is in."""
        return node in {*self.healer.nodes, *self.monitoring.nodes, *self.store_nodes}

    def fencing_hosts(self, node: str) -> tuple[str, ...]:
        """Name the nodes whose gates may cut a node's power, in the order of the file; never the node itself.

        There are none for what no ladder may take: control nodes, and nodes that keep watch; nor for nodes that
        Pacemaker fences by itself.
        """
        device = self.nodes[node].power
        if (
            device is None
            or self.pacemakers_on(node)
            or self.control(node)
            or self.keeps_watch(node)
        ):
            return ()
        return tuple(host for host in self.power[device].hosts if host != node)

    @cached_property
    def domain_nodes(self) -> Mapping[str, tuple[str, ...]]:
        """The nodes of each failure domain that has several, in the order of the file.

        `unknown` is none: nobody said that these nodes fail together.
        """
        found: dict[str, list[str]] = {}
        for node in self.nodes.values():
            found.setdefault(node.failure_domain, []).append(node.name)
        found.pop(UNKNOWN_DOMAIN, None)
        found |= {wide.name: list(wide.nodes) for wide in self.failure_domains.values()}
        return {domain: tuple(nodes) for domain, nodes in found.items() if len(nodes) > 1}

    def services_on(self, node: str) -> tuple[Service, ...]:
        """Return the declared services of a node, in the order of the file.

        `builtin_services` run there as well and are not among these.
        """
        return tuple(
            service
            for service in self.services.values()
            if node in self.groups[service.group].nodes
        )

    def service(self, name: str) -> Service | BuiltinService | None:
        """Return a declared or built-in service, or None for a name that is neither."""
        return self.services.get(name) or self.builtin_services.get(name)

    def addresses_on(self, node: str) -> tuple[VirtualAddress, ...]:
        """Return the virtual addresses that a node is a candidate for, in the order of the file."""
        addresses = self.virtual_addresses.values()
        return tuple(each for each in addresses if node in self.groups[each.group].nodes)

    def maintained(self, window: str) -> frozenset[str]:
        """Return the nodes that a maintenance window is about: all of them where it names none."""
        one = self.maintenance[window]
        members = (node for group in one.groups for node in self.groups[group].nodes)
        return frozenset({*one.nodes, *members} or self.nodes)

    def pools_on(self, node: str) -> tuple[Pool, ...]:
        """Return the pools that a node balances, in the order of the file."""
        pools = self.pools.values()
        return tuple(pool for pool in pools if node in self.groups[pool.balancers].nodes)

    def pools_of(self, service: str) -> tuple[Pool, ...]:
        """Return the pools whose members serve this, in the order of the file."""
        return tuple(pool for pool in self.pools.values() if pool.service == service)

    def databases_on(self, node: str) -> tuple[Database, ...]:
        """Return the databases that a node is a member of, in the order of the file."""
        databases = self.databases.values()
        return tuple(each for each in databases if node in self.groups[each.group].nodes)

    def sentinels_on(self, node: str) -> tuple[Sentinel, ...]:
        """Return the masters of which a node runs a Redis and a Sentinel, in the order of the file."""
        sentinels = self.sentinels.values()
        return tuple(each for each in sentinels if node in self.groups[each.group].nodes)

    def pacemakers_on(self, node: str) -> tuple[Pacemaker, ...]:
        """Return the Pacemaker clusters that a node is a member of, one at most."""
        pacemakers = self.pacemakers.values()
        return tuple(each for each in pacemakers if node in self.groups[each.group].nodes)

    @cached_property
    def paced(self) -> frozenset[str]:
        """The services that Pacemaker starts and stops."""
        return frozenset(
            name for one in self.pacemakers.values() for name in one.resources.values()
        )

    def fronts_on(self, node: str) -> tuple[tuple[Database, Front], ...]:
        """Return the databases that a node leads clients to, each with its front, in the order of the file."""
        fronts = ((each, each.front) for each in self.databases.values() if each.front is not None)
        return tuple(pair for pair in fronts if node in self.groups[pair[1].balancers].nodes)

    def balances(self, node: str) -> bool:
        """Say whether a node runs HAProxy for pools or databases."""
        return bool(self.pools_on(node) or self.fronts_on(node))

    def backups_on(self, node: str) -> tuple[Backup, ...]:
        """Return what is backed up on a node, in the order of the file."""
        return tuple(one for one in self.backups.values() if node in self.backed_up(one.name))

    def stanzas_on(self, node: str) -> tuple[tuple[Database, DatabaseBackup], ...]:
        """Return the databases of a node that are backed up, each with how, in the order of the file."""
        databases = self.databases_on(node)
        return tuple((each, each.backup) for each in databases if each.backup is not None)

    def backed_up(self, backup: str) -> tuple[str, ...]:
        """Return the nodes that a backup runs on, in the order of the file."""
        one = self.backups[backup]
        return one.nodes or self.groups[one.group or ""].nodes

    def check_of(self, address: VirtualAddress) -> AddressCheck | None:
        """Return how a candidate asks itself whether it can serve; None where nothing says."""
        balanced = [(pool.balancers, pool.manage) for pool in self.pools.values()]
        fronts = (each.front for each in self.databases.values() if each.front is not None)
        balanced += [(front.balancers, front.manage) for front in fronts]
        managed = any(manage and group == address.group for group, manage in balanced)
        return address.check or (OWN_CHECK if managed else None)

    def probe_for(self, service: Service, node: str) -> Probe | None:
        """Return the service's probe as it runs for one node, with `{address}` filled in."""
        if service.probe is None:
            return None
        return service.probe.at(self.nodes[node].address)

    def effective_mode(self, ladder: str, groups: Iterable[str]) -> Mode:
        """Return how far the healer may go with a ladder in these groups, the footprint's.

        It is the most cautious of the ladder's mode and each group's, the healer's standing in
        for those that have none: acting needs both the ladder's and every group's owner. A name
        that is not in the file, and a control group, allow no more than an explanation.
        """
        if ladder not in self.ladders:
            return Mode.EXPLAIN
        modes = [self.ladders[ladder].mode or self.healer.mode]
        named = list(groups)
        modes += [self._group_mode(name) for name in named] or [self.healer.mode]
        return min(modes)

    def _group_mode(self, name: str) -> Mode:
        group = self.groups.get(name)
        if group is None or group.control:
            return Mode.EXPLAIN
        return group.mode or self.healer.mode
