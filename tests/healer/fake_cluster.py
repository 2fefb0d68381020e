"""What is true on the nodes of a made-up cluster, and the Prometheus and the probes that look at it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from healer.core.actions import Args
from healer.core.alert import Alert, Target
from healer.core.facts import Evidence, Reading
from healer.core.look import (
    DatabaseLook,
    PacemakerLook,
)
from healer.core.picture import NodeHealth, Picture, SeenMark
from healer.core.topology import Topology
from healer.errors import Unreachable
from tests.healer.fakes import FakeClock

DAY = 86_400.0
"""Seconds for which a Prometheus is asked what a dead exporter said last."""


@dataclass
class FakeCluster:
    """What is true on the nodes. FakePrometheus, FakeGates and FakeProbes look at it.

    Attributes:
        down: Services that do not serve.
        deaf: Nodes whose gate does not answer.
        dark: Nodes of which nobody hears anything, nor of their gates.
        drained: Marks of balancers, as (balancer, POOL/MEMBER).
        databases: As Patroni has them, by name; who is switched over leads at once.
        pacemakers: As Pacemaker has its clusters, by name; it does at once what it is asked for.
        homeless: What would run nowhere without a node, by the node; None where Pacemaker there does not say.
    """

    topology: Topology
    clock: FakeClock
    down: set[Target] = field(default_factory=set)
    deaf: set[str] = field(default_factory=set)
    dark: set[str] = field(default_factory=set)
    drained: set[tuple[str, str]] = field(default_factory=set)
    databases: dict[str, DatabaseLook] = field(default_factory=dict)
    pacemakers: dict[str, PacemakerLook] = field(default_factory=dict)
    homeless: dict[str, tuple[str, ...] | None] = field(default_factory=dict)

    def primaries(self) -> dict[str, dict[str, bool]]:
        """Who takes writes, by Patroni's name of the database and by node."""
        found = {}
        for name, look in self.databases.items():
            database = self.topology.databases[name]
            nodes = self.topology.groups[database.group].nodes
            found[database.scope] = {node: node == look.leader for node in nodes}
        return found

    def lead(self, name: str, node: str) -> None:
        """Let another member lead, on the next timeline."""
        look = self.databases[name]
        timeline = (look.timeline or 0) + 1
        members = {
            one: replace(member, role="replica", timeline=timeline, lag_bytes=0)
            for one, member in look.members.items()
        }
        members[node] = replace(members[node], role="leader", lag_bytes=None)
        self.databases[name] = replace(look, leader=node, timeline=timeline, members=members)

    def bar(self, name: str, node: str, *, barred: bool) -> None:
        """Let Patroni never make a member the leader, or let it again."""
        look = self.databases[name]
        members = {**look.members, node: replace(look.members[node], barred=barred)}
        self.databases[name] = replace(look, members=members)

    def stand_by(self, name: str, node: str, *, wanted: bool) -> None:
        """Let a node be in Pacemaker's standby, or no longer."""
        look = self.pacemakers[name]
        now = replace(look.nodes[node], standby=wanted, able=not wanted)
        self.pacemakers[name] = replace(look, nodes={**look.nodes, node: now})

    def forget(self, name: str, resource: str, node: str) -> None:
        """Let Pacemaker forget how a resource failed on a node, and run it there."""
        look = self.pacemakers[name]
        left = tuple(one for one in look.failures if (one.resource, one.node) != (resource, node))
        self.pacemakers[name] = replace(look, failures=left)
        self.down.discard(Target(node, self.topology.pacemakers[name].resources[resource]))

    def balanced(self, balancer: str, pool: str, member: str) -> bool:
        """Whether a balancer sends requests to a member."""
        service = self.topology.pools[pool].service
        return (balancer, f"{pool}/{member}") not in self.drained and self.serves(
            Target(member, service)
        )

    def serves(self, target: Target) -> bool:
        return target not in self.down

    def clean(self, target: Target) -> bool:
        """Whether Pacemaker counts no failure of what it runs as a service on a node."""
        named = {
            (cluster, resource)
            for cluster, one in self.topology.pacemakers.items()
            for resource, service in one.resources.items()
            if service == target.service
        }
        return not any(
            (failed.resource, failed.node) == (resource, target.node)
            for cluster, resource in named
            for failed in self.pacemakers[cluster].failures
        )

    def holds(self, node: str) -> bool:
        """Whether a node has every address that it is a candidate of: the first candidate has."""
        groups = (self.topology.groups[one.group] for one in self.topology.addresses.values())
        return any(group.nodes[0] == node for group in groups)


@dataclass
class FakePrometheus:
    """Answers from the cluster, or not at all.

    Attributes:
        fires: What `pending` answers.
        sample_age: How old every sample is, seconds.
        strange: Names of alerts that no rule has.
        marks: What exporters tell of marks.
        windows: How far the rules of alerts and series look back, seconds.
        hears: How it has a node, where that is not what is true of it.
        vanished: Of whom what the rules saw is not there any more, though their exporter answers.
        lingering: Names of alerts whose expression is true for their window after what they see is over, and until
            when.
        pictures: Of each picture that was asked for, whether with its services.
    """

    cluster: FakeCluster
    silent: bool = False
    strange: frozenset[str] = frozenset()
    hears: dict[str, NodeHealth] = field(default_factory=dict)
    fires: tuple[Alert, ...] = ()
    sample_age: float = 1.0
    marks: set[SeenMark] = field(default_factory=set)
    windows: dict[str, float] = field(default_factory=dict)
    lingering: dict[str, float] = field(default_factory=dict)
    vanished: set[Target] = field(default_factory=set)
    pictures: list[bool] = field(default_factory=list)
    hardware: dict[str, dict[str, str]] = field(default_factory=dict)
    booted: dict[str, float] = field(default_factory=dict)
    at_boot: dict[Target, float] = field(default_factory=dict)
    restored: dict[str, float] = field(default_factory=dict)

    async def evidence(self, alert: Alert, metric: str) -> Evidence:
        reading = await self.reading(alert.target, metric)
        if alert.name in self.strange:
            return Evidence(None, reading)
        lingers = self.cluster.clock.wall() < self.lingering.get(alert.name, 0.0)
        sick = not self.cluster.serves(alert.target) and alert.target not in self.vanished
        return Evidence(lingers or sick, reading)

    async def still_told(self, alert: Alert) -> bool | None:
        self._answer()
        return alert.target not in self.vanished

    async def looks_back(self, names: Iterable[str]) -> dict[str, float]:
        self._answer()
        return {name: self.windows.get(name, 0.0) for name in names}

    async def reading(self, target: Target, metric: str, labels: Args = ()) -> Reading:
        self._answer()
        now, told = self.cluster.clock.wall(), dict(labels)
        good = self.cluster.serves(target)
        if metric == "hale_backup_job_last_success_timestamp_seconds":
            if told["command"] != "restore" or target.service is not None:
                return Reading(None, None, now)  # no series has these labels
            return Reading(self.restored.get(told["backup"]), now - self.sample_age, now)
        if metric == "hale:pool_member_up":
            good = self.cluster.balanced(target.node, told["pool"], told["member"])
        elif metric == "hale_virtual_address_held":
            good = self.cluster.holds(target.node)
        elif metric == "hale:pacemaker_resource_clean":
            good = self.cluster.clean(target)
        elif metric in ("patroni_primary", "hale:database_member_good"):
            if "scope" not in told or target.service is not None:
                return Reading(None, None, now)  # no series has these labels
            databases = self.cluster.topology.databases.values()
            (service,) = (one.service for one in databases if one.scope == told["scope"])
            leads = self.cluster.primaries()[told["scope"]][target.node]
            runs = self.cluster.serves(Target(target.node, service))
            good = leads if metric == "patroni_primary" else runs
        return Reading(float(good), now - self.sample_age, now)

    async def picture(self, *, services: bool = True) -> Picture:
        self._answer()
        self.pictures.append(services)
        topology = self.cluster.topology
        ups = {
            Target(node, service.name): self.cluster.serves(Target(node, service.name))
            for node in topology.nodes.keys() - self.cluster.dark
            for service in topology.services_on(node).values()
        }
        nodes = {
            node: NodeHealth(node not in self.cluster.dark, node not in self.cluster.dark)
            for node in topology.nodes
        }
        held = {
            one.address: {
                node: self.cluster.holds(node) for node in topology.groups[one.group].nodes
            }
            for one in topology.addresses.values()
        }
        now, marks = self.cluster.clock.wall(), frozenset(self.marks)
        able = {
            address: dict.fromkeys(said.keys() - self.cluster.dark, True)
            for address, said in held.items()
        }
        shown, leads = ups if services else {}, self.cluster.primaries()
        return Picture(now, nodes | self.hears, shown, marks, held, able, leads)

    async def samples(
        self, node: str, names: str, *, before: float | None = None
    ) -> list[tuple[Mapping[str, str], float]]:
        self._answer()
        if names == "hale_service_starts_at_boot" and before is not None:
            if before < self.cluster.clock.wall() - DAY:
                return []
            said = self.at_boot.items()
            return [({"service": at.service or ""}, up) for at, up in said if at.node == node]
        if names == "node_boot_time_seconds":
            return [({"node": one}, at) for one, at in self.booted.items() if one == node]
        return [
            ({"__name__": name, "node": node, **labels}, 1.0)
            for name, labels in self.hardware.items()
            if re.fullmatch(names, name)
        ]

    async def pending(self) -> tuple[Alert, ...]:
        self._answer()
        return self.fires

    def _answer(self) -> None:
        if self.silent:
            raise Unreachable("prometheus: connection refused")


@dataclass
class FakeProbes:
    """Probes from outside the node; `blind` says that none can be made, `refuses` that none succeeds."""

    cluster: FakeCluster
    blind: bool = False
    refuses: bool = False

    async def serves(self, target: Target) -> bool | None:
        return None if self.blind else self.cluster.serves(target) and not self.refuses
