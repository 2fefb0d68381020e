"""The databases of the simulated cluster, as Patroni keeps them: who leads, whose copy is good, and what it answers.

Words: docs/gate.md. Rule: Patroni is taken to be right; what varies is what it answers, and when.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from healer.core.alert import Target
from healer.core.look import DatabaseLook, DatabaseMember
from tests.healer.safety.site import MAX_LAG

if TYPE_CHECKING:
    from tests.healer.safety.world import World

WAYS = ("refuses", "hangs", "hangs and moves")
"""What is wrong with what it does, where something is."""

TTL = 3.0
"""Seconds after which Patroni lets another member lead in the place of one that is gone."""


@dataclass
class Member:
    """One copy.

    Attributes:
        astray: It is on a timeline of its own, until it is made anew.
        making: Patroni is copying it from the leader.
    """

    timeline: int = 1
    lag: int = 0
    astray: bool = False
    making: bool = False


@dataclass
class Database:
    """One database.

    Attributes:
        changed_at: When a member began to lead in the place of another one.
        gone_at: Since when who leads does not run; None while it does.
        paused_since: Since when a person has it paused; None where nobody has.
        way: One of WAYS, or empty where it does what it is asked.
        mute: Nodes whose gates cannot say how it is.
        barred: Since when each member is that never may lead.
        goods: Since when each copy is good or not, as far as anybody has looked.
    """

    world: "World"
    job: str
    nodes: tuple[str, ...]
    leader: str = ""
    timeline: int = 1
    changed_at: float = -1000.0
    gone_at: float | None = None
    paused_since: float | None = None
    way: str = ""
    mute: set[str] = field(default_factory=set)
    barred: dict[str, float] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    goods: dict[str, tuple[bool, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.leader = self.nodes[0]
        self.members = {one: Member() for one in self.nodes}
        self.goods = dict.fromkeys(self.nodes, (True, -1000.0))

    # --- What is so ---

    def place(self, node: str) -> Target:
        return Target(node, self.job)

    def good(self, node: str) -> bool:
        """Whether a member runs and has all of the data."""
        member = self.members[node]
        follows = member.timeline == self.timeline and member.lag <= MAX_LAG
        return self.world.well(self.place(node)) and follows

    def was_good(self, node: str, within: float) -> bool:
        """Whether a copy was good at any moment of the last seconds."""
        good, since = self.goods[node]
        return good or self.good(node) or self.world.now - since <= within

    def look(self, node: str) -> DatabaseLook | None:
        """Say what a member's gate says."""
        if node in self.mute:
            return None
        members = {one: self._seen(one) for one in self.nodes}
        timeline = self.timeline if self.leader else None
        return DatabaseLook(
            self.leader or None, timeline, self.paused_since is not None, False, members
        )

    def _seen(self, node: str) -> DatabaseMember:
        member, leads = self.members[node], node == self.leader
        runs = self.world.well(self.place(node))
        state = "running" if runs else "creating replica" if member.making else "start failed"
        return DatabaseMember(
            "leader" if leads else "replica",
            state,
            member.timeline if runs else None,
            None if leads else member.lag,
            node in self.barred,
        )

    # --- What changes ---

    def tick(self) -> None:
        """Have Patroni do what it does by itself, and note whose copy is good."""
        self._elect()
        for node, member in self.members.items():
            if self.leader and not member.astray and self.world.well(self.place(node)):
                member.timeline = self.timeline
        for node in self.nodes:
            good = self.good(node)
            if good is not self.goods[node][0]:
                self.goods[node] = (good, self.world.now)

    def _elect(self) -> None:
        now, world = self.world.now, self.world
        if self.leader and world.well(self.place(self.leader)) and not world.dark(self.leader):
            self.gone_at = None
            return
        self.gone_at = now if self.gone_at is None else self.gone_at
        if self.paused_since is not None or now - self.gone_at < TTL:
            return
        able = [one for one in self.nodes if self.good(one) and one not in self.barred]
        self.leads(next((one for one in able if not world.dark(one)), ""))

    def leads(self, node: str) -> None:
        """Have another member lead from now on; nobody where it is empty."""
        if node == self.leader:
            return
        if node and self.leader:
            self.changed_at = self.world.now
        self.leader, self.gone_at = node, None
        self.world.told(f"{node or 'nobody'} leads {self.job}")
        if node:
            self.timeline += 1
            self.members[node].timeline, self.members[node].lag = self.timeline, 0

    def mend(self) -> None:
        """Have people make every copy follow again."""
        self.paused_since, self.way = None, ""
        self.mute.clear()
        for one in self.members.values():
            one.lag, one.astray, one.timeline = 0, False, self.timeline


def databases_of(world: "World") -> Mapping[str, Database]:
    """Return the databases of a site, all well."""
    site = world.site
    return {
        name: Database(world, job, site.crews[site.jobs[job].group].nodes)
        for name, job in site.databases.items()
    }
