"""Proves that what was done has helped: looks again and again until that is sure, or is not to be had any more."""

from collections.abc import Callable
from dataclasses import replace

from healer.core import incident_events as ie
from healer.core.actions import GIVING_BACK, MARKING
from healer.core.attempt import Attempt
from healer.core.incident import Incident
from healer.core.ladder import Verification
from healer.core.topology import Topology
from healer.core.verification import NotVerified, Verified, Wait, spec_of, verify
from healer.gatherer import Gatherer
from healer.journal import Journal
from healer.ports import Clock
from healer.runner import whose
from healer.spans import ENDED, WELL, Spans
from healer.standing import Watch


class Prover:
    """Takes the proof of each action one look further.

    Attributes:
        well_since: Since when each look of a proof was good, epoch seconds, by the action's id.
        proof_from: Prometheus' first word after an action at whose end it was silent, epoch seconds, by action id.
    """

    def __init__(  # what it looks at, where it writes, and by which clocks
        self,
        topology: Topology,
        journal: Journal,
        watch: Watch,
        gatherer: Gatherer,
        spans: Spans,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        """Prove under one configuration; `wake` has the engine look at once."""
        self._topology = topology
        self._journal = journal
        self._watch = watch
        self._gatherer = gatherer
        self._spans = spans
        self._clock = clock
        self._wake = wake
        self.well_since: dict[str, float] = {}
        self.proof_from: dict[str, float] = {}

    def follow(self, before: "Prover") -> None:
        """Go on where another configuration's stopped."""
        self.well_since, self.proof_from = before.well_since, before.proof_from

    async def look(self, incident: Incident) -> None:
        """Look once whether an incident's last action has helped, and write down what that settles.

        Raises:
            StoreFull: It was not written; the next look does.
        """
        attempt = incident.attempts[-1]
        spec = self._spec(attempt)
        sight = self._watch.sight if self._watch.complete else None
        proof = await self._gatherer.prove(incident, attempt, spec, sight)
        if attempt.prometheus_at is None and proof.reading is not None:
            # Prometheus was silent when the action ended. Its first word since is later, so it is safe.
            first = self.proof_from.setdefault(attempt.action_id, proof.reading.now)
            attempt = replace(attempt, prometheus_at=first)
        now = self._clock.wall()
        since = self.well_since.get(attempt.action_id)
        soak = (incident.id, WELL, attempt.action_id)
        soaked = self._spans.seconds(*soak) if since is not None else None
        before = self._watch.now.steady - attempt.over
        waited = self._spans.seconds(incident.id, ENDED, attempt.action_id, before=before)
        match verify(spec, attempt, proof, soaked, waited):
            case Wait(well=True):
                if since is None:
                    self.well_since[attempt.action_id] = now
                    self._spans.begin(*soak)
            case Wait():
                self.well_since.pop(attempt.action_id, None)
            case Verified(detail):
                await self._prove(incident, attempt, since, detail)
            case NotVerified(reason, detail):
                await self._disprove(incident, attempt, reason, detail)

    async def _prove(
        self, incident: Incident, attempt: Attempt, served_at: float | None, detail: str
    ) -> None:
        self._forget(attempt.action_id)
        # A mark heals nothing, and a cause that came meanwhile was not looked at by this proof.
        incident = self._journal.board.incidents[incident.id]
        mark = attempt.action in MARKING or attempt.action in GIVING_BACK
        settles = incident.target == attempt.about and not mark and not incident.marks
        proved = ie.VerificationEnded(
            incident.id, attempt.action_id, True, settles, "proved", detail, served_at
        )
        over = [ie.IncidentClosed(incident.id, "healed", detail)] if settles else whose(incident)
        await self._journal.write(proved, *over, closing=True)

    async def _disprove(
        self, incident: Incident, attempt: Attempt, reason: str, detail: str
    ) -> None:
        self._forget(attempt.action_id)
        await self._journal.write(
            ie.VerificationEnded(incident.id, attempt.action_id, False, False, reason, detail),
            *whose(self._journal.board.incidents[incident.id]),
            closing=True,
        )
        self._wake()

    def _forget(self, action_id: str) -> None:
        self.well_since.pop(action_id, None)
        self.proof_from.pop(action_id, None)

    def _spec(self, attempt: Attempt) -> Verification:
        ladder = self._topology.ladders.get(attempt.ladder)
        known = ladder is not None and attempt.rung < len(ladder.rungs)
        return spec_of(attempt, ladder.rungs[attempt.rung] if ladder and known else None)
