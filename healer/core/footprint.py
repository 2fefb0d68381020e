"""All that an action takes away while it runs. Every guard looks at the whole of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from healer.core.actions import Scope, action_of
from healer.core.alert import Target
from healer.core.topology import Service, Topology


@dataclass(frozen=True, slots=True)
class Footprint:
    """What an action takes away.

    Attributes:
        targets: Services, each on its node, that stop serving while the action runs; a node
            itself where the whole of it goes.
        groups: Groups that lose a member for that time.
        nodes: Nodes on which something is touched.
        failure_domains: Where those nodes stand.
    """

    targets: frozenset[Target]
    groups: frozenset[str]
    nodes: frozenset[str]
    failure_domains: frozenset[str]

    @property
    def takes(self) -> bool:
        """Whether a group loses a member."""
        return bool(self.groups)

    def covers(self, target: Target) -> bool:
        """Whether trouble at `target` would be explained by this action."""
        return target in self.targets or Target(target.node) in self.targets


def disrupts(verb: str, taken: Footprint) -> bool:
    """Whether anybody could notice the action at all: a group loses a member, or a whole node goes."""
    action = action_of(verb)
    return action.takes and (taken.takes or action.scope.whole)


NOTHING = Footprint(frozenset(), frozenset(), frozenset(), frozenset())
"""Of an action of which nothing is known yet."""


def footprint(
    verb: str, target: Target, reverse_dependencies: tuple[str, ...], topology: Topology
) -> Footprint:
    """Return the footprint of a verb.

    Args:
        verb: As in ACTIONS.
        target: A known node, and service where the verb is about one.
        reverse_dependencies: Unit names as the node's gate reports them. A unit that
            cluster.yml does not name serves nobody that we promised anything to.
        topology: The cluster.
    """
    action = action_of(verb)
    if not action.takes:
        return _of(target, {target}, (), topology)
    match action.scope:
        case Scope.UNIT | Scope.FILES:
            return of_unit(target, reverse_dependencies, topology)
        case Scope.POOL:
            pools = topology.pools_of(target)
            gone = {Target(target.node, pool.service) for pool in pools}
            return _of(target, gone, (pool.members for pool in pools), topology)
        case Scope.ADDRESS:
            addresses = topology.addresses.values()
            groups = (one.group for one in addresses)
            here = (one for one in groups if target.node in topology.groups[one].nodes)
            return _of(target, set(), here, topology)
        case Scope.DATABASE:
            databases = topology.databases_of(target)
            gone = {Target(target.node, one.service) for one in databases}
            return _of(target, gone, (one.group for one in databases), topology)
        case Scope.RESOURCE | Scope.CLUSTERED:
            return _of_pacemaker(action.scope, target, topology)
        case _:
            return of_node(target.node, topology)


def as_of_now(verb: str, target: Target, taken: Footprint, topology: Topology) -> Footprint:
    """Return the footprint of what is under way, where cluster.yml may have been changed since it began.

    What it was found to take stays in it; united with that is what the same nodes and services stand for now, since
    a new name for a group frees none of its members.

    Args:
        verb: As in ACTIONS.
        target: What it works on; cluster.yml may have it no more.
        taken: As it was recorded when it began.
        topology: The cluster as it is described now.
    """
    groups, domains = set(taken.groups), set(taken.failure_domains)
    domains |= {
        topology.nodes[node].failure_domain for node in taken.nodes if node in topology.nodes
    }
    for one in {target, *taken.targets} if action_of(verb).takes else ():
        if one.node not in topology.nodes:
            continue
        if topology.knows(one):
            groups |= footprint(verb, one, (), topology).groups
        else:  # it is called otherwise now, and may be any of those that are there
            groups |= of_node(one.node, topology).groups
    return replace(taken, groups=frozenset(groups), failure_domains=frozenset(domains))


def of_unit(target: Target, reverse_dependencies: tuple[str, ...], topology: Topology) -> Footprint:
    """Return the footprint of a unit verb: the unit, and whatever systemd stops together with it."""
    on_node = topology.services_on(target.node)
    by_unit = {service.unit: service for service in on_node.values()}
    touched = [service for service in on_node.values() if service.name == target.service]
    touched += [by_unit[unit] for unit in reverse_dependencies if unit in by_unit]
    gone = {Target(target.node, service.name) for service in touched}
    return _of(target, gone, _groups(touched), topology)


def _of_pacemaker(scope: Scope, target: Target, topology: Topology) -> Footprint:
    """Return the footprint of a verb on one resource, or on all that Pacemaker runs on a node."""
    clusters = topology.pacemakers_of(target.node)
    gone = {
        Target(target.node, service)
        for one in clusters
        for service in one.resources.values()
        if scope is Scope.CLUSTERED or service == target.service
    }
    return _of(target, gone, (one.group for one in clusters), topology)


def of_node(node: str, topology: Topology) -> Footprint:
    """Return the footprint of a verb on a whole node: every service, group, address and vote there."""
    services = topology.services_on(node)
    gone = {Target(node)} | {Target(node, name) for name in services}
    groups = [group.name for group in topology.groups_of(node)]
    return _of(Target(node), gone, (*groups, *_groups(services.values())), topology)


def _groups(services: Iterable[Service]) -> Iterator[str]:
    for service in services:
        if service.group is not None:
            yield service.group


def _of(target: Target, gone: set[Target], groups: Iterable[str], topology: Topology) -> Footprint:
    return Footprint(
        targets=frozenset(gone),
        groups=frozenset(groups),
        nodes=frozenset({target.node}),
        failure_domains=frozenset({topology.nodes[target.node].failure_domain}),
    )
