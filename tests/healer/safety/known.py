"""What the judge of the simulation knows, and what it can tell from that: it asks none of the guards.

Rule: nothing here judges; `journaled` judges what the journal says, and `oracle` what happens on the nodes.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from healer.core import incident_events as ie
from healer.core.actions import RESTORE
from healer.core.alert import Target
from healer.core.topology import Numbers
from tests.healer.safety.ages import Ages
from tests.healer.safety.charters import Charter
from tests.healer.safety.restores import Restores
from tests.healer.safety.site import Site
from tests.healer.safety.world import World

if TYPE_CHECKING:
    from tests.healer.safety.monitoring import Prometheus

EPOCH = 1_800_000_000.0
"""When every schedule begins, by Prometheus' clock."""

SCRAPE = 2.0
"""Seconds between two scrapes."""

LEASE = 4.0
"""Seconds for which a leader may act on what it knew before it stood still."""

RENAMED = ("d3", "d5")
"""Digests of topologies whose failure domains have other names than those that Prometheus has."""

TAKING = (
    *("service.restart", "node.reboot", "pool.drain", "address.decline", "node.fence", RESTORE),
    *("database.switchover", "database.restart", "database.reinit"),
)

MARKING = ("pool.drain", "address.decline", "node.fence")

GIVING = ("pool.return", "address.accept", "node.unfence", "database.admit")

WHOLE = ("node.reboot", "node.fence", "node.lock", "node.patch")
"""Verbs that take all of a node."""

STARTED_WITHIN = 3.0
"""Seconds that a gate of the simulation takes at most to start a unit."""


@dataclass(frozen=True)
class Taken:
    """What one effect takes away, as the oracle has it."""

    verb: str
    node: str
    targets: frozenset[Target]
    crews: frozenset[str]
    rack: str

    def near(self, other: "Taken") -> bool:
        return bool(self.crews & other.crews) or self.rack == other.rack or self.node == other.node


@dataclass
class Known:
    """What the oracle knows: the site as it is described, the world as it is, and what happened so far.

    Attributes:
        owners: Whose each mark is that stands, as (gate, verb, subject).
        marked_at: Since when it stands.
        ages: How long ago things were by the journal's clocks, which is all that a healer can know.
    """

    site: Site
    world: World
    numbers: Numbers
    charters: list[Charter] = field(default_factory=list)
    prometheus: "Prometheus | None" = None
    silenced: dict[str, float] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    running: dict[str, Taken] = field(default_factory=dict)
    effects: Counter[str] = field(default_factory=Counter)
    done: list[tuple[float, Taken]] = field(default_factory=list)
    intents: dict[str, ie.ActionIntended] = field(default_factory=dict)
    unproved: dict[str, Taken] = field(default_factory=dict)
    frozen: bool = False
    held: set[str] = field(default_factory=set)
    yes: dict[str, float] = field(default_factory=dict)
    terms: int = 0
    leader: str = ""
    first: float = 0.0
    before: set[tuple[str, Target]] = field(default_factory=set)
    failed: dict[Target, float] = field(default_factory=dict)
    lately: dict[tuple[str, Target], list[tuple[float, str]]] = field(default_factory=dict)
    adopted: set[str] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)
    theirs: dict[tuple[str, Target], float] = field(default_factory=dict)
    let_back: set[str] = field(default_factory=set)
    troubles: dict[str, Target] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    excused: set[str] = field(default_factory=set)
    renamed: bool = False
    charter: Charter | None = None
    changed_at: float = -1000.0
    under: dict[str, Charter] = field(default_factory=dict)
    given: dict[str, float | None] = field(default_factory=dict)
    owners: dict[tuple[str, str, str], set[str]] = field(default_factory=dict)
    marked_at: dict[tuple[str, str, str], float] = field(default_factory=dict)
    ages: Ages = field(default_factory=Ages)
    restores: Restores = field(init=False)

    def __post_init__(self) -> None:
        self.restores = Restores(self.world)

    def says(self, what: str) -> None:
        self.violations.append(f"{self.world.now:.2f} s: {what}")

    @property
    def lag(self) -> float:
        """Seconds after which nobody may act any more on how things were: evidence, lease and nonce have run out."""
        return self.numbers.evidence_age + SCRAPE + LEASE + 2.0

    @property
    def current(self) -> Charter:
        """What cluster.yml says now."""
        return self.charter or Charter("", self.site, self.numbers)

    def ago(self, at: float) -> float:
        """Seconds since then, or as many as the journal's clocks say where those are more."""
        return self.ages.since(at, self.world.now)

    @contextmanager
    def as_of(self, charter: Charter) -> Iterator[None]:
        """Judge by what cluster.yml said at one time."""
        before = self.site, self.numbers
        self.site, self.numbers = charter.site, charter.numbers
        yield
        self.site, self.numbers = before

    def knows(self, target: Target, ladder: str) -> bool:
        """Whether cluster.yml as it is now has a target and a ladder."""
        return self.charter is not None and self.charter.site.has(target, ladder)

    def is_domain(self, rack: str) -> bool:
        """Whether cluster.yml as it is now says that this can be lost as a whole."""
        return self.charter is not None and rack in self.charter.site.lost_together()

    def _gone(self, node: str, *, since: float) -> bool:
        """Whether nobody has heard of a node for so long."""
        at = self.world.dark_since.get(node, -1000.0)
        return self.world.dark(node) and self.world.now - at >= since

    def _lately(self, cause: str, about: Target, *, bad: bool) -> bool:
        """Whether it was so, or not so, at any moment of late."""
        so, since = self.world.lasts(cause, about)
        return so is bad or self.world.now - since <= self.lag

    def taken(self, verb: str, target: Target) -> Taken:
        site, node = self.site, target.node
        if verb in WHOLE:
            gone, crews = set(site.jobs_on(node)), site.crews_of(node)
        elif verb == "pool.drain":
            gone = {target.service or ""}
            crews = {members for _, members, job in site.pools.values() if job in gone}
        elif verb.startswith("database."):
            gone = {one for one in site.databases.values() if one in site.jobs_on(node)}
            crews = {site.jobs[one].group for one in gone}
        elif verb == "address.decline":
            crews = {one for _, one in site.addresses.values() if node in site.crews[one].nodes}
            gone = set[str]()
        else:
            gone = site.stopped_with(target.service or "", node)
            crews = {site.jobs[one].group for one in gone}
        places = {Target(node, one) for one in gone} | ({Target(node)} if verb in WHOLE else set())
        return Taken(verb, node, frozenset(places), frozenset(crews), site.racks[node])

    def _together(self, mine: Taken, other: Taken, when: str) -> None:
        if mine.targets & other.targets or (mine.near(other) and not self._out(mine)):
            # The next step of one rung is the same member at another balancer, or its next address.
            same_mark = mine.verb == other.verb in MARKING and mine.node == other.node
            if not same_mark:
                self.says(f"{mine.verb} on {mine.node} beside {other.verb} on {other.node}, {when}")

    def _out(self, mine: Taken) -> bool:
        """Whether no crew loses a member that serves, as far as anybody could know."""
        return bool(mine.crews) and not any(self._serves(crew, mine) for crew in mine.crews)

    def _serves(self, crew: str, mine: Taken) -> bool:
        """Whether what is taken certainly served a crew: one dead service of it makes a member none, but for a boot."""
        jobs = [
            one for one in mine.targets if one.service and self.site.jobs[one.service].group == crew
        ]
        certain = [not self.world.was(one, well=False, within=self.lag) for one in jobs]
        return any(certain) if mine.verb == "node.reboot" and certain else all(certain)
