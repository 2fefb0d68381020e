"""What a drill has to know of the cluster that it runs on."""

from dataclasses import dataclass

from cluster.model import Cluster


@dataclass(frozen=True, slots=True)
class Member:
    """One service on one node."""

    node: str
    service: str
    unit: str


@dataclass(frozen=True, slots=True)
class Fleet:
    """The cluster as a drill sees it.

    Attributes:
        members: Every service on every node that has to run it.
        healer: The healer's node.
        healer_url: Base URL of its HTTP API, as reached from the lab host.
        prometheus_url: Base URL of the first Prometheus, as reached from the lab host.
    """

    nodes: tuple[str, ...]
    members: tuple[Member, ...]
    healer: str
    healer_url: str
    prometheus_url: str

    def missing(
        self, serving: frozenset[tuple[str, str]], heard: frozenset[str]
    ) -> tuple[str, ...]:
        """Name what full redundancy lacks.

        Args:
            serving: (node, service) pairs that serve.
            heard: Nodes whose exporter answers.
        """
        silent = [node for node in self.nodes if node not in heard]
        down = [m for m in self.members if (m.node, m.service) not in serving]
        return (*silent, *(f"{member.node}/{member.service}" for member in down))


def fleet(cluster: Cluster) -> Fleet:
    """Return what a drill has to know of a cluster."""
    members = [
        Member(node, service.name, service.unit)
        for node in cluster.nodes
        for service in cluster.services_on(node)
    ]
    monitor = cluster.nodes[cluster.monitoring.nodes[0]]
    healer = cluster.nodes[cluster.healer.node]
    return Fleet(
        nodes=tuple(cluster.nodes),
        members=tuple(members),
        healer=cluster.healer.node,
        healer_url=f"http://{healer.address}:9595",
        prometheus_url=f"http://{monitor.address}:9090",
    )
