"""Reads the facts for one decision. What cannot be read in time is None, and guards hold on None."""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog

from healer.core.actions import MARKING, Args, Scope, action_of, proof_place
from healer.core.alert import Alert, Target
from healer.core.attempt import Attempt
from healer.core.board import Board
from healer.core.decide import unheard
from healer.core.facts import Evidence, Facts, Reading, Standing
from healer.core.incident import Incident
from healer.core.ladder import Rung, Verification
from healer.core.look import MACHINE, Heard, MachineLook
from healer.core.order import Sight
from healer.core.picture import Picture
from healer.core.plan import Plan, plan, to_hear
from healer.core.recovery import wants_word
from healer.core.topology import Topology
from healer.core.verification import RESTORED_AT, Proof, of_a_report
from healer.errors import Busy, Unreachable
from healer.journal import Journal
from healer.now import now_of
from healer.ports import Clock, Gates, Probes, Prometheus

log = structlog.get_logger()

T = TypeVar("T")

DEFAULT_METRIC = "up"
"""Read for alerts whose ladder does not say what proves them."""


@dataclass(frozen=True, slots=True)
class Gatherer:
    """Asks Prometheus, the gates and the services; adds what the journal knows."""

    topology: Topology
    journal: Journal
    prometheus: Prometheus
    gates: Gates
    probes: Probes
    clock: Clock

    async def read(
        self, incident: Incident, standing: Standing, picture: Picture | None = None
    ) -> Facts:
        """Read everything from outside that a decision about `incident` needs.

        Args:
            incident: As the journal has it.
            standing: How the healer itself stands.
            picture: Where it was just read; None to read it.
        """
        metric = _metric(incident, self.topology, self.clock.wall())
        (evidence, told), seen, heard, outside = await asyncio.gather(
            self._evidence(incident, metric),
            self.picture() if picture is None else _at_hand(picture),
            self._hear(to_hear(incident, self.topology, self.clock.wall())),
            self._outside(incident.target),
        )
        now = now_of(self.clock, self.journal.board)
        facts = replace(
            Facts(now.wall, self.topology, standing, ahead=now.ahead),
            evidence=evidence,
            told=told,
            picture=seen,
            gates=heard,
            outside=outside if _may_serve(incident.target, seen, self.topology) else None,
        )
        # A rung whose gates are dead is followed by the next, whose gates nobody has asked yet.
        while more := unheard(incident, facts):
            facts = replace(facts, gates={**facts.gates, **await self._hear(more)})
        return self.refresh(facts, incident)

    async def survey(self, wanted: Mapping[str, Sequence[str]], standing: Standing) -> Facts:
        """Read what there is to know without any incident: the cluster, and these gates, each with what it looks at."""
        seen, heard = await asyncio.gather(self.picture(), self._hear(wanted))
        board, now = self.journal.board, now_of(self.clock, self.journal.board)
        return Facts(
            *(now.wall, self.topology, standing),
            gates=heard,
            picture=seen,
            running=board.running(self.topology, besides=""),
            past=board.recent(now.steady),
            marked=board.marked,
            locked=locked(board),
            ahead=now.ahead,
        )

    def refresh(self, facts: Facts, incident: Incident) -> Facts:
        """Return the facts with what the journal says now; nothing is read from outside."""
        board = self.journal.board
        return replace(
            facts,
            running=board.running(facts.topology, besides=incident.id),
            past=board.recent(facts.steady),
            alike=board.alike(incident),
            marked=board.marked,
            locked=locked(board),
        )

    async def ask(self, nodes: Iterable[str]) -> dict[str, Heard]:
        """Ask several gates who they are and what they keep away; none of them waits for another."""
        return await self._hear(dict.fromkeys(nodes, ()))

    async def machine(self, node: str) -> MachineLook | None:
        """Ask a node's gate what its machine is; None where it does not say."""
        look = (await self._hear({node: (MACHINE,)}))[node].look
        return None if look is None else look.machine

    async def prove(
        self, incident: Incident, attempt: Attempt, spec: Verification, sight: Sight | None
    ) -> Proof:
        """Read what proves or disproves that the last attempt helped.

        `sight` is what the Alertmanagers said; None where one that counts did not answer.
        """
        where, labels = proof_place(
            attempt.action, attempt.about, attempt.gate, attempt.args, self.topology
        )
        reading, outside, restored = await asyncio.gather(
            self.reading(where, spec.metric, labels),
            self._outside_after(attempt.action, where),
            self._restored_at(attempt),
        )
        if sight is None:
            windows = await self.looks_back([spec.metric]) or {}
            return Proof(reading, outside, None, windows, restored)
        alarms, wide = await asyncio.gather(
            self._real(_alarms(sight.alerts, incident, attempt)),
            self._real(_wide_alarms(sight, attempt)),
        )
        if alarms is None or wide is None:
            return Proof(reading, outside, None, {}, restored)
        windows = await self.looks_back([spec.metric, *alarms, *wide]) or {}
        # A pool's error budget burns on for its window after what helped, and says nothing of it.
        alarms += [one for one in wide if windows.get(one) == 0.0]
        return Proof(reading, outside, tuple(alarms), windows, restored)

    async def _restored_at(self, attempt: Attempt) -> float | None:
        """Return when a restore was last well where that has to be known; None where nobody says."""
        if not of_a_report(attempt):
            return None
        labels = (("backup", dict(attempt.args).get("backup", "")), ("command", "restore"))
        reading = await self.reading(Target(attempt.gate), RESTORED_AT, labels)
        return None if reading is None else reading.value

    async def _real(self, alarms: Sequence[Alert]) -> list[str] | None:
        """Return the names of those whose own rule gives them now; None where Prometheus does not answer.

        Anyone can post an alert, and what fails a proof stops a group's ladder.
        """
        found = await asyncio.gather(*(self.confirmed(one) for one in alarms))
        if None in found:
            return None
        pairs = zip(alarms, found, strict=True)
        return [one.name for one, evidence in pairs if evidence is not None and evidence.firing]

    async def looks_back(self, names: Iterable[str]) -> Mapping[str, float] | None:
        """Return how far the rules of alerts and series look back, seconds; None where Prometheus does not answer."""
        return await _or_none(self.prometheus.looks_back(names))

    async def picture(self, *, services: bool = True) -> Picture | None:
        """Read how the whole cluster looks, or its nodes alone; None where Prometheus does not answer."""
        return await _or_none(self.prometheus.picture(services=services))

    async def reading(self, target: Target, metric: str, labels: Args = ()) -> Reading | None:
        """Read one series; None where Prometheus does not answer."""
        return await _or_none(self.prometheus.reading(target, metric, labels))

    async def prometheus_time(self) -> float | None:
        """Return what time it is by Prometheus' clock; None where it does not answer."""
        reading = await self.reading(Target(self.topology.own_node), DEFAULT_METRIC)
        return None if reading is None else reading.now

    async def confirmed(self, alert: Alert) -> Evidence | None:
        """Read the evidence for an alert that has no incident."""
        ladder = self.topology.ladders.get(alert.label("heal"))
        metric = _first_proof(ladder.rungs if ladder is not None else ())
        return await _or_none(self.prometheus.evidence(alert, metric))

    async def _evidence(
        self, incident: Incident, metric: str
    ) -> tuple[Evidence | None, bool | None]:
        """Read whether the trouble is there; where not, and that is not enough, whether what told of it still tells."""
        evidence = await _or_none(self.prometheus.evidence(incident.cause, metric))
        if evidence is None or evidence.firing is not False or not wants_word(incident):
            return evidence, None
        return evidence, await _or_none(self.prometheus.still_told(incident.cause))

    async def _hear(self, wanted: Mapping[str, Sequence[str]]) -> dict[str, Heard]:
        """Ask several gates at once; none of them waits for another."""
        found = await asyncio.gather(*(self.look(node, names) for node, names in wanted.items()))
        return dict(zip(wanted, found, strict=True))

    async def look(self, node: str, names: Sequence[str]) -> Heard:
        """Ask one gate who it is, and what these names are like there."""
        if node not in self.topology.nodes:
            return Heard(None, "no such node")
        try:
            return Heard(await self.gates.look(node, names))
        except Busy as exc:
            return Heard(None, str(exc), busy=True)
        except Unreachable as exc:
            log.debug("gate.silent", node=node, error=str(exc))
            return Heard(None, str(exc))

    async def _outside(self, target: Target) -> bool | None:
        if target.service is None or not self.topology.knows(target):
            return None
        return await self.probes.serves(target)

    async def _outside_after(self, action: str, target: Target) -> bool | None:
        """Probe a service where it has to answer after an action: on just one, if Pacemaker runs it on one alone."""
        service = self.topology.services.get(target.service or "")
        if not action_of(action).scope.of_pacemaker or service is None or not service.exclusive:
            return await self._outside(target)
        nodes = self.topology.groups[service.group].nodes if service.group else (target.node,)
        members = (Target(node, target.service) for node in nodes)
        answers = await asyncio.gather(*map(self._outside, members))
        if True in answers:
            return answers.count(True) == 1
        return None if None in answers else False


def locked(board: Board) -> dict[str, str]:
    """Return the nodes that upkeep keeps away, each with what it is."""
    return {one.node: str(one) for one in board.planned.kept_away}


def _metric(incident: Incident, topology: Topology, now: float) -> str:
    """Return the series by which the incident's target is judged: the next rung's, else the first that fits.

    What proves a mark says nothing of the target.
    """
    step = plan(incident, topology, now)
    ladder = topology.ladders.get(incident.ladder)
    rungs = [step.rung] if isinstance(step, Plan) else []
    rungs += ladder.rungs if ladder is not None else ()
    return _first_proof(rungs)


def _first_proof(rungs: Iterable[Rung]) -> str:
    """Return what proves the first rung whose proof is about the target: no mark's, and no database member's.

    Of those there is a sample only where such a thing is, and none has a service's label: an alert would never be true.
    """
    proofs = (
        one.verify
        for one in rungs
        if one.action not in MARKING and action_of(one.action).scope is not Scope.DATABASE
    )
    return next((one.metric for one in proofs if one is not None), DEFAULT_METRIC)


def _alarms(alerts: tuple[Alert, ...], incident: Incident, attempt: Attempt) -> list[Alert]:
    """Return the critical alerts that say that they began since about something that the action took along."""
    return [
        alert
        for alert in alerts
        if _is_since(alert, attempt)
        and not alert.name.startswith("Healer")
        and alert.fingerprint != incident.cause.fingerprint
        and attempt.footprint.covers(alert.target)
    ]


def _wide_alarms(sight: Sight, attempt: Attempt) -> list[Alert]:
    """Return those that say so about a group as a whole from which the action took something."""
    return [
        alert
        for alert in sight.of_groups
        if _is_since(alert, attempt) and alert.label("group") in attempt.footprint.groups
    ]


def _is_since(alert: Alert, attempt: Attempt) -> bool:
    """Whether an alert is critical and began after the action did."""
    return alert.label("severity") == "critical" and alert.began_at > attempt.began_at


def _may_serve(target: Target, seen: Picture | None, topology: Topology) -> bool:
    """Whether a service is to be served there: not what only one node may run, while another one does."""
    service = topology.services.get(target.service or "")
    if service is None or not service.exclusive or seen is None:
        return True
    return not any(
        up
        for at, up in seen.services.items()
        if at.service == service.name and at.node != target.node
    )


async def _at_hand(picture: Picture) -> Picture:
    return picture


async def _or_none(answer: Awaitable[T]) -> T | None:
    try:
        return await answer
    except Unreachable as exc:
        log.debug("prometheus.silent", error=str(exc))
        return None
