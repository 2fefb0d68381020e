"""Clusters for the simulation, described as the oracle reads them.

Rule: the oracle never asks the healer's topology, so that a fault in how it is used is seen.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from healer.core.alert import Target
from healer.core.ladder import Mode

MAX_LAG = 1000
"""Bytes by which a good copy of a database may be behind."""

LADDERS = ("restart-service", "reboot-node", "fence-node", "take-over", "database", "move-away")
"""Ladders that every cluster.yml here has, unless it was changed."""


@dataclass(frozen=True)
class Crew:
    """Nodes that stand in for each other, as cluster.yml has them."""

    nodes: tuple[str, ...]
    floor: int
    votes: bool = False
    control: bool = False
    mode: Mode = Mode.ACT


@dataclass(frozen=True)
class Job:
    """A service."""

    group: str
    needs: tuple[str, ...] = ()
    stores: bool = False
    exclusive: bool = False


def address_of(node: str) -> str:
    """Return the address of a node, the same whatever else cluster.yml has."""
    number = zlib.crc32(node.encode())
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def machine_of(node: str) -> str:
    """Return what a node's machine sends when it asks for a reboot lock."""
    return f"{zlib.crc32(node.encode()):032x}"


OWNER = "olga"
"""Who may agree to what is for owners; everybody else is ann."""


@dataclass(frozen=True)
class Files:
    """What a backup may put back of a job, on each of its nodes.

    Attributes:
        rebuildable: Whether all of it can be made anew, so that no owner has to agree.
    """

    job: str
    rebuildable: bool


@dataclass(frozen=True)
class Site:
    """One cluster.

    Attributes:
        racks: The failure domain of each node.
        healers: Nodes that run one.
        pools: Balancers and members, as names of crews, with the job.
        rungs: Verbs that are tried on a service, in order; asks are those that need a yes.
        attempts: So often a restart is tried.
        addresses: Virtual ones, each with its crew of candidates.
        no_ladders: Those that cluster.yml does not have.
        fencing: Of each node that can be fenced, the hosts that can do it. What only one node may run starts by no
            boot there: it is ServiceRunsNowhere that has it started.
        backups: What gates may put back, by name.
        databases: The job of each, by name. Its members' alerts have ladders of their own.
    """

    name: str
    racks: Mapping[str, str]
    crews: Mapping[str, Crew]
    jobs: Mapping[str, Job]
    healers: tuple[str, ...]
    pools: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)
    rungs: tuple[str, ...] = ("service.restart",)
    asks: frozenset[str] = frozenset()
    attempts: int = 2
    no_ladders: frozenset[str] = frozenset()
    addresses: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    cluster: str = "sim"
    fencing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    backups: Mapping[str, Files] = field(default_factory=dict)
    databases: Mapping[str, str] = field(default_factory=dict)

    @property
    def fencing_alerts(self) -> tuple[str, ...]:
        """Alerts with a ladder of their own where nodes can be fenced; what they tell of is no service's own state."""
        return ("NodeDown", "ServiceRunsNowhere") if self.fencing else ()

    def heals(self, place: Target) -> str:
        """The ladder of what fails at a place."""
        jobs = self.databases.values()
        if place.service is not None:
            return "database" if place.service in jobs else "restart-service"
        keeps = any(place.node in self.crews[self.jobs[one].group].nodes for one in jobs)
        return "move-away" if keeps else "reboot-node"

    def places(self) -> list[Target]:
        """Every service on each of its nodes."""
        return [
            Target(n, name) for name, job in self.jobs.items() for n in self.crews[job.group].nodes
        ]

    def lost_together(self) -> dict[str, list[str]]:
        """The nodes of every rack that has several, and no healer: one that is lost has nobody to tell of it."""
        found: dict[str, list[str]] = {}
        for node, rack in self.racks.items():
            found.setdefault(rack, []).append(node)
        return {
            rack: nodes
            for rack, nodes in found.items()
            if len(nodes) > 1 and not set(nodes) & set(self.healers)
        }

    def crews_of(self, node: str) -> set[str]:
        return {name for name, crew in self.crews.items() if node in crew.nodes}

    def jobs_on(self, node: str) -> list[str]:
        return [name for name, job in self.jobs.items() if node in self.crews[job.group].nodes]

    def stopped_with(self, job: str, node: str) -> set[str]:
        """What systemd stops together with a unit, itself included."""
        gone, here = {job}, self.jobs_on(node)
        for _ in here:
            gone |= {one for one in here if gone & set(self.jobs[one].needs)}
        return gone

    def has(self, target: Target, ladder: str) -> bool:
        """Whether cluster.yml has both, so that what is told of the one by the other is its healer's."""
        if target.domain:
            return target.domain in self.lost_together()
        here = target.service is None or target.service in self.jobs_on(target.node)
        return target.node in self.racks and here and ladder not in self.no_ladders
