"""The judge of the simulation: it knows the truth and the journal, and none of the guards.

Every rule is written from the design's promises, over the site as it is described and the world as it is.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from healer.core import events as ev
from healer.core.alert import Target
from healer.core.ladder import Mode
from healer.core.order import Order
from healer.core.topology import Numbers
from tests.healer.safety.charters import Charter
from tests.healer.safety.site import Site
from tests.healer.safety.world import World

if TYPE_CHECKING:
    from tests.healer.safety.monitoring import Prometheus

SCRAPE = 2.0
"""Seconds between two scrapes."""

LEASE = 4.0
"""Seconds for which a leader may act on what it knew before it stood still."""

RENAMED = ("d3", "d5")
"""Digests of topologies whose failure domains have other names than those that Prometheus has."""

TAKING = ("service.restart", "node.reboot", "pool.drain", "address.decline", "node.fence")

MARKING = ("pool.drain", "address.decline", "node.fence")

GIVING = ("pool.return", "address.accept", "node.unfence")

WHOLE = ("node.reboot", "node.fence")
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
class Oracle:
    """Everything that was promised, checked as it happens."""

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
    intents: dict[str, ev.ActionIntended] = field(default_factory=dict)
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
    marks: set[tuple[str, str, str]] = field(default_factory=set)
    renamed: bool = False
    charter: Charter | None = None
    changed_at: float = -1000.0
    under: dict[str, Charter] = field(default_factory=dict)
    given: dict[str, float | None] = field(default_factory=dict)

    def says(self, what: str) -> None:
        self.violations.append(f"{self.world.now:.2f} s: {what}")

    @property
    def lag(self) -> float:
        """Seconds after which nobody may act any more on how things were: evidence, lease and nonce have run out."""
        return self.numbers.evidence_age + SCRAPE + LEASE + 2.0

    @property
    def drained(self) -> set[tuple[str, str]]:
        """Members that some balancer keeps out, as (pool, member)."""
        return {(pool, member) for _, pool, member in self.marks}

    # --- What the journal says ---

    def recorded(self, event: ev.Event) -> None:
        match event:
            case ev.HealerStarted(digest=digest):
                self.terms = event.term
                self._described(digest)
            case ev.ConfigReloaded(digest=digest):
                self._described(digest)
            case ev.Armed():
                self._armed()
            case ev.IncidentOpened(incident, cause) | ev.CauseReplaced(incident, cause):
                self._of_rack(incident, cause.target)
                self.troubles[incident], self.names[incident] = cause.target, cause.name
            case ev.IncidentClosed(incident, outcome):
                self._closed(incident, outcome)
            case ev.Frozen():
                self.frozen = True
            case ev.Unfrozen():
                self.frozen = False
            case ev.NodeHeld(node):
                self.held.add(node)
            case ev.NodeReleased(node):
                self.held.discard(node)
            case ev.ApprovalGiven(incident):
                self.yes[incident] = self.world.now
            case ev.IncidentAdopted(incident):
                self.adopted.add(incident)
                self.denied.discard(incident)
                self.failed.clear()  # a person wants it tried again
            case ev.IncidentRetried():
                self.failed.clear()
            case ev.ApprovalDenied(incident):
                self.denied.add(incident)
            case ev.IncidentSettled(incident) if incident in self.troubles:
                self.theirs[self.names[incident], self.troubles[incident]] = self.world.now
            case ev.NodeAdmitted(incident):
                self.let_back.add(incident)
            case ev.ActionIntended():
                self._intended(event)
            case ev.ActionEnded(_, action_id, outcome):
                if outcome.value not in ("done", "unknown"):
                    self.unproved.pop(action_id, None)
                self._helped(action_id, False if outcome.value == "failed" else None)
            case ev.VerificationEnded(_, action_id, verified):
                self.unproved.pop(action_id, None)
                self._helped(action_id, verified)
            case _:
                pass

    def _described(self, digest: str) -> None:
        """Note what cluster.yml says from now on. A yes was to what it said before."""
        self.renamed = digest in RENAMED
        named = {one.digest: one for one in self.charters}
        charter = named.get(digest, Charter(digest, self.site, self.numbers))
        if self.charter is not None and self.charter.digest != digest:
            self.yes.clear()
            self.changed_at = self.world.now
        self.charter = charter

    @contextmanager
    def _as_of(self, charter: Charter) -> Iterator[None]:
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

    def _of_rack(self, incident: str, about: Target) -> None:
        """A lost rack has one incident, only a lost one has, and what fires in it opens none beside it."""
        others = [one for key, one in self.troubles.items() if key != incident]
        if about.domain and about in others:
            self.says(f"incident {incident} is another one about {about}")
        if about.domain and not self.world.lost(about.domain, within=self.lag):
            nodes = self.site.lost_together().get(about.domain, [])
            self.says(f"incident {incident} says that {about} is lost, and {nodes} are not")
        rack = self.site.racks.get(about.node, "")
        inside = incident not in self.troubles and Target("", domain=rack) in others
        if (
            inside
            and not self.renamed
            and self.is_domain(rack)
            and self._gone(about.node, since=self.lag)
        ):
            self.says(f"incident {incident} about {about} is opened beside that of {rack}")

    def _closed(self, incident: str, outcome: str) -> None:
        """What is said to be over was well, or heard of again, at some moment lately."""
        about = self.troubles.pop(incident, None)
        if about is None or outcome not in ("healed", "cleared"):
            return
        said = f"incident {incident} about {about} is {outcome}"
        for node in self.site.lost_together().get(about.domain, []) if about.domain else ():
            if self._gone(node, since=self.lag):
                self.says(f"{said}, and {node} is away for {self.lag:g} s")
        cause = self.names[incident]
        judged = ("ServiceDown", "KernelHang", *self.site.fencing_alerts)
        true = about in self.world.since and cause in judged
        if true and not self._lately(cause, about, bad=False):
            self.says(f"{said}, and was not well for {self.lag:g} s")

    def _gone(self, node: str, *, since: float) -> bool:
        """Whether nobody has heard of a node for so long."""
        at = self.world.dark_since.get(node, -1000.0)
        return self.world.dark(node) and self.world.now - at >= since

    def _armed(self) -> None:
        """Note what Prometheus has known of for a while: that is nobody's to touch until it was well once.

        What was tried before a reload that disarms is ours already. What cluster.yml does not have then is nobody's,
        and is noted by no healer: once it is described again it is ours from its next firing on.
        """
        active = self.prometheus.active.values() if self.prometheus is not None else ()
        now = self.world.now
        self.first = self.first or now
        told = [one for one in active if self.knows(one.target, one.label("heal"))]
        ours = [(one.name, one.target) for one in told if not one.target.domain]
        old = {one for one in ours if now - self.world.lasts(*one)[1] > 2 * SCRAPE + 1}
        self.before |= old - {
            (self.names[one.incident], one.about) for one in self.intents.values()
        }

    def _helped(self, action_id: str, helped: bool | None) -> None:
        intent = self.intents[action_id]
        if intent.action == "service.restart" and helped is not None:
            self.failed.pop(intent.about, None)
            if not helped:
                self.failed[intent.about] = self.world.now

    def _history(self, intent: ev.ActionIntended, said: str) -> None:
        """What was done here, and to those alike, lately."""
        now, key = self.world.now, (intent.action, intent.target)
        for at, incident in self.lately.get(key, []):
            if incident != intent.incident and 0 <= now - at < self.numbers.cooldown - 1:
                self.says(f"{said}: incident {incident} did that {now - at:.1f} s ago")
        recent = [
            at for at, _ in self.lately.get(key, []) if now - at < self.numbers.flapping_window
        ]
        if len(recent) >= self.numbers.flapping:
            self.says(f"{said}: that was done {len(recent)} times")
        self.lately.setdefault(key, []).append((now, intent.incident))
        for other, at in self.failed.items():
            alike = other.service == intent.about.service and other.node != intent.about.node
            still = not self.world.well(other) and self.world.since[other] < at
            # The repair of the first has failed, and it goes on failing for the same reason.
            waits = other in self.troubles.values() and now - at < 10.0
            # Where only one node may run it the others are not alike, but what is tried next.
            job = self.site.jobs.get(other.service or "")
            alike = alike and not (job is not None and job.exclusive)
            if alike and intent.action == "service.restart" and still and waits:
                self.says(f"{said}: the same did not help {other}")

    def _intended(self, event: ev.ActionIntended) -> None:
        if event.action_id in self.intents:
            self.says(f"{event.action_id} is intended twice")
        self.intents[event.action_id] = event
        self.under[event.action_id] = self.charter or Charter("", self.site, self.numbers)
        known = self.under[event.action_id].site.has(event.target, event.ladder)
        if event.action in TAKING and not known:
            self.says(f"{event.action} on {event.target} by {event.ladder}, which nobody described")
        if self.frozen:
            self.says(f"{event.action} on {event.target} is intended while a person has frozen all")
        for node in {event.gate, event.target.node} & self.held:
            self.says(f"{event.action} on {event.target} while a person holds {node}")
        if event.action not in TAKING:
            return
        if event.incident in self.denied:
            self.says(f"{event.action} on {event.target}: a person said no to {event.incident}")
        self.given[event.action_id] = self.yes.get(event.incident)
        with self._as_of(self.under[event.action_id]):
            mine = self.taken(event.action, event.target)
            for other_id, other in self.unproved.items():
                self._together(mine, other, f"before {other_id} was proved")
        self.unproved[event.action_id] = mine

    # --- What happens on the nodes ---

    def effect_begins(self, gate: str, order: Order) -> None:
        self.effects[order.action_id] += 1
        intent = self.intents.get(order.action_id)
        if intent is None:
            self.says(f"{order.action_id} begins and was never durable")
            return
        if self.effects[order.action_id] > 1:
            self.says(f"{order.action_id} begins twice")
        if (order.verb, gate, order.args) != (intent.action, intent.gate, intent.args):
            self.says(f"{order.action_id} is not what was intended")
        if int(order.action_id.split(".")[1]) != self.terms:
            self.says(f"{order.action_id} begins under a newer leader, of term {self.terms}")
        with self._as_of(self.under[order.action_id]):
            self._begins(gate, order, intent)

    def _begins(self, gate: str, order: Order, intent: ev.ActionIntended) -> None:
        """Judge an effect by what cluster.yml said when it was decided."""
        target = self._aimed(gate, order)
        if target is None:
            self.says(f"{order.verb} {dict(order.args)} at {gate}: nothing known")
        elif order.verb not in GIVING:
            self._taking(order, target, intent)
        elif order.verb == "node.unfence":
            if intent.incident not in self.let_back:
                self.says(f"{target.node} is switched on, and nobody admitted it")
        elif not self._lately(self.names[intent.incident], intent.about, bad=False):
            self.says(f"{intent.about} is given back and was not well for {self.lag:g} s")

    def effect_ends(self, action_id: str) -> None:
        self.running.pop(action_id, None)

    def _aimed(self, gate: str, order: Order) -> Target | None:
        """What a request is about, by its words alone."""
        told = dict(order.args)
        if order.verb == "service.restart":
            job = told["unit"].removesuffix(".service")
            return Target(gate, job) if job in self.site.jobs_on(gate) else None
        if order.verb == "node.reboot":
            return Target(gate) if gate in self.site.racks else None
        if order.verb in ("node.fence", "node.unfence"):
            return Target(told["node"]) if gate in self.site.fencing.get(told["node"], ()) else None
        if "address" in told:
            _, crew = self.site.addresses.get(told["address"], ("", ""))
            return Target(gate) if crew and gate in self.site.crews[crew].nodes else None
        if told["pool"] not in self.site.pools:
            return None
        balancers, members, job = self.site.pools[told["pool"]]
        known = gate in self.site.crews[balancers].nodes
        inside = told["member"] in self.site.crews[members].nodes
        return Target(told["member"], job) if known and inside else None

    def taken(self, verb: str, target: Target) -> Taken:
        site, node = self.site, target.node
        if verb in WHOLE:
            gone, crews = set(site.jobs_on(node)), site.crews_of(node)
        elif verb == "pool.drain":
            gone = {target.service or ""}
            crews = {members for _, members, job in site.pools.values() if job in gone}
        elif verb == "address.decline":
            crews = {one for _, one in site.addresses.values() if node in site.crews[one].nodes}
            gone = set[str]()
        else:
            gone = site.stopped_with(target.service or "", node)
            crews = {site.jobs[one].group for one in gone}
        places = {Target(node, one) for one in gone} | ({Target(node)} if verb in WHOLE else set())
        return Taken(verb, node, frozenset(places), frozenset(crews), site.racks[node])

    def _taking(self, order: Order, target: Target, intent: ev.ActionIntended) -> None:
        mine, said = self.taken(order.verb, target), f"{order.action_id} {order.verb} on {target}"
        self._policy(mine, intent, said)
        self._history(intent, said)
        self._stopped(intent, said)
        if not self._lately(self.names[intent.incident], intent.about, bad=True):
            self.says(f"{said}, and {intent.about} was well for {self.lag:g} s")
        for other_id, other in self.running.items():
            # Of two that are on their way either may arrive first; the one that was decided later had to be out.
            if other_id not in self.excused:
                self._together(mine, other, f"while {other_id} runs")
        if self._out(mine):
            self.excused.add(order.action_id)
        for crew in mine.crews:
            self._enough(crew, mine, said)
        for place in mine.targets if order.verb != "node.fence" else ():
            self._exclusive(place, said)
        self._storm(said)
        self.running[order.action_id] = mine
        self.done.append((self.world.now, mine))

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

    def _serving(self, crew: str, node: str) -> bool:
        """Whether a member may be thought to serve: all its services did lately, and nobody took it."""
        jobs = [name for name, job in self.site.jobs.items() if job.group == crew]
        running = any(node == one.node and crew in one.crews for one in self.running.values())
        out = any(
            (name, node) in self.drained for name, one in self.site.pools.items() if one[1] == crew
        )
        out |= any(
            (name, node) in self.world.declined
            for name, one in self.site.addresses.items()
            if one[1] == crew
        )
        lately = all(self.world.was(Target(node, job), well=True, within=self.lag) for job in jobs)
        if not jobs:
            lately = (
                not self.world.dark(node) or self.world.now - self.world.dark_since[node] < self.lag
            )
        return lately and not running and not out

    def _enough(self, crew: str, mine: Taken, said: str) -> None:
        about = self.site.crews[crew]
        left = [one for one in about.nodes if one != mine.node and self._serving(crew, one)]
        if self._serves(crew, mine) and len(left) < about.floor:
            self.says(f"{said} leaves {left} of {crew}, which needs {about.floor}")
        if about.votes and mine.verb not in MARKING and len(left) * 2 <= len(about.nodes):
            self.says(f"{said} leaves {left} of {crew}, which is no majority")

    def _exclusive(self, place: Target, said: str) -> None:
        job = self.site.jobs.get(place.service or "")
        if job is None or not job.exclusive:
            return
        for node in self.site.crews[job.group].nodes:
            other = Target(node, place.service)
            if node != place.node and not self.world.was(other, well=False, within=self.lag):
                self.says(f"{said} starts {place.service}, which {node} runs")
            if node != place.node and self._started(other):
                self.says(f"{said} starts {place.service}, which Hale started on {node}")

    def _started(self, place: Target) -> bool:
        """Whether a unit runs, or is about to, since Hale started it: that is never news to it."""
        unit = self.world.units[place]
        runs = self.world.nodes[place.node].up and unit.state in ("active", "activating")
        return runs and any(
            place in one.targets and 0 <= unit.changed_at - at <= STARTED_WITHIN
            for at, one in self.done
            if one.verb == "service.restart"
        )

    def _lately(self, cause: str, about: Target, *, bad: bool) -> bool:
        """Whether it was so, or not so, at any moment of late."""
        so, since = self.world.lasts(cause, about)
        return so is bad or self.world.now - since <= self.lag

    def _storm(self, said: str) -> None:
        """Nodes that vanished long enough ago to be seen, and lately enough to belong together."""
        now, since = self.world.now, self.world.dark_since
        gone = [
            one
            for one in self.site.racks
            if self.world.dark(one) and self.lag < now - since[one] < self.numbers.storm_window
        ]
        racks = {self.site.racks[one] for one in gone}
        least = max(
            self.numbers.storm_targets, int(self.numbers.storm_share * len(self.site.racks)) + 1
        )
        if len(gone) >= least and len(racks) >= self.numbers.storm_domains:
            self.says(f"{said} in a storm: {gone} vanished")
        unseen = [
            one for one in self.site.racks if self.world.dark(one) and now - since[one] > self.lag
        ]
        if len(unseen) * 2 >= len(self.site.racks):
            self.says(f"{said} without a majority: {unseen} are not seen")

    def _stopped(self, intent: ev.ActionIntended, said: str) -> None:
        """What people and the healer's own sight say no to."""
        about, now = intent.about, self.world.now
        cause = self.names[intent.incident]
        lasts, since_when = self.world.lasts(cause, about)
        untouched = since_when < self.first and lasts
        if (cause, about) in self.before and untouched and intent.incident not in self.adopted:
            self.says(f"{said}: {about} failed before it was armed")
        settled = self.theirs.get((cause, about))
        went_on = settled is not None and since_when < settled
        if went_on and lasts and intent.incident not in self.adopted:
            self.says(f"{said}: a person closed {about} by hand, and it was not well since")
        for key, since in self.silenced.items():
            if key.partition(":")[2] == str(about) and now - since > self.lag:
                self.says(f"{said}: {key} is silenced for {now - since:.1f} s")
        other = [
            Target(node, about.service)
            for name, job in self.site.jobs.items()
            if name == about.service
            for node in self.site.crews[job.group].nodes
            if node != about.node
        ]
        if (
            intent.action == "service.restart"
            and self.world.units[self._unit_of(intent)].state == "active"
        ):
            since = self.world.since[about]
            for one in other:
                # What a node that was gone says once it is back is told anew, and is looked at as new.
                if self.world.light_since.get(about.node, -1000.0) > since:
                    continue
                # One that another failure on its node explains does not fail for the same reason.
                own = one in self.troubles.values() and not self.world.well(one)
                together = own and abs(self.world.since[one] - since) < 5.0
                if (
                    together
                    and not self.world.dark(one.node)
                    and now - self.world.since[one] > self.lag
                ):
                    self.says(f"{said}: it runs and fails together with {one}")

    def _policy(self, mine: Taken, intent: ev.ActionIntended, said: str) -> None:
        now, crews = self.world.now, self.site.crews
        if any(crews[one].control for one in self.site.crews_of(mine.node)):
            self.says(f"{said}: the control plane")
        owners = {crews[one].mode for one in mine.crews}
        if Mode.EXPLAIN in owners:
            self.says(f"{said}: its owner lets Hale explain only")
        if Mode.APPROVE in owners or intent.action in self.site.asks:
            given = self.given[intent.action_id]
            if given is None or now - given > self.numbers.approval_seconds + self.lag:
                self.says(f"{said}: nobody said yes")
        if mine.verb == "node.reboot" and any(
            self.site.jobs[one].stores for one in self.site.jobs_on(mine.node)
        ):
            self.says(f"{said}: what it stores may be lost")
        recent = [one for at, one in self.done if now - at < self.numbers.budget_window]
        self._spent("cluster", recent, self.numbers.budget_cluster, said)
        self._spent(
            mine.node,
            (one for one in recent if one.node == mine.node),
            self.numbers.budget_node,
            said,
        )
        for crew in mine.crews:
            self._spent(
                crew, (one for one in recent if crew in one.crews), self.numbers.budget_group, said
            )
        if mine.verb == "service.restart":
            unit = self.world.units[self._unit_of(intent)]
            if now - unit.changed_at < self.numbers.owner_settled:
                self.says(f"{said}: systemd changed it {now - unit.changed_at:.2f} s ago")

    def _unit_of(self, intent: ev.ActionIntended) -> Target:
        return Target(intent.gate, dict(intent.args)["unit"].removesuffix(".service"))

    def _spent(self, what: str, recent: Iterable[Taken], most: int, said: str) -> None:
        used = sum(1 for _ in recent)
        if used >= most:
            self.says(f"{said}: {used} actions on {what} already, of {most}")
