"""Do nodes vanish together? Then it is the network or the monitoring, and nothing is repaired on what they say.

A fold over the pictures of the cluster, without a clock of its own: all times are Prometheus' own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from healer.core.picture import Picture
from healer.core.topology import UNKNOWN_DOMAIN, Topology

LONGEST_STEP = 10.0
"""Seconds between two pictures that may count as calm; of a longer gap nobody saw the rest."""


@dataclass(frozen=True, slots=True)
class Storm:
    """Nodes that vanished together.

    Attributes:
        nodes: All that were among them since it began, by name.
        domains: How many failure domains these stand in.
        age: Seconds since it began.
        calm: Seconds of calm seen since; None while there is none.
    """

    nodes: tuple[str, ...]
    domains: int
    age: float = 0.0
    calm: float | None = None


@dataclass(frozen=True, slots=True)
class Weather:
    """Which nodes nobody hears of, since when, and whether that is a storm.

    Attributes:
        at: Prometheus' time of the last picture; None before the first.
        gone: Nodes that nobody hears of, each with the seconds since it vanished. Below zero where Prometheus
            merely has no sample, as after its own start: it may only not have come to that node yet.
        storm: None in fair weather.
    """

    at: float | None = None
    gone: Mapping[str, float] = field(default_factory=dict)
    storm: Storm | None = None

    def after(self, picture: Picture | None, topology: Topology) -> "Weather":
        """Return the weather with one more picture taken in; one that cannot be read changes nothing."""
        if picture is None:
            return self
        # A clock that was set back makes no time pass.
        step = 0.0 if self.at is None else max(0.0, picture.now - self.at)
        ages = ((node, self._age(node, picture, step, topology)) for node in topology.nodes)
        gone = {node: age for node, age in ages if age is not None}
        return Weather(picture.now, gone, self._storm(gone, step, topology))

    @classmethod
    def resumed(cls, nodes: Iterable[str], topology: Topology) -> "Weather":
        """Return the weather of a healer that starts in a storm, of which all the calm is still due."""
        known = tuple(node for node in nodes if node in topology.nodes)
        return cls(storm=Storm(known, domains(known, topology), calm=0.0))

    def lately(self, topology: Topology) -> tuple[str, ...]:
        """Return the nodes that vanished within the window and are not back, by name."""
        window = topology.numbers.storm_window
        return tuple(sorted(node for node, age in self.gone.items() if 0 <= age < window))

    def _age(self, node: str, picture: Picture, step: float, topology: Topology) -> float | None:
        health = picture.nodes.get(node)
        if health is not None and health.seen:
            return None
        missed = health is not None and (health.scraped, health.reached) != (None, None)
        start = 0.0 if missed else -topology.numbers.evidence_age
        age = self.gone[node] + step if node in self.gone else start
        return max(age, start)

    def _storm(self, gone: Mapping[str, float], step: float, topology: Topology) -> Storm | None:
        numbers, before = topology.numbers, self.storm
        age = 0.0 if before is None else before.age + step
        lately = Weather(gone=gone).lately(topology)
        if _together(lately, topology):
            # cluster.yml may have lost some since.
            former = () if before is None else before.nodes
            nodes = tuple(sorted({*lately, *(one for one in former if one in topology.nodes)}))
            return Storm(nodes, domains(nodes, topology), age)
        if before is None:
            return None
        if any(node not in self.gone or self.gone[node] < 0 for node in lately):
            return replace(before, age=age, calm=None)  # another one has just vanished
        calm = 0.0 if before.calm is None else before.calm + min(step, LONGEST_STEP)
        return None if calm >= numbers.storm_calm else replace(before, age=age, calm=calm)


def domains(nodes: Iterable[str], topology: Topology) -> int:
    """Return in how many failure domains nodes stand; where nobody said, each stands in one of its own."""
    named = [topology.nodes[node].failure_domain for node in nodes]
    return len(set(named) - {UNKNOWN_DOMAIN}) + named.count(UNKNOWN_DOMAIN)


def least(topology: Topology) -> int:
    """Return how many nodes have to vanish together at least to make a storm."""
    numbers = topology.numbers
    return max(int(numbers.storm_targets), int(numbers.storm_share * len(topology.nodes)) + 1)


def _together(lately: tuple[str, ...], topology: Topology) -> bool:
    enough = len(lately) >= least(topology)
    return enough and domains(lately, topology) >= topology.numbers.storm_domains
