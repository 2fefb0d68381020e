"""What is true in the simulated cluster: nodes, units, trouble, and since when. Nobody but the oracle sees it all."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from healer.core.alert import Target
from tests.healer.safety.replicas import Database, databases_of
from tests.healer.safety.site import Site
from tests.healer.safety.vaults import Vault, Vaults


@dataclass
class Unit:
    """One systemd unit.

    Attributes:
        wedged: It runs and serves nobody.
        cures: Whether a start brings it back.
        damaged: Its files are, so that only a restore has it start again.
    """

    state: str = "active"
    wedged: bool = False
    cures: bool = True
    damaged: bool = False
    changed_at: float = -100.0
    invocation: int = 1


@dataclass
class Machine:
    """One node.

    Attributes:
        sick: Its kernel has said so; only a boot ends it.
        cut: Nobody reaches it, though it runs.
    """

    up: bool = True
    boot: int = 1
    sick: bool = False
    cut: bool = False
    booted_at: float = -1000.0


@dataclass
class World:
    """The truth. `clock` gives real time, which no healer's clock has to have; `declined` is (address, node).

    Attributes:
        off: Nodes whose power device is switched off.
        turned: Since when what only one node may run runs somewhere, or nowhere.
        vaults: What gates may put back.
        databases: Those that Patroni keeps, by name.
    """

    site: Site
    clock: Callable[[], float]
    told: Callable[[str], None] = lambda _: None
    nodes: dict[str, Machine] = field(default_factory=dict)
    units: dict[Target, Unit] = field(default_factory=dict)
    since: dict[Target, float] = field(default_factory=dict)
    dark_since: dict[str, float] = field(default_factory=dict)
    light_since: dict[str, float] = field(default_factory=dict)
    lost_until: dict[str, float] = field(default_factory=dict)
    declined: set[tuple[str, str]] = field(default_factory=set)
    off: set[str] = field(default_factory=set)
    turned: dict[str, float] = field(default_factory=dict)
    vaults: Vaults = field(default_factory=Vaults)
    databases: Mapping[str, Database] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.nodes = {name: Machine() for name in self.site.racks}
        self.units = {place: Unit() for place in self.site.places()}
        for place in self.site.places():
            # An exclusive job runs on the first of its nodes only.
            job = self.site.jobs[place.service or ""]
            if job.exclusive and place.node != self.site.crews[job.group].nodes[0]:
                self.units[place].state = "inactive"
        self.vaults.kept = {
            (node, name): Vault()
            for name, one in self.site.backups.items()
            for node in self.site.crews[self.site.jobs[one.job].group].nodes
        }
        self.databases = databases_of(self)
        everything = [*self.units, *(Target(node) for node in self.nodes)]
        self.since = dict.fromkeys(everything, -1000.0)
        self.turned = {name: -1000.0 for name, one in self.site.jobs.items() if one.exclusive}

    @property
    def now(self) -> float:
        return self.clock()

    # --- What is so ---

    def well(self, place: Target) -> bool:
        """Whether a service serves, or a node is not sick."""
        machine = self.nodes[place.node]
        if place.service is None:
            return not machine.sick
        unit = self.units[place]
        return machine.up and unit.state == "active" and not unit.wedged

    def dark(self, node: str) -> bool:
        return self.nodes[node].cut or not self.nodes[node].up

    def lost(self, domain: str, *, within: float) -> bool:
        """Whether all nodes of a domain were dark at once, and one was ever since, or until a few seconds ago."""
        return self.now - self.lost_until.get(domain, -math.inf) < within

    def holder(self, address: str) -> str:
        """Who has a virtual address: the first candidate that lives, one that declines it only where no other does."""
        crew = self.site.crews[self.site.addresses[address][1]]
        alive = [one for one in crew.nodes if not self.dark(one)]
        able = [one for one in alive if (address, one) not in self.declined]
        return next(iter(able or alive), "")

    def was(self, place: Target, *, well: bool, within: float) -> bool:
        """Whether it was so at any moment of the last seconds."""
        return self.well(place) is well or self.now - self.since[place] <= within

    def broken(self, place: Target) -> bool:
        """Whether a person has something to mend there; what may run on one node only may rest on all others."""
        if place.service is None:
            return self.nodes[place.node].sick
        unit = self.units[place]
        return unit.wedged or unit.state == "failed"

    def runners(self, job: str) -> list[str]:
        """The nodes on which a job serves."""
        nodes = self.site.crews[self.site.jobs[job].group].nodes
        return [one for one in nodes if self.well(Target(one, job))]

    def lasts(self, cause: str, about: Target) -> tuple[bool, float]:
        """Whether what an alert tells of is so, and since when that is so or not so."""
        if cause == "NodeDown":
            dark = self.dark(about.node)
            since = self.dark_since if dark else self.light_since
            return dark, since.get(about.node, -1000.0)
        if cause == "ServiceRunsNowhere":
            job = about.service or ""
            return not self.runners(job), self.turned.get(job, -1000.0)
        return not self.well(about), self.since[about]

    # --- What changes ---

    @contextmanager
    def change(self, node: str) -> Iterator[Machine]:
        """Change something on one node, and note what is well or not since now."""
        places = [one for one in self.since if one.node == node]
        before = {one: self.well(one) for one in places}
        was_dark, ran = self.dark(node), {job: bool(self.runners(job)) for job in self.turned}
        yield self.nodes[node]
        self.turned |= {job: self.now for job in ran if bool(self.runners(job)) is not ran[job]}
        for one in places:
            if self.well(one) is not before[one]:
                self.since[one] = self.now
                self.told(f"{one} is {'well' if self.well(one) else 'not well'}")
        if self.dark(node) is not was_dark:
            self.dark_since[node] = self.now
            if was_dark:
                self.light_since[node] = self.now
            self._count_lost()

    def _count_lost(self) -> None:
        for domain, nodes in self.site.lost_together().items():
            dark = sum(self.dark(one) for one in nodes)
            if dark == len(nodes):
                self.lost_until[domain] = math.inf
            elif not dark and self.lost_until.get(domain) == math.inf:
                self.lost_until[domain] = self.now

    def set_unit(self, place: Target, state: str, **changes: bool) -> None:
        with self.change(place.node):
            unit = self.units[place]
            if unit.state != state:
                unit.changed_at = self.now
                unit.invocation += state in ("activating", "active")
            unit.state = state
            for name, value in changes.items():
                setattr(unit, name, value)

    def power_off(self, node: str) -> None:
        with self.change(node) as machine:
            machine.up = False

    def power_on(self, node: str) -> None:
        """Boot: what a start brings back runs again, but for what may run elsewhere."""
        with self.change(node) as machine:
            machine.up, machine.boot, machine.sick = True, machine.boot + 1, False
            machine.booted_at = self.now
            for place, unit in self.units.items():
                if place.node != node:
                    continue
                job = self.site.jobs[place.service or ""]
                # Where nodes are fenced no boot starts what another one may have been given meanwhile.
                passive = job.exclusive and (unit.state == "inactive" or bool(self.site.fencing))
                unit.state = "inactive" if passive else "active" if unit.cures else "failed"
                unit.wedged = False
                unit.changed_at = self.now
                unit.invocation += 1

    def cut_off(self, node: str) -> None:
        """Switch a node's power device off."""
        self.off.add(node)
        if self.nodes[node].up:
            self.power_off(node)

    def switch_on(self, node: str) -> None:
        """Switch it on again, upon which the node boots."""
        if node in self.off:
            self.off.discard(node)
            self.power_on(node)

    def mend(self, spared: Target | None, at_work: set[str]) -> None:
        """Put right all but one thing, as people do: not on nodes where something is under way."""
        for node in self.nodes.keys() - at_work:
            if not self.nodes[node].up and node not in self.off:
                self.power_on(node)
            with self.change(node) as machine:
                machine.cut = False
                machine.sick = machine.sick and spared == Target(node)
        self.vaults.mend()
        for database in self.databases.values():
            database.mend()
        for place, unit in self.units.items():
            if place == spared:
                unit.cures = False
                continue
            unit.cures, unit.damaged = True, False
            if place.node not in at_work and self.broken(place):
                taken = place.service in self.turned and bool(self.runners(place.service))
                self.set_unit(place, "inactive" if taken else "active", wedged=False)
