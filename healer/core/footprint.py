"""All that an action takes away while it runs. Every guard looks at the whole of it."""

from dataclasses import dataclass

from healer.core.alert import Target
from healer.core.topology import EXPORTER, Topology


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
        """Whether anybody could notice the action at all."""
        return bool(self.groups)

    def covers(self, target: Target) -> bool:
        """Whether trouble at `target` would be explained by this action."""
        return target in self.targets


def of_unit(target: Target, reverse_dependencies: tuple[str, ...], topology: Topology) -> Footprint:
    """Return the footprint of a unit verb: the unit, and whatever systemd stops together with it.

    Args:
        target: A known node and service.
        reverse_dependencies: Unit names as the node's gate reports them. A unit that
            cluster.yml does not name serves nobody that we promised anything to.
        topology: The cluster.
    """
    on_node = topology.services_on(target.node)
    by_unit = {service.unit: service for service in on_node.values()}
    touched = [service for service in on_node.values() if service.name == target.service]
    touched += [by_unit[unit] for unit in reverse_dependencies if unit in by_unit]
    return Footprint(
        targets=frozenset(Target(target.node, service.name) for service in touched),
        groups=frozenset(
            service.group
            for service in touched
            if service.group is not None and service.name != EXPORTER
        ),
        nodes=frozenset({target.node}),
        failure_domains=frozenset({topology.nodes[target.node].failure_domain}),
    )
