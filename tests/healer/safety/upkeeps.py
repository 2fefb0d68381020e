"""What the judge holds against upkeep: reboot locks, rolls and maintenance. Who is away is what the journal says.

Rules, from docs/healer.md: a node is locked before anything of it is taken, and unlocked after all of it is back; a
lock ends by the node's own word, a person's, or where it could not be taken; nothing goes on or through a held node.
What cluster.yml has no more nobody can be asked to give back: it is left there for people, and the upkeep's last word
says so. What counts is cluster.yml as it is at that moment, whatever it has again later.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from healer.core import upkeep_events as ue
from healer.core.actions import ADMIT, LOCK, MARKING, UNLOCK, Args, lasting, mark_of, subject_of
from healer.core.alert import Target
from healer.core.attempt import Outcome
from healer.core.order import Order
from healer.core.upkeep_events import Kind, Move
from tests.healer.safety import copies
from tests.healer.safety.charters import Charter
from tests.healer.safety.site import Site

if TYPE_CHECKING:
    from tests.healer.safety.oracle import Oracle

UNDOING = {undo: verb for verb, undo in MARKING.items()} | {ADMIT: copies.SWITCHOVER}

ON_THE_WAY = 5.0
"""Seconds that a node's word, or a person's, is on its way at most."""

HEARD_OF = 10.0
"""Seconds after which the slowest Alertmanager has what Prometheus tells it."""

Place = tuple[str, str, Args]
Mark = tuple[str, str, str]
"""A gate, a verb and what it is about."""


@dataclass
class Away:
    """One upkeep that is not over.

    Attributes:
        began: By the simulation's own time.
        began_at: By the healer's word.
        charter: What cluster.yml said when it was decided.
        done: Verbs that are done at a place, and were not taken back.
    """

    id: str
    kind: Kind
    node: str
    roll: str
    began: float
    began_at: float | None
    charter: Charter
    done: set[Place] = field(default_factory=set)

    @property
    def owner(self) -> str:
        return f"lock:upkeep-{self.began_at:.0f}.{self.id}"


@dataclass
class Upkeeps:
    """Every upkeep as it becomes durable.

    Attributes:
        away: Those that are not over, by id.
        intents: Their actions, by the action's id.
        words: When each node, or a person for it, said last that it may come back.
        back_at: When each node came back last.
        under: What cluster.yml said when each action was intended.
        left: Marks that were left behind: where they stand, and whose they are.
    """

    oracle: "Oracle"
    away: dict[str, Away] = field(default_factory=dict)
    intents: dict[str, ue.UpkeepActionIntended] = field(default_factory=dict)
    words: dict[str, float] = field(default_factory=dict)
    back_at: dict[str, float] = field(default_factory=dict)
    under: dict[str, Charter] = field(default_factory=dict)
    left: set[tuple[Mark, str]] = field(default_factory=set)

    @property
    def nodes(self) -> frozenset[str]:
        """The nodes that are away: a lock of a dead node's is one as well."""
        return frozenset(one.node for one in self.away.values())

    def recorded(self, event: object) -> None:
        """Judge one word of the journal."""
        match event:
            case ue.UpkeepBegan():
                self._began(event)
            case ue.UpkeepActionIntended():
                self._intended(event)
            case ue.UpkeepActionEnded(upkeep, action_id, outcome) if upkeep in self.away:
                self._ended(self.away[upkeep], self.intents[action_id], outcome)
            case ue.UpkeepMoved(upkeep, Move.END, why):
                self._lets_go(self.away[upkeep], why)
            case ue.UpkeepMoved(upkeep, Move.RETURNED, _, detail):
                one = self.away.pop(upkeep)
                self.back_at[one.node] = self.oracle.world.now
                self._leaves(one, detail)
            case _:
                pass

    # --- That a node is taken ---------------------------------------------------------------

    def _began(self, event: ue.UpkeepBegan) -> None:
        oracle = self.oracle
        charter = oracle.current
        one = Away(
            *(event.upkeep, event.kind, event.node, event.roll),
            *(oracle.world.now, event.began_at, charter),
        )
        said = f"upkeep {one.id} ({one.kind.value}) of {one.node}"
        with oracle.as_of(charter):
            for why in self._against(one) if one.node in charter.site.racks else ("not described",):
                oracle.says(f"{said}: {why}")
            if one.node in charter.site.racks:
                oracle.leaves_enough(LOCK, one.node, said)
        self.away[one.id] = one

    def _against(self, one: Away) -> Iterator[str]:
        """Yield why a node may not be taken now, but for how many are left of its groups."""
        oracle, asked = self.oracle, one.kind is Kind.PERSON
        mine = oracle.taken(LOCK, Target(one.node))
        if oracle.frozen:
            yield "a person has frozen all"
        if one.node in oracle.held:
            yield "a person holds it"
        for other in self.away.values():
            theirs = oracle.taken(LOCK, Target(other.node)) if self._known(other) else None
            together = one.roll and one.roll == other.roll
            if other.node == one.node or (theirs and mine.near(theirs) and not together):
                yield f"{other.node} is away for upkeep {other.id}"
        for action_id, other_taken in oracle.unproved.items():
            if mine.near(other_taken) and (other_taken.crews or other_taken.targets):
                yield f"{other_taken.verb} on {other_taken.node} is not proved, {action_id}"
        site = oracle.site
        if one.kind is Kind.ROLL and any(site.crews[crew].control for crew in mine.crews):
            yield "the control plane"
        if not asked and any(site.jobs[job].stores for job in site.jobs_on(one.node)):
            yield "what it stores may be lost"
        if not asked and not oracle.renamed:
            yield from self._fires(mine.crews)
        for database in oracle.world.databases.values():
            others = [node for node in database.nodes if node != one.node]
            if one.node in database.nodes and (not asked or database.leader == one.node):
                good = [node for node in others if database.was_good(node, oracle.lag)]
                if not good:
                    yield f"no other copy of {database.job} is good"

    def _known(self, other: Away) -> bool:
        return other.node in self.oracle.site.racks

    def _fires(self, crews: frozenset[str]) -> Iterator[str]:
        """Yield the critical alerts in its groups that everybody has heard of."""
        oracle = self.oracle
        members = {node for crew in crews for node in oracle.site.crews[crew].nodes}
        for alert in oracle.prometheus.active.values() if oracle.prometheus is not None else ():
            told = oracle.world.now - oracle.prometheus_seconds(alert.began_at)
            heard = told > oracle.lag + HEARD_OF
            if heard and alert.target.node in members and oracle.site.has(alert.target, ""):
                yield f"{alert.fingerprint} fires for {told:.0f} s"

    # --- What is done for it ----------------------------------------------------------------

    def _intended(self, event: ue.UpkeepActionIntended) -> None:
        oracle, one = self.oracle, self.away[event.upkeep]
        said = f"{event.action_id} {event.action} at {event.gate} for upkeep {one.id} of {one.node}"
        if event.action_id in self.intents or event.action_id in oracle.intents:
            oracle.says(f"{event.action_id} is intended twice")
        self.intents[event.action_id] = event
        self.under[event.action_id] = oracle.current
        if oracle.frozen:
            oracle.says(f"{said} is intended while a person has frozen all")
        for node in {event.gate, one.node} & oracle.held:
            oracle.says(f"{said} is intended while a person holds {node}")
        back = event.action in UNDOING
        if event.gate in self.nodes - {one.node} and not back:
            oracle.says(f"{said} goes through {event.gate}, which is away itself")
        place = self._place(event)
        if event.action in MARKING and place in one.done:
            oracle.says(f"{said} is done already")
        if back and not self._to_undo(one, event):
            oracle.says(f"{said} is taken back already")

    def _place(self, event: ue.UpkeepActionIntended) -> Place:
        return event.action, event.gate, lasting(event.args)

    def _to_undo(self, one: Away, event: ue.UpkeepActionIntended) -> bool:
        """Whether there may be something to take back: it was tried, and nobody says that it is taken back."""
        return (f"-{event.action}", event.gate, lasting(event.args)) not in one.done

    def _ended(self, one: Away, event: ue.UpkeepActionIntended, outcome: Outcome) -> None:
        if outcome is not Outcome.DONE:
            return
        verb, gate, args = self._place(event)
        if verb in MARKING:
            one.done |= {(verb, gate, args)}
            one.done -= {(f"-{MARKING[verb]}", gate, args)}
        elif verb in UNDOING:
            marks = [mark for mark, undo in MARKING.items() if undo == verb]
            one.done -= {(mark, gate, args) for mark in marks}
            one.done |= {(f"-{verb}", gate, args)}

    def begins(self, gate: str, order: Order, event: ue.UpkeepActionIntended) -> None:
        """Judge an effect as it begins, by the marks that stand on the gates now."""
        oracle = self.oracle
        one = self.away.get(event.upkeep)
        if one is None:
            oracle.says(
                f"{order.action_id} {order.verb} begins for upkeep {event.upkeep}, which is over"
            )
            return
        said = f"{order.action_id} {order.verb} at {gate} for upkeep {one.id} of {one.node}"
        locked = one.owner in oracle.owners.get((one.node, LOCK, one.node), ())
        if order.verb not in (LOCK, UNLOCK) and order.verb not in UNDOING and not locked:
            oracle.says(f"{said} begins, and {one.node} is not locked")
        if order.verb == UNLOCK:
            site = self.under[order.action_id].site
            for at, verb, subject in self._standing(one):
                if verb != LOCK and describes(site, (at, verb, subject)):
                    oracle.says(f"{said} begins, and {verb} of {subject} stands at {at}")
        with oracle.as_of(one.charter):
            if order.verb.startswith("database."):
                settled = oracle.numbers.owner_settled_database
                for why in copies.objections(oracle.world, gate, order, settled, oracle.lag):
                    oracle.says(f"{said}: {why}")
            if order.verb in ("node.patch", "node.reboot"):
                oracle.leaves_enough(order.verb, one.node, said)

    # --- What it ends by --------------------------------------------------------------------

    def _standing(self, one: Away) -> list[Mark]:
        return [mark for mark, owners in self.oracle.owners.items() if one.owner in owners]

    def _leaves(self, one: Away, detail: str) -> None:
        """Note what it leaves behind, and see that its last word tells people how each of that is ended."""
        for mark in self._standing(one):
            if describes(self.oracle.current.site, mark):
                continue
            self.left.add((mark, one.owner))
            gate, verb, subject = mark
            command = f"hale-gate {MARKING[verb].partition('.')[2]}"
            if f"on {gate}: {command}{'' if verb == LOCK else f' {subject}'} --all" not in detail:
                self.oracle.says(
                    f"upkeep {one.id} of {one.node} is over, and does not tell of {verb} of {subject} at {gate}"
                )

    def _lets_go(self, one: Away, why: str) -> None:
        word = self.words.get(one.node)
        late = word is None or word < one.began - ON_THE_WAY
        if why == "ended" and late:
            self.oracle.says(f"upkeep {one.id} of {one.node} is ended, and nobody said so")

    def says_so(self, node: str) -> None:
        """Note that a node, or a person for it, says that it may come back."""
        self.words[node] = self.oracle.world.now

    def granted(self, node: str, upkeep: str) -> None:
        """Judge an answer that lets a node reboot, by the marks that stand on the gates now."""
        oracle, one = self.oracle, self.away.get(upkeep)
        said = f"upkeep {upkeep} lets {node} reboot"
        if one is None or one.node != node or one.kind is not Kind.LOCK:
            oracle.says(f"{said}, and is none of its own that goes on")
            return
        for gate, verb, subject in self._marks(one):
            if one.owner not in oracle.owners.get((gate, verb, subject), ()):
                oracle.says(f"{said}, and {verb} of {subject} does not stand at {gate}")
        for database in oracle.world.databases.values():
            if database.leader == node and oracle.world.well(database.place(node)):
                oracle.says(f"{said}, and it leads {database.job}")

    def _marks(self, one: Away) -> Iterator[Mark]:
        """Yield the marks that have to stand, as cluster.yml had them; of balancers at those that never were away."""
        world, site = self.oracle.world, one.charter.site
        yield one.node, LOCK, one.node
        if self.oracle.changed_at > one.began:
            return
        for pool, (balancers, members, _) in site.pools.items():
            for gate in (
                site.crews[balancers].nodes if one.node in site.crews[members].nodes else ()
            ):
                away = world.dark(gate) or world.light_since.get(gate, -1000.0) > one.began
                if not away:
                    yield gate, "pool.drain", f"{pool}/{one.node}"
        for address, (_, crew) in site.addresses.items():
            if one.node in site.crews[crew].nodes:
                yield one.node, "address.decline", address


def describes(site: Site, mark: Mark) -> bool:
    """Whether somebody of cluster.yml can be asked to take a mark back: it has the gate, and there what it is about."""
    gate, verb, subject = mark
    what, _, member = subject.partition("/")
    if gate not in site.racks:
        return False
    if verb == "pool.drain":
        balancers, members, _ = site.pools.get(what, ("", "", ""))
        known = what in site.pools and gate in site.crews[balancers].nodes
        return known and member in site.crews[members].nodes
    if verb == copies.BAR:
        return site.databases.get(what) in site.jobs
    return True


def stands(gate: str, order: Order) -> Mark:
    """Return where a mark stands that an order sets, as gates name it."""
    return gate, mark_of(order.verb), subject_of(order.args) or gate
