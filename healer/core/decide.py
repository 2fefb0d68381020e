"""What to do next about an incident: one pure function from facts to one decision."""

from healer.core.actions import FAILOVER, FENCE, MARKING, REINIT, SWITCHOVER, Step
from healer.core.attempt import Attempt, Outcome
from healer.core.databases import seen
from healer.core.decision import Act, Close, Decision, Hold, Mitigate, Stay
from healer.core.draft import first, judged, with_step
from healer.core.facts import Facts
from healer.core.guards.grounds import confirmed
from healer.core.incident import DENIED, NOT_RETURNED, NOT_TRUE, Incident
from healer.core.look import POWER
from healer.core.plan import (
    Escalate,
    Plan,
    asked_for,
    exclusive_elsewhere,
    plan,
    returning,
    to_hear,
)
from healer.core.recovery import SILENT, fell_silent
from healer.core.states import State
from healer.core.topology import Topology

UNSENT = 5
"""So many attempts in a row that never left us, or came at a bad moment each, are a person's."""


BOOT_SECONDS = 600.0
"""So long an admitted node may take until it is heard of; then a person has it."""


BY_HAND = "by_hand"
"""How an incident ends that a person settled."""


def decide(incident: Incident, facts: Facts, clear_for: float | None) -> Decision:
    """Choose what happens next with an incident that is not acting or being verified.

    Args:
        incident: As the journal has it.
        facts: Read for this decision.
        clear_for: For how long the trouble was seen gone on fresh samples, seconds; None if it was not.
    """
    step = plan(incident, facts.topology, facts.now)
    soak = 0.0 if incident.settled_by else _soak(incident, facts.topology)
    if clear_for is not None and clear_for >= soak:
        return _give_back(incident, facts) or _close(incident, clear_for)
    if incident.admitted_by is not None:
        return _admit(incident, facts)
    if incident.settled_by and incident.state is not State.ESCALATED:
        return _came_back(incident, facts)
    if incident.state is State.ESCALATED or (clear_for is not None and isinstance(step, Escalate)):
        return Stay()  # a person has it, or it is over as soon as it has stayed so
    if incident.state is State.MITIGATED and _silence_is_news(incident, facts):
        return _give_back(incident, facts) or Stay()
    never, gone = _never_sent(incident), ""
    while isinstance(step, Plan):
        alive = [one for one in step.steps if _leads_on(step.rung.action, one, facts)]
        if alive:
            if incident.state is State.MITIGATED and step.rung.action not in MARKING:
                return Stay()
            return never or first([with_step(step.proposal, one) for one in alive], facts)
        if step.set and all(is_lost(one.gate, facts) for one in step.spent):
            return Stay() if incident.state is State.MITIGATED else _mitigated(step)
        gone = next((one.gate for one in step.steps if is_lost(one.gate, facts)), gone)
        step = plan(incident, facts.topology, facts.now, after=step.rung_index)
    if incident.state is State.MITIGATED:
        return Stay()
    return _gone(gone) if gone and not incident.attempts else step


def unheard(incident: Incident, facts: Facts) -> dict[str, tuple[str, ...]]:
    """Return the gates of a later rung that have to be asked too, since every rung before it leads nowhere.

    Empty where the facts suffice. Asked again with these, it says whether a further rung needs more.
    """
    step = plan(incident, facts.topology, facts.now)
    while isinstance(step, Plan):
        wanted = asked_for(step, facts.topology)
        missing = {
            gate: tuple(sorted(names - {""}))
            for gate, names in wanted.items()
            if gate not in facts.gates
        }
        missing = missing or _powers(incident, step, facts)
        if missing or any(_leads_on(step.rung.action, one, facts) for one in step.steps):
            return missing
        if step.set and all(is_lost(one.gate, facts) for one in step.spent):
            break
        step = plan(incident, facts.topology, facts.now, after=step.rung_index)
    return {}


def _powers(incident: Incident, step: Plan, facts: Facts) -> dict[str, tuple[str, ...]]:
    """Return the fencing hosts to be asked how the power of silent nodes is that may run what is to be started.

    A power device is asked only then: some take seconds to answer, and none likes to be asked every two.
    """
    topology, found = facts.topology, dict[str, set[str]]()
    for node, _ in exclusive_elsewhere(step, topology):
        if node not in facts.gates or facts.heard(node).look is not None:
            continue
        for host in topology.fencing.get(node, ()):
            look = facts.heard(host).look
            if host not in facts.gates or (look is not None and node not in look.powers):
                found.setdefault(host, set()).add(f"{POWER}{node}")
    before = to_hear(incident, topology, facts.now)
    return {host: tuple(sorted({*names, *before.get(host, ())})) for host, names in found.items()}


def _silence_is_news(incident: Incident, facts: Facts) -> bool:
    """Whether people are to read that nothing tells of it any more, or that something does again."""
    known = incident.hold is not None and incident.hold.reason == SILENT
    return incident.mitigation != "" and (known or fell_silent(incident, facts))


def _mitigated(step: Plan) -> Mitigate:
    where = ", ".join(one.gate for one in step.set)
    return Mitigate(f"{step.rung.action} of {step.proposal.target} stands on {where}")


def is_lost(gate: str, facts: Facts) -> bool:
    """Whether a gate's node is proven out: nobody hears of it at all, so it balances for nobody.

    Nobody's death is proved in a storm, or where we may be the ones who are cut off: the guards hold on that.
    """
    heard = facts.heard(gate)
    health = None if facts.picture is None else facts.picture.nodes.get(gate)
    dead = health is not None and health.scraped is False and health.reached is False
    if not dead or heard.look is not None or heard.busy:
        return False
    return facts.weather.storm is None and facts.majority


def _leads_on(action: str, step: Step, facts: Facts) -> bool:
    """Whether a step may be done: its gate's node lives, and there is something for it to do there.

    Who does not lead is not switched over, and who leads is not copied anew; while nobody says who leads, guards hold.
    """
    if is_lost(step.gate, facts):
        return False
    if action not in (SWITCHOVER, FAILOVER, REINIT):
        return True
    database = facts.topology.databases.get(dict(step.args)["database"])
    look = seen(database, facts) if database is not None else None
    if look is None or look.leader is None:
        return True
    return (look.leader == step.gate) is (action != REINIT)


def _give_back(incident: Incident, facts: Facts) -> Decision | None:
    """Take back what the incident has marked, before it may be over; None where nothing stands."""
    if not incident.marks:
        return None
    able = [returning(incident, one, facts.topology, facts.steady) for one in incident.marks]
    drafts = [one for one in able if one is not None]
    # Those that can be asked come first; the others hold until their node is back.
    drafts.sort(key=lambda one: facts.heard(one.gate).look is None)
    if drafts:
        never = _never_sent(incident) if incident.state is not State.ESCALATED else None
        return never or first(drafts, facts)
    if incident.state is State.ESCALATED and incident.escalation in (DENIED, NOT_RETURNED):
        return Stay()
    left = incident.marks[0]
    return Escalate(NOT_RETURNED, f"the mark of {left.action} on {left.gate} could not be undone")


def would_return(incident: Incident, mark: Attempt, facts: Facts) -> Act | Hold | None:
    """Say what the guards answer to taking one mark back now.

    Args:
        incident: Whose mark it is.
        mark: The attempt that set it.
        facts: Read for this question.

    Returns:
        None where it was tried often enough for now, or its ladder is gone.
    """
    draft = returning(incident, mark, facts.topology, facts.steady)
    return None if draft is None else judged(draft, facts)


def _soak(incident: Incident, topology: Topology) -> float:
    """Return for how long it must stay clear: as long as the ladder's first proof."""
    ladder = topology.ladders.get(incident.ladder)
    proofs = (one.verify for one in ladder.rungs) if ladder is not None else ()
    return next((one.soak_seconds for one in proofs if one is not None), 30.0)


def _close(incident: Incident, clear_for: float) -> Close:
    if incident.settled_by:
        return Close(BY_HAND, f"{incident.settled_by}: {incident.settlement}")
    if not incident.confirmed:
        return Close(NOT_TRUE, "never found true on fresh evidence")
    return Close("cleared", f"seen clear for {clear_for:.0f} s")


def _admit(incident: Incident, facts: Facts) -> Decision:
    """Have a node that a person admits switched on, and wait until it is heard of; nothing else is tried meanwhile."""
    off = [one for one in incident.marks if one.action == FENCE]
    drafts = [returning(incident, one, facts.topology, facts.steady) for one in off]
    able = [one for one in drafts if one is not None]
    if able:
        return _never_sent(incident) or first(able, facts)
    if incident.state is State.ESCALATED:
        return Stay()
    if off:
        return Escalate(
            NOT_RETURNED, f"{off[0].target.node} could not be switched on: {off[0].gate}"
        )
    if facts.steady - incident.admitted < BOOT_SECONDS:
        return Stay()
    detail = f"{incident.target.node} was switched on, and {incident.cause.name} is still true"
    return Escalate("not_back", detail)


def _came_back(incident: Incident, facts: Facts) -> Escalate | Stay:
    """Leave to people what they settled by hand, and tell them where it is true again before all is given back."""
    if not confirmed(facts.evidence, facts.topology.numbers.evidence_age):
        return Stay()
    return Escalate("came_back", f"{incident.settled_by} had settled it: {incident.settlement}")


def _never_sent(incident: Incident) -> Escalate | None:
    tail = incident.counted[-UNSENT:]
    if len(tail) == UNSENT and not any(one.touched for one in tail):
        last = tail[-1]
        return Escalate(
            "never_sent" if last.outcome is Outcome.NOT_SENT else last.reason, last.detail
        )
    return None


def _gone(node: str) -> Escalate:
    """Say why nothing was even tried: nothing can be done on a node that nobody hears of."""
    return Escalate("node_gone", f"{node} answers neither Prometheus, nor its peers, nor us")
