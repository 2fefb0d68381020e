"""What to do next about an incident: one pure function from facts to one decision."""

import hashlib
import json
from dataclasses import dataclass, replace

from healer.core.facts import Facts, Proposal, UnitLook
from healer.core.footprint import Footprint, of_unit
from healer.core.guards import judge
from healer.core.guards.grounds import seen_unit
from healer.core.incident import PASSING_REFUSALS, Incident, Outcome, State
from healer.core.ladder import NO_LADDER, PERSON, Ladder, Rung
from healer.core.topology import Topology
from healer.core.verdict import Verdict, hold

UNSENT = 5
"""So many attempts in a row that never left us mean that nothing can be done through this gate."""

NOTHING = Footprint(frozenset(), frozenset(), frozenset(), frozenset())


@dataclass(frozen=True, slots=True)
class Act:
    """Begin this. Every guard allowed it."""

    proposal: Proposal
    expect: str
    ledger_id: str
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """Do nothing now; `hold` is the first refusal, `verdicts` every guard's answer."""

    proposal: Proposal
    hold: Verdict
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Escalate:
    """Hand the incident to a person."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Close:
    """It is over, and that was seen on fresh data."""

    outcome: str
    detail: str


@dataclass(frozen=True, slots=True)
class Stay:
    """Nothing to decide: a person has it."""


Decision = Act | Hold | Escalate | Close | Stay


@dataclass(frozen=True, slots=True)
class Plan:
    """Which rung is next, and where the facts about it are to be read."""

    ladder: Ladder
    rung_index: int
    rung: Rung
    proposal: Proposal


def plan(incident: Incident, topology: Topology) -> Plan | Escalate:
    """Return the next rung of the incident's ladder, before any fact is known."""
    if incident.ladder in NO_LADDER:
        detail = f"{incident.cause.name} has no ladder: what it says is a person's to repair"
        return Escalate("for_a_person", detail)
    ladder = topology.ladders.get(incident.ladder)
    if ladder is None:
        return Escalate("no_ladder", f"the alert asks for '{incident.ladder}', which nobody wrote")
    target = incident.target
    for index, rung in enumerate(ladder.rungs):
        if rung.action == PERSON:
            last = incident.attempts[-1] if incident.attempts else None
            tried = (
                f"{len(incident.attempts)} tried"
                if last is None
                else _said(last.outcome, last.reason)
            )
            return Escalate("ladder_exhausted", tried)
        aim = target if rung.service is None else replace(target, service=rung.service)
        if incident.tries(ladder.name, index, rung.action, aim) < rung.attempts:
            service = topology.services.get(aim.service or "")
            draft = Proposal(
                incident=incident,
                ladder=ladder,
                rung_index=index,
                rung=rung,
                target=aim,
                gate=aim.node,
                args=(("unit", service.unit),) if service is not None else (),
                unit=service.unit if service is not None else "",
                mode=topology.mode(ladder, [service.group] if service and service.group else []),
                footprint=NOTHING,
            )
            return Plan(ladder, index, rung, draft)
    return Escalate("ladder_exhausted", f"{len(incident.attempts)} attempts, no rung left")


def decide(incident: Incident, facts: Facts, clear_for: float | None) -> Decision:
    """Choose what happens next with an incident that is not acting or being verified.

    Args:
        incident: As the journal has it.
        facts: Read for this decision.
        clear_for: For how long the trouble was seen gone on fresh samples, seconds; None if it was not.
    """
    next_step = plan(incident, facts.topology)
    if clear_for is not None and clear_for >= _soak(next_step):
        return _close(incident, clear_for)
    if incident.state in (State.ESCALATED, State.MITIGATED):
        return Stay()
    if isinstance(next_step, Escalate):
        return next_step
    refused = _refused_for_good(incident)
    if refused is not None:
        return refused
    proposal = _complete(next_step.proposal, facts)
    verdicts = judge(proposal, facts)
    first = next((one for one in verdicts if not one.allowed), None) or _waits(next_step, facts)
    if first is not None:
        return Hold(proposal, first, verdicts)
    look = facts.heard(proposal.gate).look
    ledger = look.ledger_id if look is not None else ""
    return Act(proposal, expect(proposal, facts), ledger, verdicts)


def expect(proposal: Proposal, facts: Facts) -> str:
    """Return what the gate must find unchanged, as JSON with sorted keys; empty without a look."""
    look, unit = facts.heard(proposal.gate).look, seen_unit(proposal, facts)
    if look is None or unit is None:
        return ""
    state = {"active_state": unit.active_state, "invocation_id": unit.invocation_id}
    expected = {"boot_id": look.boot_id, "units": {proposal.unit: state}}
    return json.dumps(expected, sort_keys=True, separators=(",", ":"))


def _complete(draft: Proposal, facts: Facts) -> Proposal:
    topology, unit = facts.topology, seen_unit(draft, facts)
    if not topology.knows(draft.target):
        return draft
    footprint = of_unit(draft.target, _stopped_with(unit), topology)
    expected = expect(draft, facts)
    return replace(
        draft,
        footprint=footprint,
        mode=topology.mode(draft.ladder, footprint.groups),
        expectation=hashlib.sha256(expected.encode()).hexdigest() if expected else "",
    )


def _stopped_with(unit: UnitLook | None) -> tuple[str, ...]:
    return () if unit is None else unit.reverse_dependencies


def _soak(next_step: Plan | Escalate) -> float:
    if isinstance(next_step, Plan) and next_step.rung.verify is not None:
        return next_step.rung.verify.soak_seconds
    return 30.0


def _close(incident: Incident, clear_for: float) -> Close:
    if not incident.confirmed:
        return Close("not_true", "never found true on fresh evidence")
    return Close("cleared", f"seen clear for {clear_for:.0f} s")


def _refused_for_good(incident: Incident) -> Escalate | None:
    last = incident.attempts[-1] if incident.attempts else None
    if last is None or last.began_at < incident.adopted_at:
        return None
    tail = incident.attempts[-UNSENT:]
    if len(tail) == UNSENT and all(one.outcome is Outcome.NOT_SENT for one in tail):
        return Escalate("never_sent", last.detail)
    if last.outcome is not Outcome.REFUSED:
        return None
    if last.reason in PASSING_REFUSALS:
        return None
    return Escalate(last.reason, last.detail)


def _waits(step: Plan, facts: Facts) -> Verdict | None:
    attempts = step.proposal.incident.attempts
    ended_at = attempts[-1].ended_at if attempts else None
    if ended_at is None or facts.now - ended_at >= step.rung.wait_seconds:
        return None
    return hold(
        "attempts",
        "waiting",
        have=f"{facts.now - ended_at:.0f} s since the last attempt",
        need=f"{step.rung.wait_seconds:g} s",
        sentence="The ladder asks to wait between attempts.",
        passing=True,
    )


def _said(outcome: Outcome | None, reason: str) -> str:
    return f"last attempt: {outcome.value if outcome else 'running'} {reason}".strip()
