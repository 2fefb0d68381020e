"""May this healer act now: nobody stopped it, and it sees enough to know what it does."""

from math import inf

from healer.core.alert import Target
from healer.core.facts import Facts, Proposal
from healer.core.maintenance import Maintenance, until_words
from healer.core.pacemaker import pacemaker_paused
from healer.core.patroni import paused
from healer.core.topology import Topology
from healer.core.verdict import SILENCED, Verdict, allow, hold

UNSTOPPED = "no freeze, no silence, no maintenance, no hold"


def stopped_at_large(facts: Facts) -> Verdict:
    """Hold everything while it is frozen, or in maintenance as a whole; the rest depends on the target."""
    topology = facts.topology
    whole = [one for one in topology.maintained(facts.now) if one.nodes >= topology.nodes.keys()]
    stopped = frozen(facts) or (_in_maintenance(whole, (), facts) if whole else None)
    return stopped or allow("not_stopped", have="no freeze", need=UNSTOPPED)


def not_stopped(proposal: Proposal, facts: Facts) -> Verdict:
    """Hold on a freeze, a silence, open maintenance, a paused owner, and on a hold of the node or at its own gate."""
    name, need = "not_stopped", UNSTOPPED
    stopped = (
        frozen(facts)
        or silenced(proposal, facts)
        or maintained(proposal, facts)
        or paused(proposal, facts)
        or pacemaker_paused(proposal, facts)
    )
    if stopped is not None:
        return stopped
    # What is held is neither touched nor acted through.
    held = [node for node in (proposal.target.node, proposal.gate) if node in facts.standing.held]
    if held:
        return hold(
            name,
            "person_hold",
            have=facts.standing.held[held[0]],
            need=need,
            sentence=f"A person holds {held[0]}. To let it go: hale-healer release {held[0]}",
        )
    locked = locked_away(proposal, facts)
    if locked is not None:
        return locked
    acting = facts.heard(proposal.gate).look
    if acting is None:
        return hold(
            name,
            "gate_hold",
            have="the gate was not heard",
            need=need,
            sentence=f"{proposal.gate} may be held at its own gate, which does not answer.",
        )
    # A drain is done by a balancer's gate; a hold on the member itself says no to it as well.
    for node in (proposal.gate, proposal.target.node):
        look = facts.heard(node).look
        if look is not None and look.holds:
            return hold(
                name,
                "gate_hold",
                have=", ".join(look.holds),
                need=need,
                sentence=f"{node} is held at its own gate. To let it go: hale-gate release",
            )
    return allow(name, have="none of them", need=need)


def frozen(facts: Facts) -> Verdict | None:
    """Hold everything while a person froze it."""
    reasons = facts.standing.frozen
    if not reasons:
        return None
    return hold(
        "not_stopped",
        "frozen",
        have=", ".join(reasons),
        need=UNSTOPPED,
        sentence="A person froze Hale. To let it go on: hale-healer unfreeze",
    )


def silenced(proposal: Proposal, facts: Facts) -> Verdict | None:
    """Hold where a person silenced the incident's own alert, or one about what the action takes along."""
    # Of alerts that fire now; what the journal says of one that ended may be long over.
    now_silenced, name = facts.standing.silenced, "not_stopped"
    ours = [one.name for one in proposal.incident.alerts if one.fingerprint in now_silenced]
    if ours:
        return hold(
            name,
            SILENCED,
            have=", ".join(ours),
            need=UNSTOPPED,
            sentence="A person silenced this in Alertmanager, so they are at work on it.",
        )
    at_work = facts.standing.at_work
    near = sorted((one for one in at_work if _reaches(proposal, one, facts.topology)), key=str)
    wide = facts.standing.groups_at_work
    groups = sorted(proposal.footprint.groups & wide.keys())
    if not (near or groups) or not proposal.disrupts:
        return None
    said = [f"{at_work[one]} of {one}" for one in near]
    said += [f"{wide[one]} of group {one}" for one in groups]
    return hold(
        name,
        "silenced_nearby",
        have=", ".join(said),
        need=UNSTOPPED,
        sentence=f"{proposal.rung.action} would reach into what a person silenced, so they may be at work there.",
    )


def maintained(proposal: Proposal, facts: Facts) -> Verdict | None:
    """Hold while a node that the action touches or acts through lies in an open maintenance window."""
    nodes = (proposal.target.node, proposal.gate, *sorted(proposal.footprint.nodes))
    over = [one for one in facts.topology.maintained(facts.now) if not one.nodes.isdisjoint(nodes)]
    return _in_maintenance(over, nodes, facts) if over else None


def locked_away(proposal: Proposal, facts: Facts) -> Verdict | None:
    """Hold while a node that the action touches or acts through is locked: whoever locked it is at work there."""
    nodes = dict.fromkeys((proposal.target.node, proposal.gate, *sorted(proposal.footprint.nodes)))
    found = ((node, facts.lock_of(node)) for node in nodes)
    locked = next(((node, why) for node, why in found if why is not None), None)
    if locked is None:
        return None
    node, why = locked
    return hold(
        "not_stopped",
        "node_locked",
        have=f"{node}: {why}",
        need=UNSTOPPED,
        sentence=f"{node} is locked ({why}). To end it: hale-healer maintenance end {node}, or hale-gate unlock there",
    )


def _in_maintenance(over: list[Maintenance], nodes: tuple[str, ...], facts: Facts) -> Verdict:
    topology = facts.topology
    pairs = [(one, one.until(facts.now, topology.time_zone)) for one in over]
    last, ends = max(pairs, key=lambda pair: inf if pair[1] is None else pair[1])
    whole = last.nodes >= topology.nodes.keys()
    where = "The whole cluster" if whole else next(one for one in nodes if one in last.nodes)
    then = "To end it, edit cluster.yml." if ends is None else "Then Hale goes on by itself."
    return hold(
        "not_stopped",
        "maintenance",
        have=", ".join(f"{one.name}: {one.reason}, {until_words(at)}" for one, at in pairs),
        need=UNSTOPPED,
        sentence=f"{where} is in maintenance {until_words(ends)} ({last.name}: {last.reason}). {then}",
    )


def _reaches(proposal: Proposal, at_work: Target, topology: Topology) -> bool:
    """Whether an action takes along what a person is at work on, or anything in a failure domain that they are."""
    taken, inside = proposal.footprint, topology.nodes_in(at_work.domain)
    return taken.covers(at_work) or any(one.node in inside for one in taken.targets)


def sees_enough(_: Proposal, facts: Facts) -> Verdict:
    """Hold unless this healer leads and sees the pipeline, the nodes and the time as they are."""
    return sight(facts)


def sight(facts: Facts) -> Verdict:
    """Say the same of whatever is proposed: no target is seen better than another."""
    name, standing = "sees_enough", facts.standing
    if not standing.leader:
        return hold(
            name,
            "not_leader",
            have="no lease",
            need="the lease",
            sentence="Another healer leads, or this one's lease ran out.",
        )
    longest = facts.topology.numbers.watchdog_age
    age = standing.watchdog_age
    if age is None or age > longest:
        return hold(
            name,
            "no_watchdog",
            have="not heard" if age is None else f"{age:.0f} s ago",
            need=f"Watchdog within {longest:g} s",
            sentence="The Watchdog alert stopped, so alerts may be missing. Look at Prometheus and Alertmanager.",
        )
    if not standing.sight_complete:
        return hold(
            name,
            "alertmanager_silent",
            have="not every Alertmanager answered",
            need="an answer from each whose node anybody hears",
            sentence="An Alertmanager that does not answer may know of a silence.",
        )
    if standing.clock_jumped is not False:
        return hold(
            name,
            "clock_jumped",
            have="unknown" if standing.clock_jumped is None else "jumped",
            need="a steady clock",
            sentence="The wall clock moved against the machine's uptime, so no age can be trusted.",
            passing=True,
        )
    return _majority(facts)


def _majority(facts: Facts) -> Verdict:
    name, total = "sees_enough", len(facts.topology.nodes)
    seen = 0 if facts.picture is None else facts.picture.seen(facts.topology.nodes)
    have, need = f"{seen} of {total} nodes", f"more than {total // 2}"
    if not facts.majority:
        return hold(
            name,
            "minority",
            have=have,
            need=need,
            sentence="Hale sees too few nodes; it may be the one that is cut off.",
        )
    return allow(name, have=f"leader, Watchdog, {have}", need=need)
