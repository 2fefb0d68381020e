"""Who holds each virtual address and leads each database, and for how long, as Prometheus' pictures show it.

A fold over the pictures, without a clock of its own: all times are Prometheus' own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from healer.core.picture import Picture
from healer.core.topology import Topology


@dataclass(frozen=True, slots=True)
class Held:
    """One address, or one database.

    Attributes:
        nodes: Those that hold it or take its writes; none, or two, while its owner or the network is in trouble.
        age: Seconds for which it was seen so.
    """

    nodes: frozenset[str]
    age: float = 0.0

    def __str__(self) -> str:
        return f"{', '.join(sorted(self.nodes)) or 'nobody'} for {self.age:.0f} s"


@dataclass(frozen=True, slots=True)
class Holders:
    """Every address and every database.

    Attributes:
        at: Prometheus' time of the last picture; None before the first.
        held: By the address' name. One of which no candidate says anything is not in it.
        led: The same of databases, by their names.
    """

    at: float | None = None
    held: Mapping[str, Held] = field(default_factory=dict)
    led: Mapping[str, Held] = field(default_factory=dict)

    def after(self, picture: Picture | None, topology: Topology) -> "Holders":
        """Return the holders with one more picture taken in; one that cannot be read changes nothing."""
        if picture is None:
            return self
        step = 0.0 if self.at is None else max(0.0, picture.now - self.at)
        held = {
            one.name: _who(picture.addresses.get(one.address, {}), one.group, topology)
            for one in topology.addresses.values()
        }
        led = {
            one.name: _who(picture.primaries.get(one.scope, {}), one.group, topology)
            for one in topology.databases.values()
        }
        return Holders(picture.now, _aged(self.held, held, step), _aged(self.led, led, step))


def _aged(
    before: Mapping[str, Held], found: Mapping[str, frozenset[str] | None], step: float
) -> dict[str, Held]:
    aged = {}
    for name, nodes in found.items():
        if nodes is not None:
            known = before.get(name)
            same = known is not None and known.nodes == nodes
            aged[name] = Held(nodes, known.age + step if known is not None and same else 0.0)
    return aged


def _who(said: Mapping[str, bool], group: str, topology: Topology) -> frozenset[str] | None:
    """Return the members of a group that say yes; None where none of them says anything."""
    told = [node for node in topology.groups[group].nodes if node in said]
    return frozenset(node for node in told if said[node]) if told else None
