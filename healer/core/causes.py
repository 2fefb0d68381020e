"""What explains what: failure domain over node over disk over file system over service, and services over their users.

Rule: what explains nothing for certain explains nothing. A service that somebody else still provides is there.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from healer.core.alert import DOMAIN_LOSS, NODE_DEATH, Alert, Target
from healer.core.incident import Incident
from healer.core.picture import Picture
from healer.core.told import Told
from healer.core.topology import Topology

EXPORTER_LOSS = "ExporterDown"

LOSSES = frozenset({NODE_DEATH, EXPORTER_LOSS})
"""What says something of all that is on a node."""

LINK = "network_link"
"""The failure type of a link that is down: what is behind it only cannot be reached."""

FAILURE_DEPTH = {
    "disk": 1,
    "memory_hw": 1,
    "cpu_hw": 1,
    "thermal_power": 1,
    "kernel_panic_hang": 1,
    "filesystem": 2,
    LINK: 2,
    "oom": 2,
}
"""How deep a proven failure type lies: a smaller number explains a larger one (design, section 6)."""

NAME_DEPTH = {
    DOMAIN_LOSS: -1,
    NODE_DEATH: 0,
    # What a service needs is not there, whatever else is seen of the service.
    "BackedUpFilesDamaged": 2,
    "PackageFilesDamaged": 2,
    "FilesystemAlmostFull": 2,
    "FilesystemFillingUp": 2,
    # What Patroni says of its own member: a full disk explains it, and it explains why the service does not serve.
    "DatabaseReplicaDown": 3,
    "DatabaseReplicaOffTimeline": 3,
    # What others see of a member that does not serve, or of one that does so again and again.
    "PoolMemberDown": 5,
    "ServiceFlapping": 5,
    "MarkTooOld": 5,
}
"""How deep an alert lies whose rule proves no failure type."""

MEMBER_DEPTH, SERVICE_DEPTH = 3, 4


def depth(alert: Alert) -> int:
    """How deep a cause lies: domain, node, disk, file system, a database's member, service, what others see of it."""
    known = NAME_DEPTH.get(alert.name)
    return FAILURE_DEPTH.get(alert.label("failure"), SERVICE_DEPTH) if known is None else known


def rank(alert: Alert, topology: Topology) -> int:
    """Return how many services stand under an alert's own, so that what is used comes before its users."""
    return len(_below(alert.target.service, topology))


def may_lead(alert: Alert, topology: Topology) -> bool:
    """Whether an alert may be the cause of an incident: it has a ladder, or it is a node's death or a domain's loss."""
    dead = alert.name == NODE_DEATH or bool(alert.target.domain)
    return dead or alert.label("heal") in topology.ladders


def breadth(alert: Alert, topology: Topology) -> int:
    """Return how many nodes a failure domain has that an alert is about; none where it is about one node."""
    return len(topology.nodes_in(alert.target.domain))


def _below(service: str | None, topology: Topology) -> frozenset[str]:
    """Return every service that one needs, directly or through others."""
    seen: set[str] = set()
    todo = [service] if service is not None else []
    while todo:
        found = topology.services.get(todo.pop())
        for used in found.depends_on if found is not None else ():
            if used not in seen:
                seen.add(used)
                todo.append(used)
    return frozenset(seen)


@dataclass(frozen=True, slots=True)
class Outages:
    """What is broken now, and what that explains.

    Attributes:
        broken: Services that do not serve, each on its node; a node itself where it is dead.
        users: Of each service, those that need it, directly or through others.
        missed: Nodes that nobody hears of for certain. Only these a domain's loss may explain.
        present: Nodes that something hears of: they are not lost, or not any more. Of others nobody can tell.
    """

    topology: Topology
    broken: frozenset[Target]
    users: Mapping[str, frozenset[str]]
    missed: frozenset[str] = frozenset()
    present: frozenset[str] = frozenset()

    @classmethod
    def seen(
        cls,
        board: Told,
        alerts: Iterable[Alert],
        topology: Topology,
        picture: Picture | None = None,
    ) -> "Outages":
        """Return what alerts say is broken, but for what Prometheus sees serving and no evidence has confirmed.

        Args:
            board: Its open incidents' causes count whatever Prometheus says, once they are confirmed.
            alerts: What fires now.
            topology: The cluster.
            picture: The last look at the cluster; None where Prometheus did not say, so that nobody can tell a
                lost node from one that is back.
        """
        serving = picture.serving if picture is not None else frozenset()
        missed = picture.missed if picture is not None else frozenset()
        present = picture.present if picture is not None else frozenset()
        causes = (one.cause for one in board.open if one.confirmed)
        proved = {place for one in causes for place in _broken_by(one, topology, missed)}
        # What a domain's loss takes is told by evidence alone, or by each node's own alert.
        told = {one.target for one in alerts if _breaks(one)}
        below = {name: _below(name, topology) for name in topology.services}
        users = {
            name: frozenset(user for user, needed in below.items() if name in needed)
            for name in topology.services
        }
        return cls(topology, frozenset(proved | (told - serving)), users, missed, present)

    def explains(self, cause: Alert, other: Alert) -> bool:
        """Whether trouble with `cause` makes trouble with `other` expected."""
        if cause.target.domain:
            return self._lost_with(cause, other)
        if self._strangers(cause, other):
            return False
        here = cause.target.node == other.target.node
        # Behind a link that is down nobody can tell a dead node from a living one.
        if LINK in _failures(cause, other) and {NODE_DEATH, EXPORTER_LOSS} & {
            cause.name,
            other.name,
        }:
            return here and cause.label("failure") == LINK
        # An exporter that is gone says nothing about its node, and nothing but a dead node explains it.
        if EXPORTER_LOSS in (cause.name, other.name) and cause.name != other.name:
            return here and cause.name == NODE_DEATH
        if here and _explains_here(cause, other):
            return True
        return depth(other) >= MEMBER_DEPTH and self._stalls(cause, other.target, frozenset())

    def _lost_with(self, cause: Alert, other: Alert) -> bool:
        """Whether a domain's loss explains an alert: of a node of it that is missed, of its users, of what is in it.

        Of domains that are lost together the one with all nodes of the other explains it. Of two with the same nodes
        the first by name does, so that there is one.
        """
        domain, lost = cause.target.domain, self.topology.nodes_in(cause.target.domain)
        if other.target.domain:
            theirs = self.topology.nodes_in(other.target.domain)
            return theirs < lost or (theirs == lost and domain <= other.target.domain)
        if other.target.node in lost:
            return other.name == NODE_DEATH or other.target.node in self.missed
        return depth(other) >= MEMBER_DEPTH and self._stalls(cause, other.target, frozenset())

    def over(self, cause: Alert, other: Alert) -> bool:
        """Whether it is certain that a cause does not explain an alert any more.

        Of a domain's loss that is so once its node is heard of, or each of the domain where that stands elsewhere.
        """
        node, unknown = other.target.node, self.unknown(cause)
        inside = node in self.topology.nodes_in(cause.target.domain)
        unsure = node in unknown if inside else bool(unknown)
        return not unsure and not self.explains(cause, other)

    def unknown(self, loss: Alert) -> frozenset[str]:
        """Return the nodes of a lost domain of which nobody can tell whether they are back; none without a domain."""
        return self.topology.nodes_in(loss.target.domain) - self.missed - self.present

    def _strangers(self, cause: Alert, other: Alert) -> bool:
        """Whether both are about services of which the other one's needs nothing of the cause's.

        Whatever else explains could not join these, so in a storm of hundreds on one node no more is asked.
        """
        here, there = cause.target.service, other.target.service
        if here == there or here is None or there is None or there in self.users.get(here, ()):
            return False
        return not {NODE_DEATH, EXPORTER_LOSS} & {cause.name, other.name}

    def suspects(self, alert: Alert, among: list[Incident]) -> list[Incident]:
        """Return those whose cause may explain an alert: no more is asked of hundreds of strangers on a node."""
        service = alert.target.service
        if service is None or alert.name in LOSSES:
            return among
        kin = _below(service, self.topology) | {None, service}
        return [one for one in among if one.cause.target.service in kin or one.cause.name in LOSSES]

    def deeper(self, alert: Alert, cause: Alert) -> bool:
        """Whether an alert explains a cause that does not explain it in turn."""
        return self.explains(alert, cause) and not self.explains(cause, alert)

    def above(self, alert: Alert) -> Iterator[str]:
        """Yield the nodes on which there may be something that explains an alert, its own first.

        What is about a failure domain is on none: its place is the empty name.
        """
        yield from dict.fromkeys((alert.target.node, ""))
        yield from sorted(self._providers(alert.target, frozenset()) - {alert.target.node})

    def beneath(self, alert: Alert) -> Iterator[str]:
        """Yield the nodes on which there may be something that an alert explains, its own first.

        For a failure domain these are the empty name, as of `above`, and its nodes.
        """
        topology, here = self.topology, alert.target
        struck = sorted(topology.nodes_in(here.domain)) if here.domain else [here.node]
        first = [*([""] if here.domain else []), *struck]
        yield from first
        own = {name for node in struck for name in topology.services_on(node)}
        own = own if here.service is None else {here.service}
        users = {user for name in own for user in self.users.get(name, ())}
        groups = {topology.services[name].group for name in users}
        nodes = {node for name in groups if name for node in topology.groups[name].nodes}
        yield from sorted(nodes - set(first))

    def _providers(self, user: Target, seen: frozenset[Target]) -> set[str]:
        """Return the nodes of all that a service waits for, directly or through others."""
        if user in seen:
            return set()
        out = [some for some in self._needs(user) if all(self._out(one) for one in some)]
        found = {one.node for some in out for one in some}
        return found.union(
            *(self._providers(one, seen | {user}) for some in out for one in some),
        )

    def _stalls(self, cause: Alert, user: Target, seen: frozenset[Target]) -> bool:
        """Whether a service cannot serve because of `cause`: something that it needs, nobody provides."""
        if user in seen:
            return False
        return any(
            all(self._out(one, cause, user.node) for one in providers)
            and any(
                self._strikes(cause, one) or self._stalls(cause, one, seen | {user})
                for one in providers
            )
            for providers in self._needs(user)
        )

    def _out(
        self,
        provider: Target,
        cause: Alert | None = None,
        node: str = "",
        seen: frozenset[Target] = frozenset(),
    ) -> bool:
        """Whether a service does not serve, as it is broken itself or what it needs is out.

        On the node of whoever needs it a cause counts that only may have broken it.
        """
        if {provider, Target(provider.node)} & self.broken:
            return True
        if provider in seen:
            return False  # a ring of services has no beginning
        if cause is not None and provider.node == node and self._strikes(cause, provider):
            return True
        return any(
            all(self._out(one, cause, node, seen | {provider}) for one in providers)
            for providers in self._needs(provider)
        )

    def _strikes(self, cause: Alert, provider: Target) -> bool:
        """Whether a cause is trouble of this very service, or of all that is on its node."""
        if cause.target.domain:
            gone = provider.node in self.missed
            return gone and provider.node in self.topology.nodes_in(cause.target.domain)
        if cause.target.node != provider.node:
            return False
        if cause.target.service is None:
            return depth(cause) < SERVICE_DEPTH
        return cause.target.service == provider.service and depth(cause) <= SERVICE_DEPTH

    def _needs(self, user: Target) -> Iterator[list[Target]]:
        """Yield, for each service that one needs, everybody who provides it for that node."""
        topology = self.topology
        service = topology.services.get(user.service or "")
        for name in service.depends_on if service is not None else ():
            used = topology.services.get(name)
            if used is None or used.group is None:
                continue
            members = topology.groups[used.group].nodes
            # Where it stands on the same node that one is meant, else whichever of the group answers.
            nodes = [user.node] if user.node in members else members
            yield [Target(node, name) for node in nodes]


def _failures(*alerts: Alert) -> set[str]:
    return {alert.label("failure") for alert in alerts}


def _explains_here(cause: Alert, other: Alert) -> bool:
    """Whether one trouble of a node explains another by how deep they lie."""
    here, there = cause.target, other.target
    if depth(cause) == depth(other):
        return here == there
    # One service's own trouble says nothing of another that does not need it.
    strangers = None not in (here.service, there.service) and here.service != there.service
    return depth(cause) < depth(other) and not strangers


def _breaks(alert: Alert) -> bool:
    """Whether an alert says that its target does not serve: a dead node, or a service with a page of its own."""
    if alert.name == NODE_DEATH:
        return True
    service = alert.target.service is not None and depth(alert) <= SERVICE_DEPTH
    return service and alert.label("severity") == "critical"


def _broken_by(cause: Alert, topology: Topology, missed: frozenset[str]) -> Iterator[Target]:
    """Yield what does not serve because of an incident's cause."""
    if cause.target.domain:
        yield from (Target(node) for node in topology.nodes_in(cause.target.domain) & missed)
    elif _breaks(cause):
        yield cause.target
