"""What people may say to the healer. Every word is journalled with who said it."""

from contextlib import suppress
from dataclasses import dataclass

from healer import likeness
from healer.core import events as ev
from healer.core.alert import Alert, Target
from healer.core.board import Board
from healer.core.decide import Decision, Hold, decide
from healer.core.incident import IllegalMove, Incident, State
from healer.core.plan import Escalate, plan
from healer.errors import Refused
from healer.gatherer import Gatherer
from healer.journal import Journal
from healer.ports import Clock
from healer.sentences import summary
from healer.standing import Watch

Word = ev.ApprovalGiven | ev.ApprovalDenied | ev.IncidentAdopted
"""What a person says about one incident."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would be done now, and what each guard says to it."""

    incident: Incident
    decision: Decision


class Operators:
    """The commands of people, checked against what the journal knows."""

    def __init__(self, journal: Journal, gatherer: Gatherer, watch: Watch, clock: Clock) -> None:
        self._journal = journal
        self._gatherer = gatherer
        self._watch = watch
        self._clock = clock

    async def approve(self, incident_id: str, by: str, seen: str = "") -> ev.ApprovalGiven:
        """Agree to the next rung of an incident, on its target as it is now.

        Args:
            incident_id: Which one.
            by: Who agrees.
            seen: What they saw of it, as healer.likeness has it; empty where nobody asked.

        Raises:
            Refused: There is no such incident, it waits for no approval, it has this one already, or it is
                not as it was seen; nothing was changed.
        """
        incident = self._waiting(incident_id, seen)
        facts = await self._gatherer.read(incident, self._watch.standing())
        decision = decide(incident, facts, None)
        proposal = decision.proposal if isinstance(decision, Hold) else None
        if proposal is None or not proposal.expectation:
            raise Refused("nothing_to_approve", f"incident {incident_id} cannot be acted on now")
        until = facts.now + facts.topology.numbers.approval_seconds
        given = ev.ApprovalGiven(
            incident_id,
            proposal.ladder.name,
            proposal.rung_index,
            proposal.target,
            proposal.expectation,
            by,
            until,
        )
        await self._change(given, "too_late", seen)
        return given

    async def deny(self, incident_id: str, by: str, seen: str = "") -> None:
        """Say no: the incident goes to a person.

        Raises:
            Refused: It waits for no approval, or is not as it was seen; nothing was changed.
        """
        incident = self._waiting(incident_id, seen)
        step = plan(incident, self._gatherer.topology)
        rung = 0 if isinstance(step, Escalate) else step.rung_index
        await self._change(ev.ApprovalDenied(incident_id, rung, by), "nothing_to_approve", seen)

    async def freeze(self, reason: str, by: str) -> None:
        """Stop every action until `unfreeze`."""
        await self._journal.write(ev.Frozen(reason, by))

    async def unfreeze(self, by: str, seen: str = "") -> None:
        """Let actions go on. What fires at this moment is pre-existing.

        Raises:
            Refused: Nobody froze it, or others did so than were seen; nothing was changed.
        """
        freezes = self._freezes()
        if not freezes:
            raise Refused("not_frozen", "no person froze this healer")
        told = likeness.of_freezes(freezes)
        if seen in ("", told):
            # Whoever freezes in this very moment must not have it lifted by one who has not seen it.
            with suppress(IllegalMove):
                await self._journal.write(
                    ev.Unfrozen(by), provided=lambda _: likeness.of_freezes(self._freezes()) == told
                )
                return
        now = ", ".join(f"{one.reason} (by {one.by})" for one in self._freezes()) or "by nobody"
        raise Refused("changed_since", f"it is frozen otherwise than you saw: {now}")

    async def hold(self, node: str, reason: str, by: str, seconds: float | None) -> ev.NodeHeld:
        """Keep Hale from touching a node; a person's newer hold takes the place of their older one.

        Args:
            node: As cluster.yml names it.
            reason: For those who find it held.
            by: Who holds it.
            seconds: Until it lapses by the wall clock; None for until it is released.

        Raises:
            Refused: There is no such node; nothing was changed.
        """
        known = self._gatherer.topology.nodes
        if node not in known:
            detail = f"cluster.yml has no node {node}; there are {', '.join(known)}"
            raise Refused("unknown_node", detail)
        until = None if seconds is None else self._clock.wall() + seconds
        held = ev.NodeHeld(node, reason, by, until)
        await self._journal.write(held)
        return held

    async def release(self, node: str, by: str, seen: str = "") -> list[ev.NodeHeld]:
        """Let Hale touch a node again, and return the holds that ended with it, whoever set them.

        Raises:
            Refused: Nobody holds it, or others do than were seen; nothing was changed.
        """
        held = self._holds(node)
        if not held:
            raise Refused("not_held", f"no person holds {node} here; its own gate may be held")
        told = likeness.of_holds(node, held)
        if seen in ("", told):
            # As with `unfreeze`: a hold that is set in this very moment stays.
            with suppress(IllegalMove):
                await self._journal.write(
                    ev.NodeReleased(node, by),
                    provided=lambda _: likeness.of_holds(node, self._holds(node)) == told,
                )
                return held
        now = ", ".join(f"{one.reason} (by {one.by})" for one in self._holds(node)) or "by nobody"
        raise Refused("changed_since", f"{node} is held otherwise than you saw: {now}")

    async def adopt(self, incident_id: str, by: str, seen: str = "") -> None:
        """Put a pre-existing, mitigated or escalated incident into the healer's hands.

        Raises:
            Refused: It is closed, something is under way, or it is not as it was seen; nothing was changed.
        """
        incident = self._known(incident_id)
        if incident.state not in (State.OPEN, State.HELD, State.MITIGATED, State.ESCALATED):
            raise Refused("not_adoptable", f"incident {incident_id} is {incident.state.value}")
        await self._change(ev.IncidentAdopted(incident_id, by), "not_adoptable", seen)

    async def explain(self, target: Target, ladder: str, alert_name: str) -> Explanation:
        """Say what would be done if this alert fired for this target now. Nothing is written."""
        topology = self._gatherer.topology
        service = topology.services.get(target.service or "")
        node = topology.nodes.get(target.node)
        groups = topology.groups_of(target.node)
        group = service.group if service is not None and service.group else None
        labels = {
            "alertname": alert_name,
            "cluster": topology.cluster,
            "node": target.node,
            "group": group or (groups[0].name if groups else ""),
            "failure_domain": node.failure_domain if node is not None else "",
            "service": target.service or "",
            "heal": ladder,
            "severity": "critical",
        }
        pairs = tuple(sorted((key, value) for key, value in labels.items() if value))
        now = self._clock.wall()
        # An id above any real one: of members that fail alike, it comes last.
        incident = Incident(
            str(self._journal.board.opened + 1),
            Alert("", alert_name, pairs, now),
            ladder,
            now,
            now,
            "",
        )
        facts = await self._gatherer.read(incident, self._watch.standing())
        return Explanation(incident, decide(incident, facts, None))

    async def _change(self, event: Word, otherwise: str, seen: str) -> None:
        def still(board: Board) -> bool:
            return not self._spoken(event) and self._as_seen(event.incident, seen)

        try:
            await self._journal.write(event, provided=still)
        except IllegalMove as exc:  # the engine or another person was first
            incident = self._known(event.incident)
            before = self._spoken(event)
            if before:
                detail = f"{before} said yes to exactly this already: there is no need for another"
                raise Refused("approved_already", detail) from exc
            if not self._as_seen(event.incident, seen):
                raise _changed(incident) from exc
            raise Refused(otherwise, str(exc)) from exc

    def _freezes(self) -> list[ev.Frozen]:
        return list(self._journal.board.freezes.values())

    def _holds(self, node: str) -> list[ev.NodeHeld]:
        return [one for one in self._journal.board.held(self._clock.wall()) if one.node == node]

    def _as_seen(self, incident_id: str, seen: str) -> bool:
        return not seen or seen == likeness.of_incident(self._known(incident_id))

    def _spoken(self, event: Word) -> str:
        """Return who said exactly this before, while it is still good; empty where nobody did."""
        if not isinstance(event, ev.ApprovalGiven):
            return ""
        now = self._clock.wall()
        asked = (event.ladder, event.rung, event.target, event.expectation)
        for yes in self._known(event.incident).approvals:
            if (yes.ladder, yes.rung, yes.target, yes.expectation) == asked and now < yes.until:
                return yes.by
        return ""

    def _known(self, incident_id: str) -> Incident:
        try:
            return self._journal.board.incidents[incident_id]
        except KeyError:
            known = ", ".join(one.id for one in self._journal.board.open) or "none"
            detail = f"there is no incident {incident_id}; open ones: {known}"
            raise Refused("unknown_incident", detail) from None

    def _waiting(self, incident_id: str, seen: str) -> Incident:
        incident = self._known(incident_id)
        if incident.state not in (State.OPEN, State.HELD):
            if not self._as_seen(incident_id, seen):
                raise _changed(incident)
            raise Refused("nothing_to_approve", f"incident {incident_id} is {incident.state.value}")
        return incident


def _changed(incident: Incident) -> Refused:
    detail = f"it is not as you saw it any more. {summary(incident)}"
    return Refused("changed_since", f"incident {incident.id}: {detail}")
