"""A world with something broken in it, and what the guards say to the repair."""

from dataclasses import replace

from healer.core import incident_events as ie
from healer.core.alert import Target
from healer.core.attempt import Outcome
from healer.core.decide import decide
from healer.core.decision import Act, Hold
from healer.core.facts import Evidence, Facts, Proposal, Reading
from healer.core.footprint import NOTHING, of_unit
from healer.core.incident import Incident
from healer.core.look import Heard
from healer.core.plan import Escalate
from healer.core.verdict import Verdict
from tests.healer.core.world import NOW, World, alert


def opened(world: World, at: str = "web1/nginx", number: int = 1, **labels) -> Incident:
    cause = alert(at=at, **labels)
    world.journal(ie.IncidentOpened(str(number), cause, cause.label("heal"), "d1"))
    return world.board.incidents[str(number)]


def broken(at: str = "web1/nginx", **changes) -> World:
    world = World(**changes)
    node, service = at.split("/")
    world.down.add(Target(node, service))
    return world


def held(world: World, number: str = "1") -> Incident:
    """Journal the hold that an incident has now."""
    incident = world.board.incidents[number]
    decision = decide(incident, world.facts(incident), None)
    assert isinstance(decision, Hold)
    world.journal(ie.IncidentHeld(number, decision.hold, decision.verdicts))
    return world.board.incidents[number]


def verdict(world: World, incident: Incident) -> tuple[str, str]:
    match decide(incident, world.facts(incident), None):
        case Hold(_, hold):
            return hold.guard, hold.reason or ""
        case Act():
            return "", "act"
        case Escalate(reason):
            return "", reason
        case other:
            return "", type(other).__name__


def said(world: World, incident: Incident, guard: str) -> Verdict:
    """Return what one guard says of the next action, whatever the others say."""
    decision = decide(incident, world.facts(incident), None)
    assert isinstance(decision, Hold | Act)
    return next(one for one in decision.verdicts if one.guard == guard)


def intent(number: str, target: Target, action_id: str = "1.1.1") -> ie.ActionIntended:
    """A restart of what an incident is about, as it is journalled before it is sent."""
    return ie.ActionIntended(
        incident=number,
        action_id=action_id,
        ladder="restart-service",
        rung=0,
        action="service.restart",
        target=target,
        about=target,
        gate=target.node,
        args=(("unit", "nginx.service"),),
        footprint=NOTHING,
        ledger_id="ledger-1",
        expect="{}",
        deadline_at=NOW + 30,
        verdicts=(),
    )


def acted(world: World, number: str, *, ended: Outcome | None, age: float = 0.0) -> None:
    """Journal an attempt of an incident that began `age` seconds ago."""
    incident = world.board.incidents[number]
    now, world.now = world.now, world.now - age
    footprint = of_unit(incident.target, ("app.service",), world.topology)
    action_id = f"1.1.{world.seq}"
    begun = intent(number, incident.target, action_id)
    deadline = world.now + 30
    world.journal(replace(begun, ladder=incident.ladder, footprint=footprint, deadline_at=deadline))
    if ended in (Outcome.VERIFIED, Outcome.NOT_VERIFIED):
        world.journal(ie.ActionEnded(number, action_id, Outcome.DONE, "", "", world.now))
        good = ended is Outcome.VERIFIED
        world.journal(ie.VerificationEnded(number, action_id, good, good, "", ""))
    elif ended is not None:
        world.journal(ie.ActionEnded(number, action_id, ended, "changed", "", world.now))
    world.now = now


def silence(world: World, incident: Incident) -> None:
    silenced = world.standing.silenced | {incident.cause.fingerprint}
    world.standing = replace(world.standing, silenced=silenced)


def history(world: World, count: int, at: str, ended: Outcome, age: float) -> None:
    """Journal so many closed incidents with one attempt each."""
    for number in range(101, 101 + count):
        opened(world, at, number)
        acted(world, str(number), ended=ended, age=age)
        world.journal(ie.IncidentClosed(str(number), "healed", ""))


def asked(world: World, number: str = "") -> tuple[Proposal, Facts]:
    """Return what is proposed for a new incident, or a known one, and the facts for it."""
    incident = world.board.incidents[number] if number else opened(world)
    facts = world.facts(incident)
    decision = decide(incident, facts, None)
    assert isinstance(decision, Hold | Act)
    return decision.proposal, facts


def verb(proposal: Proposal, action: str) -> Proposal:
    return replace(proposal, rung=replace(proposal.rung, action=action))


def evidence(firing: bool | None, age: float | None, value: float | None = 0.0) -> Evidence:
    sampled = None if age is None else NOW - age
    return Evidence(firing, Reading(value, sampled, NOW))


def unit_is(facts: Facts, node: str, **changes: object) -> Facts:
    look = facts.heard(node).look
    assert look is not None
    unit = look.units["nginx.service"]
    assert unit is not None
    units = {**look.units, "nginx.service": replace(unit, **changes)}  # type: ignore[arg-type]
    return replace(facts, gates={**facts.gates, node: Heard(replace(look, units=units))})
