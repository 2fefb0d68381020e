"""The judge of the simulation: it knows the truth and the journal, and none of the guards.

Every rule is written from the design's promises, over the site as it is described and the world as it is.
"""

from collections.abc import Iterable, Iterator

from healer.core import incident_events as ie
from healer.core import upkeep_events as ue
from healer.core.actions import LOCK, RESTORE
from healer.core.alert import Target
from healer.core.ladder import Mode
from healer.core.order import Order
from tests.healer.safety import copies
from tests.healer.safety.journaled import Journaled
from tests.healer.safety.known import EPOCH, GIVING, MARKING, STARTED_WITHIN, Taken
from tests.healer.safety.upkeeps import Upkeeps


class Oracle(Journaled):
    """Everything that was promised, checked as it happens: here what is done on the nodes."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.upkeeps = Upkeeps(self)

    def effect_begins(self, gate: str, order: Order) -> None:
        self.effects[order.action_id] += 1
        intent = self.intents.get(order.action_id) or self.upkeeps.intents.get(order.action_id)
        if intent is None:
            self.says(f"{order.action_id} begins and was never durable")
            return
        if self.effects[order.action_id] > 1:
            self.says(f"{order.action_id} begins twice")
        if (order.verb, gate, order.args) != (intent.action, intent.gate, intent.args):
            self.says(f"{order.action_id} is not what was intended")
        if int(order.action_id.split(".")[1]) != self.terms:
            self.says(f"{order.action_id} begins under a newer leader, of term {self.terms}")
        if isinstance(intent, ue.UpkeepActionIntended):
            self.upkeeps.begins(gate, order, intent)
            return
        with self.as_of(self.under[order.action_id]):
            self._begins(gate, order, intent)

    def _begins(self, gate: str, order: Order, intent: ie.ActionIntended) -> None:
        """Judge an effect by what cluster.yml said when it was decided."""
        target = self._aimed(gate, order)
        if target is None:
            self.says(f"{order.verb} {dict(order.args)} at {gate}: nothing known")
            return
        if order.verb.startswith("database."):
            settled = self.numbers.owner_settled_database
            for why in copies.objections(self.world, gate, order, settled, self.lag):
                self.says(f"{order.action_id} {order.verb} on {target}: {why}")
        if order.verb == copies.BAR:
            return
        if order.verb not in GIVING:
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
        if order.verb == RESTORE:
            job = self.site.backups[told["backup"]].job
            return Target(gate, job) if job in self.site.jobs_on(gate) else None
        if "database" in told:
            job = self.site.databases[told["database"]]
            return Target(gate, job) if job in self.site.jobs_on(gate) else None
        if "address" in told:
            _, crew = self.site.addresses.get(told["address"], ("", ""))
            return Target(gate) if crew and gate in self.site.crews[crew].nodes else None
        if told["pool"] not in self.site.pools:
            return None
        balancers, members, job = self.site.pools[told["pool"]]
        known = gate in self.site.crews[balancers].nodes
        inside = told["member"] in self.site.crews[members].nodes
        return Target(told["member"], job) if known and inside else None

    def _taking(self, order: Order, target: Target, intent: ie.ActionIntended) -> None:
        mine, said = self.taken(order.verb, target), f"{order.action_id} {order.verb} on {target}"
        self._policy(mine, intent, said)
        self._history(intent, said)
        self._stopped(intent, said)
        for why in self.restores.begins(target) if order.verb == RESTORE else ():
            self.says(f"{said}: {why}")
        if not self._lately(self.names[intent.incident], intent.about, bad=True):
            self.says(f"{said}, and {intent.about} was well for {self.lag:g} s")
        for other_id, other in self.running.items():
            # Of two that are on their way either may arrive first; the one that was decided later had to be out.
            if other_id not in self.excused:
                self._together(mine, other, f"while {other_id} runs")
        for node in sorted(self.upkeeps.nodes & self.site.racks.keys()):
            lock = self.taken(LOCK, Target(node))
            if node == mine.node or (mine.near(lock) and not self._out(mine)):
                self.says(f"{said} begins, and {node} is away for upkeep")
        if self._out(mine):
            self.excused.add(order.action_id)
        for crew in mine.crews:
            self._enough(crew, mine, said)
        for place in mine.targets if order.verb != "node.fence" else ():
            self._exclusive(place, said)
        self._storm(said)
        self.running[order.action_id] = mine
        self.done.append((self.world.now, mine))

    def _history(self, intent: ie.ActionIntended, said: str) -> None:
        """What was done here, and to those alike, lately."""
        now, key = self.world.now, (intent.action, intent.target)
        for at, incident in self.lately.get(key, []):
            if incident != intent.incident and 0 <= self.ago(at) < self.numbers.cooldown - 1:
                self.says(f"{said}: incident {incident} did that {now - at:.1f} s ago")
        recent = [
            at for at, _ in self.lately.get(key, []) if self.ago(at) < self.numbers.flapping_window
        ]
        if len(recent) >= self.numbers.flapping:
            self.says(f"{said}: that was done {len(recent)} times")
        self.lately.setdefault(key, []).append((now, intent.incident))
        for other, at in self.failed.items():
            alike = other.service == intent.about.service and other.node != intent.about.node
            still = not self.world.well(other) and self.world.since[other] < at
            # The repair of the first has failed, and it goes on failing for the same reason.
            waits = other in self.troubles.values() and self.ago(at) < 10.0
            # Where only one node may run it the others are not alike, but what is tried next.
            job = self.site.jobs.get(other.service or "")
            alike = alike and not (job is not None and job.exclusive)
            if alike and intent.action == "service.restart" and still and waits:
                self.says(f"{said}: the same did not help {other}")

    def _serving(self, crew: str, node: str, told: float = 0.0) -> bool:
        """Whether a member may be thought to serve: all its services did lately, and nobody took it.

        Args:
            crew: Of which.
            node: The member.
            told: Seconds after which everybody has been told of a mark.
        """
        jobs = [name for name, job in self.site.jobs.items() if job.group == crew]
        running = any(node == one.node and crew in one.crews for one in self.running.values())
        kept = [(verb, what) for verb, what, at in self._kept(node) if self.world.now - at >= told]
        out = any(
            ("pool.drain", name) in kept for name, one in self.site.pools.items() if one[1] == crew
        )
        out |= any(
            ("address.decline", name) in kept
            for name, one in self.site.addresses.items()
            if one[1] == crew
        )
        out |= node in self.upkeeps.nodes
        lately = all(self.world.was(Target(node, job), well=True, within=self.lag) for job in jobs)
        if not jobs:
            lately = (
                not self.world.dark(node) or self.world.now - self.world.dark_since[node] < self.lag
            )
        return lately and not running and not out

    def _kept(self, node: str) -> Iterator[tuple[str, str, float]]:
        """Yield the marks that keep a member out, each with the pool or address, and since when."""
        for (gate, verb, subject), owners in self.owners.items():
            what, _, member = subject.partition("/")
            about = member == node if verb == "pool.drain" else gate == node
            if owners and about:
                yield verb, what, self.marked_at[gate, verb, subject]

    def leaves_enough(self, verb: str, node: str, said: str) -> None:
        """Say where a node that goes as a whole, for upkeep, is one too many, whether it serves or not."""
        mine = self.taken(verb, Target(node))
        for crew in sorted(mine.crews):
            about = self.site.crews[crew]
            others = [one for one in about.nodes if one != node]
            # What a person takes out at a balancer is heard of by the next scrape.
            left = [one for one in others if self._serving(crew, one, told=self.lag)]
            if len(left) < about.floor:
                self.says(f"{said} leaves {left} of {crew}, which needs {about.floor}")
            if about.votes and len(left) * 2 <= len(about.nodes):
                self.says(f"{said} leaves {left} of {crew}, which is no majority")
        self._storm(said)

    def prometheus_seconds(self, at: float) -> float:
        """Return a time of Prometheus' by the simulation's own."""
        return at - EPOCH

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

    def _stopped(self, intent: ie.ActionIntended, said: str) -> None:
        """What people and the healer's own sight say no to."""
        about, now = intent.about, self.world.now
        cause = self.names[intent.incident]
        lasts, since_when = self.world.lasts(cause, about)
        untouched = since_when < self.first and lasts
        # This one is told of nodes that answer: one that did not has it told anew.
        if cause == "ServiceRunsNowhere":
            untouched &= self.world.light_since.get(about.node, -1000.0) < self.first
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

    def _policy(self, mine: Taken, intent: ie.ActionIntended, said: str) -> None:
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
        recent = [one for at, one in self.done if self.ago(at) < self.numbers.budget_window]
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

    def _unit_of(self, intent: ie.ActionIntended) -> Target:
        return Target(intent.gate, dict(intent.args)["unit"].removesuffix(".service"))

    def _spent(self, what: str, recent: Iterable[Taken], most: int, said: str) -> None:
        used = sum(1 for _ in recent)
        if used >= most:
            self.says(f"{said}: {used} actions on {what} already, of {most}")
