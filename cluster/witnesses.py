"""Which losses would be told: the witnesses of a node that are still heard when its failure domain is gone.

Rule: what counts as heard here is what NodeDown asks of a peer in rules/nodes.yml, no more and no less.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from cluster.model import Cluster

Watching = Mapping[str, tuple[str, ...]]  # whom each node watches


class Member(NamedTuple):
    """A node as part of one of the failure domains that hold it."""

    domain: str
    node: str


class Losses:
    """The failure domains, own and listed ones, that Prometheus could hear to be lost as a whole.

    One that holds all of monitoring is none of them: nobody is left to hear a witness, and it is
    the dead man's switch that calls.

    Attributes:
        members: Each node of each of them, in the order of the file.
    """

    def __init__(self, cluster: Cluster) -> None:
        """Take them from a cluster."""
        self._nodes = {
            domain: frozenset(nodes)
            for domain, nodes in cluster.domain_nodes.items()
            if not set(cluster.monitoring.nodes) <= set(nodes)
        }
        self._domains = {
            node: tuple(domain for domain, nodes in self._nodes.items() if node in nodes)
            for node in cluster.nodes
        }
        self.members = tuple(
            Member(domain, node) for node, domains in self._domains.items() for domain in domains
        )

    def holds(self, domain: str, node: str) -> bool:
        """Say whether a node is lost with this domain."""
        return node in self._nodes[domain]

    def told_by(self, watcher: str, watched: Collection[str]) -> frozenset[Member]:
        """Return of which members this watcher alone could say that they are lost with their domain.

        It must stand outside of the domain, and watch somebody outside as well: a peer that
        reaches nobody has lost its own network and is no witness.
        """
        return frozenset(
            Member(domain, node)
            for node in watched
            for domain in self._domains[node]
            if watcher not in self._nodes[domain] and not self._nodes[domain].issuperset(watched)
        )

    def unseen(self, watching: Watching) -> tuple[Member, ...]:
        """Return the members of which nobody could say that they are lost with their domain."""
        told = {
            member for one, watched in watching.items() for member in self.told_by(one, watched)
        }
        return tuple(member for member in self.members if member not in told)
