"""The databases of the simulated cluster, as Patroni keeps them: who leads, whose copy is good, and what it answers.

Words: docs/gate.md. Rule: Patroni is taken to be right; what varies is what it answers, and when. Where commits wait
for a standby it lets none lead but that one, or who led; with none left the leader goes on alone (docs/cluster.md).
"""

import math
from collections.abc import Collection, Mapping
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
        unmuted_at: When some of them could again.
        barred: Since when each member is that never may lead.
        goods: Since when each copy is good or not, as far as anybody has looked.
        synchronous: Whether commits wait for a standby.
        standby: For which; nobody where it is empty.
        stood: When each member was it last.
        waited_since: Since when commits wait for one.
        led: Who led last.
        late: Nodes whose Patroni has not heard yet who the standby is.
        told: Whom the gate of each node names as the standby.
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
    unmuted_at: float = -1000.0
    barred: dict[str, float] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    goods: dict[str, tuple[bool, float]] = field(default_factory=dict)
    synchronous: bool = False
    standby: str = ""
    stood: dict[str, float] = field(default_factory=dict)
    waited_since: float = math.inf
    led: str = ""
    late: set[str] = field(default_factory=set)
    told: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.leader = self.led = self.nodes[0]
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

    def lets_back(self, node: str) -> bool:
        """Whether a barred member may lead again: it has all of the data, and somebody leads or could were none barred.

        Where nobody may lead before people say who is to, nobody can say what a copy lacks, and it stays barred.
        """
        return self.good(node) and bool(self.leader or self._able(barred=()))

    def was_good(self, node: str, within: float) -> bool:
        """Whether a copy was good at any moment of the last seconds."""
        good, since = self.goods[node]
        return good or self.good(node) or self.world.now - since <= within

    def lacks_commits(self, node: str, within: float) -> bool:
        """Whether commits wait for a standby for so long, and a member was it at no moment of the last seconds."""
        waits = self.synchronous and self.world.now - self.waited_since > within
        stood = node in (self.standby, self.leader) or (
            self.world.now - self.stood.get(node, -math.inf) <= within
        )
        return waits and not stood

    def look(self, node: str) -> DatabaseLook | None:
        """Say what a member's gate says."""
        if node in self.mute:
            return None
        standby = self.told.get(node, "")
        members = {one: self._seen(one, standby) for one in self.nodes}
        timeline = self.timeline if self.leader else None
        return DatabaseLook(
            self.leader or None,
            timeline,
            self.paused_since is not None,
            self.synchronous,
            members,
        )

    def _seen(self, node: str, standby: str) -> DatabaseMember:
        member, leads = self.members[node], node == self.leader
        runs = self.world.well(self.place(node))
        state = "running" if runs else "creating replica" if member.making else "start failed"
        role = "leader" if leads else "sync_standby" if node == standby else "replica"
        return DatabaseMember(
            role,
            state,
            member.timeline if runs else None,
            None if leads else member.lag,
            node in self.barred,
        )

    # --- What changes ---

    def tick(self) -> None:
        """Have Patroni do what it does by itself, and note whose copy is good."""
        self._elect()
        self._choose()
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
        self.leads(next(iter(self._able(self.barred)), ""))

    def _able(self, barred: Collection[str]) -> list[str]:
        """Return who may lead in the place of one that is gone."""
        able = [one for one in self.nodes if self.good(one) and one not in barred]
        if self.synchronous:
            able = [one for one in able if one in (self.standby, self.led)]
        return [one for one in able if not self.world.dark(one)]

    def _choose(self) -> None:
        """Have commits wait for a replica that runs: the same one while it does, a barred one if there is no other."""
        now, leads = self.world.now, self.leader and self.world.well(self.place(self.leader))
        if self.standby:
            self.stood[self.standby] = now
        if leads and not self.world.dark(self.leader) and self.paused_since is None:
            able = [one for one in self.nodes if one != self.leader and self._streams(one)]
            able.sort(key=lambda one: (one in self.barred, one != self.standby))
            self.standby = next(iter(able), "") if self.synchronous else ""
        # Who leads says itself for whom commits wait.
        for node in self.nodes:
            if node not in self.late or node == self.leader:
                self.told[node] = self.standby

    def _streams(self, node: str) -> bool:
        member = self.members[node]
        follows = not member.astray and member.timeline == self.timeline
        return follows and self.world.well(self.place(node)) and not self.world.dark(node)

    def waits(self, *, wanted: bool) -> None:
        """Have commits wait for a standby, or for none."""
        if wanted is not self.synchronous:
            self.synchronous, self.waited_since = wanted, self.world.now

    def leads(self, node: str) -> None:
        """Have another member lead from now on; nobody where it is empty."""
        if node == self.leader:
            return
        if node and self.leader:
            self.changed_at = self.world.now
        if node:  # commits wait for nobody until it has chosen
            self.stood |= {one: self.world.now for one in (self.standby, self.leader) if one}
            self.led, self.standby = node, ""
        self.leader, self.gone_at = node, None
        self.world.told(f"{node or 'nobody'} leads {self.job}")
        if node:
            self.timeline += 1
            self.members[node].timeline, self.members[node].lag = self.timeline, 0

    def mend(self) -> None:
        """Have people make every copy follow again."""
        self.paused_since, self.way = None, ""
        self.mute.clear()
        self.late.clear()
        for one in self.members.values():
            one.lag, one.astray, one.timeline = 0, False, self.timeline


def databases_of(world: "World") -> Mapping[str, Database]:
    """Return the databases of a site, all well."""
    site = world.site
    return {
        name: Database(world, job, site.crews[site.jobs[job].group].nodes)
        for name, job in site.databases.items()
    }
