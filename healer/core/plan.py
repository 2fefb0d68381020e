"""Which rung of its ladder comes next for an incident, and whose gates have to be heard for it.

Nothing here knows a fact: decide drops the steps whose gates turn out to be dead.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from healer.core.actions import MARKING, RESTORE, Scope, Step, action_of, lasting, steps
from healer.core.alert import Target
from healer.core.attempt import Attempt, Outcome
from healer.core.conditions import Passed, unmet
from healer.core.facts import Proposal
from healer.core.footprint import NOTHING
from healer.core.incident import FOR_A_PERSON, Incident
from healer.core.ladder import NO_LADDER, PERSON, Ladder, Rung
from healer.core.states import State
from healer.core.topology import Topology

RETURNS = 3
"""So many tries to take a mark back, then it is a person's."""

RETURN_AGAIN = 600.0
"""Seconds between two later tries: what kept the mark, a stopped HAProxy say, may be over."""


@dataclass(frozen=True, slots=True)
class Escalate:
    """Hand the incident to a person."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Which rung is next, and where the facts about it are to be read.

    Attributes:
        steps: Those of its steps that may still be done, in order; each is an action of its own.
        set: Steps whose mark is set already.
        spent: Whether a step may not be tried again, so that the rung as a whole has failed.
        proposal: For the first step, before any fact is known.
    """

    ladder: Ladder
    rung_index: int
    rung: Rung
    steps: tuple[Step, ...]
    set: tuple[Step, ...]
    spent: tuple[Step, ...]
    proposal: Proposal


def plan(
    incident: Incident, topology: Topology, now: float | None = None, after: int = -1
) -> Plan | Escalate:
    """Return the next rung of the incident's ladder, before any fact is known.

    Args:
        incident: As the journal has it.
        topology: The cluster.
        now: Epoch seconds, for the hours of rungs; None where they count as right.
        after: The rung that came before, where facts have shown that it leads nowhere.
    """
    if incident.target.domain:
        return Escalate(FOR_A_PERSON, _lost(incident.target.domain, topology))
    if incident.ladder in NO_LADDER:
        detail = f"{incident.cause.name} has no ladder: what it says is a person's to repair"
        return Escalate(FOR_A_PERSON, detail)
    ladder = topology.ladders.get(incident.ladder)
    if ladder is None:
        detail = f"cluster.yml has no ladder {incident.ladder} any more"
        return Escalate("ladder_gone", f"{detail}; {_tried(incident)}")
    # One that was never there is the guards' to refuse.
    if incident.digest != topology.digest and not topology.knows(incident.target):
        detail = f"cluster.yml has no {incident.target} any more"
        return Escalate("target_gone", f"{detail}; {_tried(incident)}")
    if all(rung.action == PERSON for rung in ladder.rungs):
        detail = (
            f"the ladder {ladder.name} only calls a person, whom {incident.cause.name} has reached"
        )
        return Escalate(FOR_A_PERSON, detail)
    for index, rung in enumerate(ladder.rungs):
        if rung.action == PERSON:
            break
        if index <= after or unmet(incident, index, rung, topology, now) is not None:
            continue
        found = _planned(incident, ladder, index, topology)
        if found is not None:
            return found
    return _person(incident, passed_over(incident, topology, now))


def passed_over(
    incident: Incident, topology: Topology, now: float | None = None, before: int | None = None
) -> tuple[Passed, ...]:
    """Return every rung that leads nowhere now, and why.

    Args:
        incident: As the journal has it.
        topology: The cluster.
        now: As `plan` takes it.
        before: The rung that is next; None for all of the ladder.
    """
    ladder = topology.ladders.get(incident.ladder)
    if ladder is None:
        return ()
    found = []
    for index, rung in enumerate(ladder.rungs[:before]):
        if rung.action == PERSON:
            break
        why = unmet(incident, index, rung, topology, now) or _spent(
            incident, ladder, index, topology
        )
        if why is not None:
            found.append(why)
    return tuple(found)


def _spent(incident: Incident, ladder: Ladder, index: int, topology: Topology) -> Passed | None:
    """Say why a rung whose conditions hold leads nowhere: nothing to work on, or tried enough."""
    rung = ladder.rungs[index]
    aim = _aim(incident, rung)
    here = steps(rung.action, aim, topology, incident.owner)
    if not here:
        return Passed(
            index, rung.action, "nothing_there", f"nothing at {aim}", "something to act on"
        )
    if _planned(incident, ladder, index, topology) is not None:
        return None
    lasts = [one for step in here if (one := incident.last_of(rung.action, step)) is not None]
    refused = next((one for one in lasts if one.refused_for_good), None)
    if refused is not None:
        return Passed(index, rung.action, "refused", refused.reason, "a gate that does it")
    tried = f"tried {max(incident.tries(ladder, index, rung.action, aim, s) for s in here)} times"
    return Passed(index, rung.action, "tried", tried, f"fewer than {rung.attempts}")


def _aim(incident: Incident, rung: Rung) -> Target:
    return incident.target if rung.service is None else Target(incident.target.node, rung.service)


def _planned(incident: Incident, ladder: Ladder, index: int, topology: Topology) -> Plan | None:
    """Return a rung that may be tried, or whose marks stand; None for one that leads nowhere."""
    rung = ladder.rungs[index]
    aim = _aim(incident, rung)
    standing = {(one.action, one.gate, lasting(one.args)) for one in incident.marks if one.proved}
    left, done, spent = [], [], []
    for step in steps(rung.action, aim, topology, incident.owner):
        last = incident.last_of(rung.action, step)
        if (rung.action, step.gate, step.args) in standing:
            done.append(step)
        elif last is not None and last.refused_for_good:
            spent.append(step)
        elif incident.tries(ladder, index, rung.action, aim, step) < rung.attempts:
            left.append(step)
        else:
            spent.append(step)
    if not left and not done:
        return None
    if done and action_of(rung.action).scope is Scope.POWER:
        left, spent = [], []  # one fencing host is enough; what another one tried is over
    first = (left or done)[0]
    draft = _draft(incident, ladder, index, rung, aim, first, topology)
    return Plan(ladder, index, rung, tuple(left), tuple(done), tuple(spent), draft)


def _draft(
    incident: Incident,
    ladder: Ladder,
    index: int,
    rung: Rung,
    aim: Target,
    step: Step,
    topology: Topology,
) -> Proposal:
    service = topology.services.get(aim.service or "")
    return Proposal(
        incident=incident,
        ladder=ladder,
        rung_index=index,
        rung=_agreed(rung, step, topology),
        target=aim,
        gate=step.gate,
        args=step.args,
        look=step.look,
        unit=service.unit if service is not None else "",
        mode=topology.mode(ladder, [service.group] if service and service.group else []),
        footprint=NOTHING,
    )


def _agreed(rung: Rung, step: Step, topology: Topology) -> Rung:
    """Return a rung as it is asked for: no ladder waives that an owner agrees to what may bring back older data."""
    if rung.action != RESTORE:
        return rung
    backup = topology.backups.get(dict(step.args)["backup"])
    if backup is not None and backup.rebuildable:
        return rung
    return replace(rung, approve=True, by_owner=True)


def _lost(domain: str, topology: Topology) -> str:
    nodes = ", ".join(sorted(topology.nodes_in(domain)))
    return (
        f"every node of {domain} was lost at the same time: {nodes}. No ladder is for that: a person looks at what "
        "they share, as its switch, its power or its host"
    )


def _person(incident: Incident, passed: tuple[Passed, ...]) -> Escalate:
    last = incident.attempts[-1] if incident.attempts else None
    if last is not None and last.refused_for_good:
        return Escalate(last.reason, last.detail)
    tried = f"{len(incident.attempts)} tried" if last is None else _said(last.outcome, last.reason)
    unlike = [str(one) for one in passed if one.reason not in ("tried", "refused", "nothing_there")]
    return Escalate("ladder_exhausted", "; ".join([tried, *unlike]))


def returning(incident: Incident, mark: Attempt, topology: Topology, now: float) -> Proposal | None:
    """Return what takes a mark back; None where that was tried often enough for now, or its ladder is gone.

    `now` is in steady time.
    """
    ladder = topology.ladders.get(mark.ladder)
    if ladder is None:
        return None
    verb = MARKING[mark.action]
    found = [
        one
        for one in steps(verb, mark.target, topology, incident.owner)
        if (one.gate, one.args) == (mark.gate, lasting(mark.args))
    ]
    if not found:
        return None
    tries = incident.tries(ladder, mark.rung, verb, mark.target, found[0])
    if tries >= RETURNS and not _again(incident.last_of(verb, found[0]), incident, now):
        return None
    set_by = _rung_of(mark, ladder)
    proof = mark.verify or set_by.verify
    rung = replace(set_by, action=verb, fast=False, approve=False, verify=proof)
    return _draft(incident, ladder, mark.rung, rung, mark.target, found[0], topology)


def _rung_of(mark: Attempt, ladder: Ladder) -> Rung:
    """Return the rung that set a mark; where the ladder has none like it any more, one as the journal tells."""
    likely = (*ladder.rungs[mark.rung : mark.rung + 1], *ladder.rungs)
    known = next((one for one in likely if one.action == mark.action), None)
    limit = mark.deadline_at - mark.began_at
    return known or Rung(mark.action, None, False, limit, mark.verify, RETURNS, 0.0)


def _tried(incident: Incident) -> str:
    return f"{len(incident.attempts)} tried under the ladder that it had"


def _again(last: Attempt | None, incident: Incident, now: float) -> bool:
    """Whether a mark that a person was called for is tried once more, slowly."""
    if last is None or incident.state is not State.ESCALATED:
        return False
    return now - last.over >= RETURN_AGAIN


def to_hear(
    incident: Incident, topology: Topology, now: float | None = None
) -> Mapping[str, tuple[str, ...]]:
    """Return the gates that the next decision needs to hear, each with the names it is to look at.

    Balancers are asked only where the next step is theirs or a mark stands there: a dead one answers
    late, and nothing else should wait for that. Where the next step leads nowhere decide.unheard says whom else.
    """
    target = incident.target
    wanted: dict[str, set[str]] = {} if target.domain else {target.node: set()}
    found = plan(incident, topology, now)
    if isinstance(found, Plan):
        wanted[target.node] |= _own_names(found.ladder, target, incident.owner, topology)
        for gate, names in asked_for(found, topology).items():
            wanted.setdefault(gate, set()).update(names)
    for mark in incident.marks:
        for step in steps(MARKING[mark.action], mark.target, topology, incident.owner):
            if step.gate == mark.gate:
                wanted.setdefault(step.gate, set()).add(step.look)
    return {gate: tuple(sorted(names - {""})) for gate, names in wanted.items()}


def asked_for(found: Plan, topology: Topology) -> Mapping[str, set[str]]:
    """Return the gates that a rung needs to hear, each with what it is to look at."""
    wanted: dict[str, set[str]] = {}
    for step in (*found.steps, *found.spent):
        wanted.setdefault(step.gate, set()).add(step.look)
    elsewhere = (
        *exclusive_elsewhere(found, topology),
        *_copies(found, topology),
        *_paced(found, topology),
    )
    for node, name in elsewhere:
        wanted.setdefault(node, set()).add(name)
    return wanted


def _copies(found: Plan, topology: Topology) -> Iterator[tuple[str, str]]:
    """Yield every member of the databases that the rung touches, with the name of its database.

    Of a unit that is Patroni's its own gate is enough: what matters is what this Patroni does, if it does anything.
    """
    action, target = action_of(found.rung.action), found.proposal.target
    if action.scope is Scope.UNIT and action.takes:
        yield from ((target.node, one.look) for one in topology.databases_of(target))
        return
    if action.scope.whole and action.takes:
        target = Target(target.node)
    elif action.scope is not Scope.DATABASE:
        return
    for database in topology.databases_of(target):
        for node in topology.groups[database.group].nodes:
            yield node, database.look


def _paced(found: Plan, topology: Topology) -> Iterator[tuple[str, str]]:
    """Yield every member of the Pacemaker cluster that the rung touches, with the cluster's name.

    Of a node that it takes away yield also the question whether the others would run what runs there.
    """
    action, target = action_of(found.rung.action), found.proposal.target.node
    if action.takes and (action.scope.whole or action.scope.of_pacemaker):
        for cluster in topology.pacemakers_of(target):
            for node in topology.groups[cluster.group].nodes:
                yield node, cluster.look
            if action.scope.whole:
                yield target, cluster.place


def exclusive_elsewhere(found: Plan, topology: Topology) -> Iterator[tuple[str, str]]:
    """Yield the other nodes that may run what the rung would start and only one may run, with its unit."""
    action, node = action_of(found.rung.action), found.proposal.target.node
    if action.takes and action.scope in (Scope.UNIT, Scope.FILES, Scope.NODE):
        for service in topology.services_on(node).values():
            if service.exclusive and service.group is not None:
                others = (one for one in topology.groups[service.group].nodes if one != node)
                yield from ((one, service.unit) for one in others)


def _own_names(ladder: Ladder, target: Target, owner: str, topology: Topology) -> set[str]:
    """Return all that any rung looks at on the target's own node, its own unit among it."""
    service = topology.services.get(target.service or "")
    names = {service.unit} if service is not None else set()
    for rung in ladder.rungs:
        aim = target if rung.service is None else Target(target.node, rung.service)
        found = steps(rung.action, aim, topology, owner)
        names |= {step.look for step in found if step.gate == target.node}
    return names


def _said(outcome: Outcome | None, reason: str) -> str:
    return f"last attempt: {outcome.value if outcome else 'running'} {reason}".strip()
