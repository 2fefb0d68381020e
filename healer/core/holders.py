"""Who holds each virtual address, and for how long: the transitions of VRRP, as Prometheus' pictures show them.

A fold over the pictures, without a clock of its own: all times are Prometheus' own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from healer.core.picture import Picture
from healer.core.topology import Topology, VirtualAddress


@dataclass(frozen=True, slots=True)
class Held:
    """One address.

    Attributes:
        nodes: Those that hold it; none, or two, while VRRP or the network is in trouble.
        age: Seconds for which it was seen so.
    """

    nodes: frozenset[str]
    age: float = 0.0

    def __str__(self) -> str:
        return f"{', '.join(sorted(self.nodes)) or 'nobody'} for {self.age:.0f} s"


@dataclass(frozen=True, slots=True)
class Holders:
    """Every address.

    Attributes:
        at: Prometheus' time of the last picture; None before the first.
        held: By the address' name. One of which no candidate says anything is not in it.
    """

    at: float | None = None
    held: Mapping[str, Held] = field(default_factory=dict)

    def after(self, picture: Picture | None, topology: Topology) -> "Holders":
        """Return the holders with one more picture taken in; one that cannot be read changes nothing."""
        if picture is None:
            return self
        step = 0.0 if self.at is None else max(0.0, picture.now - self.at)
        found = {one.name: _holders(one, picture, topology) for one in topology.addresses.values()}
        return Holders(
            picture.now,
            {
                name: self._held(name, nodes, step)
                for name, nodes in found.items()
                if nodes is not None
            },
        )

    def _held(self, name: str, nodes: frozenset[str], step: float) -> Held:
        before = self.held.get(name)
        if before is None or before.nodes != nodes:
            return Held(nodes)
        return Held(nodes, before.age + step)


def _holders(
    address: VirtualAddress, picture: Picture, topology: Topology
) -> frozenset[str] | None:
    said = picture.addresses.get(address.address, {})
    candidates = [node for node in topology.groups[address.group].nodes if node in said]
    return frozenset(node for node in candidates if said[node]) if candidates else None
