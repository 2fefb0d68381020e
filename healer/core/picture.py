"""The cluster as Prometheus shows it at one moment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from healer.core.alert import Target


@dataclass(frozen=True, slots=True)
class NodeHealth:
    """One node as Prometheus knows it.

    Attributes:
        scraped: `up` of its exporter; None when there is no fresh sample.
        reached: Whether any peer reaches it; None when no peer says.
    """

    scraped: bool | None
    reached: bool | None

    @property
    def seen(self) -> bool:
        """Whether anything at all hears of this node."""
        return bool(self.scraped or self.reached)


@dataclass(frozen=True, slots=True)
class SeenMark:
    """A mark as an exporter tells of it.

    Attributes:
        mark: pool.drain, address.decline or node.lock.
        subject: What is taken away.
        node: At whose gate it stands.
        owner_kind: incident, person or lock.
        since: Unix time.
    """

    mark: str
    subject: str
    node: str
    owner_kind: str
    since: float


@dataclass(frozen=True, slots=True)
class Picture:
    """The cluster at one moment of Prometheus' time.

    Attributes:
        services: hale_service_up; a service without a fresh sample is not in it.
        addresses: hale_virtual_address_held, by the IP address and by node.
        candidates: Whether VRRP may have a node hold an address, by the IP address and by node: its instance there is
            backup or master. Who does not say is not in it.
        primaries: Whether a member of a database takes writes, by Patroni's name of the database and by node. Redis,
            of which a node has one, has no name there.
        marks: Every mark that an exporter tells of, once for each kind of owner.
        failing: Nodes of which the kernel or a daemon says that a disk or a file system fails.
        healths: What facts made of it, by topology, group and node.
    """

    now: float
    nodes: Mapping[str, NodeHealth]
    services: Mapping[Target, bool]
    marks: frozenset[SeenMark] = frozenset()
    addresses: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    candidates: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    primaries: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    failing: frozenset[str] = frozenset()
    healths: dict[tuple[str, str, str], str] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def missed(self) -> frozenset[str]:
        """The nodes that are missed by the scrape and by every peer; one of which either says nothing is not."""
        return frozenset(
            name
            for name, one in self.nodes.items()
            if one.scraped is False and one.reached is False
        )

    @property
    def serving(self) -> frozenset[Target]:
        """The services that were serving, each on its node."""
        return frozenset(target for target, up in self.services.items() if up)

    @property
    def present(self) -> frozenset[str]:
        """The nodes that anything at all hears of."""
        return frozenset(name for name, one in self.nodes.items() if one.seen)

    def seen(self, nodes: Iterable[str]) -> int:
        """Return of how many of these nodes anything at all hears."""
        return sum(node in self.nodes and self.nodes[node].seen for node in nodes)
