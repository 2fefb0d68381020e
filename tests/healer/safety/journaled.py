"""The judge's first half: what the journal says, held against the world as it is."""

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.actions import RESTORE
from healer.core.alert import Target
from tests.healer.safety.charters import Charter
from tests.healer.safety.known import RENAMED, SCRAPE, TAKING, Known
from tests.healer.safety.upkeeps import Upkeeps


class Journaled(Known):
    """Every word of the journal, judged as it becomes durable."""

    upkeeps: Upkeeps

    def recorded(self, event: ev.Event) -> None:
        self.restores.recorded(event)
        self.upkeeps.recorded(event)
        match event:
            case ev.HealerStarted(digest=digest):
                self.terms = event.term
                self._described(digest)
            case ev.ConfigReloaded(digest=digest):
                self._described(digest)
            case ev.Armed():
                self._armed()
            case ie.IncidentOpened(incident, cause) | ie.CauseReplaced(incident, cause):
                self._of_rack(incident, cause.target)
                self.troubles[incident], self.names[incident] = cause.target, cause.name
            case ie.IncidentClosed(incident, outcome):
                self._closed(incident, outcome)
            case ev.Frozen():
                self.frozen = True
            case ev.Unfrozen():
                self.frozen = False
            case ev.NodeHeld(node):
                self.held.add(node)
            case ev.NodeReleased(node):
                self.held.discard(node)
            case ie.ApprovalGiven(incident):
                self.yes[incident] = self.world.now
            case ie.IncidentAdopted(incident):
                self.adopted.add(incident)
                self.denied.discard(incident)
                self.failed.clear()  # a person wants it tried again
            case ie.IncidentRetried():
                self.failed.clear()
            case ie.ApprovalDenied(incident):
                self.denied.add(incident)
            case ie.IncidentSettled(incident) if incident in self.troubles:
                self.theirs[self.names[incident], self.troubles[incident]] = self.world.now
            case ie.NodeAdmitted(incident):
                self.let_back.add(incident)
            case ie.ActionIntended():
                self._intended(event)
            case ie.ActionEnded(_, action_id, outcome):
                if outcome.value not in ("done", "unknown"):
                    self.unproved.pop(action_id, None)
                self._helped(action_id, False if outcome.value == "failed" else None)
            case ie.VerificationEnded(_, action_id, verified):
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
            self.restores.agreed.clear()
            self.changed_at = self.world.now
        self.charter = charter

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

    def _intended(self, event: ie.ActionIntended) -> None:
        if event.action_id in self.intents:
            self.says(f"{event.action_id} is intended twice")
        self.intents[event.action_id] = event
        self.under[event.action_id] = self.current
        known = self.under[event.action_id].site.has(event.target, event.ladder)
        if event.action in TAKING and not known:
            self.says(f"{event.action} on {event.target} by {event.ladder}, which nobody described")
        if self.frozen:
            self.says(f"{event.action} on {event.target} is intended while a person has frozen all")
        for node in {event.gate, event.target.node} & self.held:
            self.says(f"{event.action} on {event.target} while a person holds {node}")
        for node in {event.gate, event.target.node} & self.upkeeps.nodes:
            self.says(f"{event.action} on {event.target} while {node} is away for upkeep")
        if event.action not in TAKING:
            return
        if event.incident in self.denied:
            self.says(f"{event.action} on {event.target}: a person said no to {event.incident}")
        if event.action == RESTORE:
            self._restoring(event)
        self.given[event.action_id] = self.yes.get(event.incident)
        with self.as_of(self.under[event.action_id]):
            mine = self.taken(event.action, event.target)
            for other_id, other in self.unproved.items():
                self._together(mine, other, f"before {other_id} was proved")
        self.unproved[event.action_id] = mine

    def _restoring(self, event: ie.ActionIntended) -> None:
        charter = self.under[event.action_id]
        good_for = charter.numbers.approval_seconds
        for why in self.restores.decided(event, charter.site, good_for, self.lag):
            self.says(f"{event.action} on {event.target}: {why}")
