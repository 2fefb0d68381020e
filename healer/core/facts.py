"""What the guards may know. The shell gathers it freshly for each decision; what could not be read is None."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property

from healer.core.actions import GIVING_BACK, LOCK, Scope, action_of
from healer.core.alert import Known, Target
from healer.core.attempt import Attempt
from healer.core.footprint import Footprint, disrupts
from healer.core.holders import Holders
from healer.core.incident import Incident
from healer.core.ladder import Ladder, Mode, Rung
from healer.core.look import NOT_ASKED, READY, Heard
from healer.core.picture import Picture
from healer.core.steady import Now
from healer.core.storm import Weather
from healer.core.taken import Marks, Taken
from healer.core.topology import Topology


@dataclass(frozen=True, slots=True)
class Reading:
    """The newest sample of one series.

    Attributes:
        value: None where the series is not there.
        sampled_at: The sample's own time, by Prometheus' clock; None as for value.
        now: Prometheus' time when it answered.
    """

    value: float | None
    sampled_at: float | None
    now: float

    @property
    def age(self) -> float | None:
        """Seconds since the sample was taken, by Prometheus' clock alone."""
        return None if self.sampled_at is None else self.now - self.sampled_at


@dataclass(frozen=True, slots=True)
class Evidence:
    """What Prometheus says of an alert's own rule, for exactly its labels.

    Attributes:
        firing: Whether the expression gives a sample with the alert's labels now; None where
            Prometheus has no such rule.
        reading: The series that the rung verifies with, for the alert's target.
    """

    firing: bool | None
    reading: Reading


AT_ITS_GATE = "locked at its own gate"
"""Of a node that the journal knows no upkeep of."""


class Health(Enum):
    """How a member of a group is."""

    SERVING = "serving"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Running:
    """An action of another incident that has not been proved yet."""

    incident: str
    action: str
    target: Target
    footprint: Footprint

    @property
    def disrupts(self) -> bool:
        """Whether anybody could notice the action."""
        return disrupts(self.action, self.footprint)


@dataclass(frozen=True, slots=True)
class Past:
    """An attempt of any incident, for budgets, cooldowns and the success record."""

    incident: str
    alert_name: str
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Standing:
    """How the healer itself stands.

    Attributes:
        leader: Whether its lease holds.
        watchdog_age: Seconds since the Watchdog alert was refreshed; None if it is not heard.
        clock_jumped: Whether the wall clock moved against CLOCK_BOOTTIME; None if that is unknown.
        frozen: Reasons of the freezes that people set.
        held: Nodes that people hold, each with why, by whom and until when.
        silenced: Fingerprints of alerts that fire now and that a person silenced.
        at_work: What silenced alerts that fire now are about, each with an alert's name.
        groups_at_work: The same of alerts about groups as a whole, by group.
        weather: Whether nodes vanish together, up to the last look.
        holders: Who holds each virtual address, up to the last look.
        taken: What each gate keeps away, up to the last look.
        sight_complete: Whether every Alertmanager peer answered the last time that is not on a node that everybody
            misses.
        armed_at: Since when alerts that begin are ours; None before the first complete look.
        pre_existing: By what is known again that was firing when we were armed and was not seen clear since.
        by_hand: Those that a person closed since then, and that were not seen clear either.
    """

    leader: bool
    watchdog_age: float | None
    clock_jumped: bool | None
    frozen: tuple[str, ...]
    sight_complete: bool
    armed_at: float | None
    pre_existing: frozenset[Known]
    by_hand: frozenset[Known] = frozenset()
    silenced: frozenset[str] = frozenset()
    at_work: Mapping[Target, str] = field(default_factory=dict)
    groups_at_work: Mapping[str, str] = field(default_factory=dict)
    held: Mapping[str, str] = field(default_factory=dict)
    weather: Weather = field(default_factory=Weather)
    holders: Holders = field(default_factory=Holders)
    taken: Taken = field(default_factory=Taken)


@dataclass(frozen=True)  # without slots, so that it can keep what it works out
class Facts:
    """Everything one decision rests on.

    Attributes:
        now: Epoch seconds of the healer.
        evidence: None where Prometheus did not answer.
        told: Whether every series that the alert's rule saw when it began still has fresh samples; None where nobody
            can say, or where that was not asked, since the rule is true.
        gates: What each gate that the decision needs said, by node.
        picture: None where Prometheus did not answer.
        outside: The service's probe from the healer's node; None where it has none or it did not run.
        rested: Seconds since each attempt of the incident ended, by its action's id, as the shell counted them; of
            one that is missing the wall clock says it.
        running: Actions of other incidents.
        past: Every attempt of the last 30 days, oldest first, this incident's included: the success record. Each says
            what was done, where, for which alert, and how it ended.
        alike: Incidents of other members of the group with the same alert about the same service,
            closed ones included.
        marked: Every mark that the journal's incidents may have set, as (mark, subject, gate).
        locked: Nodes that an upkeep of the journal keeps away, each with what it is.
        together: Nodes that one roll keeps away at the same time, as it was asked to.
        ahead: By how much the healer's wall clock has been set forward (healer.core.steady).
    """

    now: float
    topology: Topology
    standing: Standing
    evidence: Evidence | None = None
    told: bool | None = None
    gates: Mapping[str, Heard] = field(default_factory=dict)
    picture: Picture | None = None
    outside: bool | None = None
    rested: Mapping[str, float] = field(default_factory=dict)
    running: tuple[Running, ...] = ()
    past: tuple[Past, ...] = ()
    alike: tuple[Incident, ...] = ()
    marked: frozenset[tuple[str, str, str]] = frozenset()
    locked: Mapping[str, str] = field(default_factory=dict)
    together: frozenset[str] = frozenset()
    ahead: float = 0.0

    @property
    def steady(self) -> float:
        """The instant of the decision in steady time: what was before is counted in it."""
        return Now(self.now, self.ahead).steady

    @cached_property
    def weather(self) -> Weather:
        """Whether nodes vanish together, by the decision's own picture too: it is newer than the last look."""
        return self.standing.weather.after(self.picture, self.topology)

    @cached_property
    def holders(self) -> Holders:
        """Who holds each virtual address, by the decision's own picture too."""
        return self.standing.holders.after(self.picture, self.topology)

    def since(self, attempt: Attempt) -> float | None:
        """Return how many seconds ago an attempt of the incident ended; None where it has not."""
        if attempt.ended_at is None:
            return None
        return self.rested.get(attempt.action_id, self.steady - attempt.over)

    @property
    def majority(self) -> bool:
        """Whether most of the nodes are seen, so that we are not the ones who are cut off."""
        seen = 0 if self.picture is None else self.picture.seen(self.topology.nodes)
        return seen * 2 > len(self.topology.nodes)

    def later(self, now: Now, seconds: float) -> "Facts":
        """Return the facts after they waited for their turn: every sample is as much older.

        Args:
            now: The instant that it is then.
            seconds: For how long they waited, by a clock that never jumps.
        """
        evidence = self.evidence
        if evidence is not None:
            reading = replace(evidence.reading, now=evidence.reading.now + seconds)
            evidence = replace(evidence, reading=reading)
        return replace(self, now=now.wall, ahead=now.ahead, evidence=evidence)

    def heard(self, node: str) -> Heard:
        """What a node's gate said."""
        return self.gates.get(node, NOT_ASKED)

    def out_of(self, group: str) -> frozenset[str]:
        """The members of a group that something keeps out: a mark, a person at a balancer, or that nobody can say."""
        topology = self.topology
        members = topology.groups[group].nodes
        out = {node for node in members if self.lock_of(node) is not None}
        pools = [pool for pool in topology.pools.values() if pool.members == group]
        here = [address.name for address in topology.addresses.values() if address.group == group]
        out |= {node for node in members for name in here if self._declined(node, name)}
        for pool in pools:
            for balancer in topology.groups[pool.balancers].nodes:
                out |= {node for node in members if self._withheld(balancer, pool.name, node)}
        return frozenset(out)

    def lock_of(self, node: str) -> str | None:
        """Say for what a node is locked, by the journal, its gate or its exporter; None where nobody says so."""
        return self.locks.get(node)

    @cached_property
    def locks(self) -> Mapping[str, str]:
        """Every node that is locked, and for what; of thousands only these few are looked at."""
        told = set(self.standing.taken.locked)
        told |= {
            one.node for one in (self.picture.marks if self.picture else ()) if one.mark == LOCK
        }
        told |= {
            node
            for node, heard in self.gates.items()
            if heard.look is not None and any(one.mark == LOCK for one in heard.look.marks or ())
        }
        return {**dict.fromkeys(told, AT_ITS_GATE), **self.locked}

    def _withheld(self, balancer: str, pool: str, member: str) -> bool:
        """Whether a balancer sends a member nothing new because somebody wants it so, or may want it so."""
        look, marks = self.heard(balancer).look, self._marks_at(balancer)
        seen = look.member(pool, member) if look is not None else None
        by_hand = seen is not None and seen.admin != READY
        return by_hand or marks is None or ("pool.drain", f"{pool}/{member}") in marks

    def _declined(self, node: str, address: str) -> bool:
        marks = self._marks_at(node)
        return marks is None or ("address.decline", address) in marks

    def _marks_at(self, node: str) -> Marks | None:
        """Return what stands at a node's gate, whoever says so: journal, gate, exporter; None where nobody can."""
        look, told = self.heard(node).look, self.standing.taken.after(self.picture).told.get(node)
        unread = look is not None and look.marks is None
        if unread or (look is None and told is None and not self._dead(node)):
            return None
        ours = {(mark, subject) for mark, subject, gate in self.marked if gate == node}
        seen = {(one.mark, one.subject) for one in (look.marks or () if look is not None else ())}
        return frozenset(ours | seen | (told or frozenset()))

    def _dead(self, node: str) -> bool:
        """Whether nobody hears of a node, so that what it would keep away makes no difference."""
        health = self.picture.nodes.get(node) if self.picture is not None else None
        return health is not None and health.scraped is False and health.reached is False

    def health(self, group: str, node: str) -> Health:
        """How one member of a group is: serving only if every service of the group on it is, and VRRP lets it.

        A candidate for a virtual address that VRRP would not give it to is none who could serve.
        """
        if self.picture is None:
            return Health.UNKNOWN
        # Thousands of decisions may rest on one picture.
        known, key = self.picture.healths, (self.topology.digest, group, node)
        if key not in known:
            known[key] = _health(self.picture, group, node, self.topology).value
        return Health(known[key])


def _health(picture: Picture, group: str, node: str, topology: Topology) -> Health:
    wanted = [
        Target(node, service.name)
        for service in topology.services.values()
        if service.group == group
    ]
    up = [picture.services.get(target) for target in wanted]
    up += [
        picture.candidates.get(one.address, {}).get(node)
        for one in topology.addresses.values()
        if one.group == group
    ]
    if not up:
        seen = picture.nodes.get(node)
        if seen is None or seen.scraped is None:
            return Health.UNKNOWN
        return Health.SERVING if seen.scraped else Health.DOWN
    if None in up:
        return Health.UNKNOWN
    return Health.SERVING if all(up) else Health.DOWN


@dataclass(frozen=True, slots=True)
class Proposal:
    """One action that might be taken for one incident.

    Attributes:
        gate: The node whose gate would act.
        args: What the verb is told, as names and values.
        look: The name under which that gate sees what would be touched.
        unit: The systemd unit behind the target; empty where there is none.
        mode: How far the owners of the ladder and of every group in the footprint let us go.
        footprint: All that it takes away, as far as known.
        expectation: Digest of the state that the action expects to find, empty before a gate answered.
    """

    incident: Incident
    ladder: Ladder
    rung_index: int
    rung: Rung
    target: Target
    gate: str
    args: tuple[tuple[str, str], ...]
    look: str
    unit: str
    mode: Mode
    footprint: Footprint
    expectation: str = ""

    @property
    def scope(self) -> Scope:
        """What its verb works on."""
        return action_of(self.rung.action).scope

    @property
    def takes(self) -> bool:
        """Whether its verb takes something away that may have been serving."""
        return action_of(self.rung.action).takes

    @property
    def disrupts(self) -> bool:
        """Whether anybody could notice the action."""
        return disrupts(self.rung.action, self.footprint)

    @property
    def gives_back(self) -> bool:
        """Whether it only takes a mark back, which it does because the trouble is gone."""
        return self.rung.action in GIVING_BACK
