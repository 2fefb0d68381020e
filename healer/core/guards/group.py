"""What the others can bear: capacity, and one thing at a time."""

from healer.core.facts import Facts, Health, Proposal
from healer.core.guards.grounds import FAILED_STATES, confirmed, seen_unit
from healer.core.guards.witnesses import CALLS_DEAD, two_witnesses
from healer.core.pacemaker import ENDS_IN_STANDBY, no_place, stands_by
from healer.core.topology import EXPORTER, UNKNOWN_DOMAIN, Group
from healer.core.verdict import Verdict, allow, hold


def proven_out(proposal: Proposal, facts: Facts) -> frozenset[str]:
    """Return the groups from which nothing is left to take, since their member certainly serves nobody.

    For the target's own group two of Prometheus' fresh words, that the rule is true and that
    hale_service_up is 0, and a third one from outside it are needed: the gate's look at the unit, or
    the service's probe from here. For any other group that a
    stop of the unit takes along, and for its own where more goes than the unit, each of its services
    there has to be seen down. A group of which no service goes is never out: nobody sees how it is.
    A node that is called dead is out of all its groups once all its witnesses miss it.
    """
    if proposal.rung.action in CALLS_DEAD and two_witnesses(proposal, facts).allowed:
        return (
            proposal.footprint.groups
        )  # nobody hears of the node: it certainly serves nobody whom we could hear of
    if not _target_out(proposal, facts):
        return frozenset()
    topology = facts.topology
    own = topology.services[proposal.target.service or ""].group
    still_up = {
        topology.services[target.service].group
        for target in proposal.footprint.targets
        if target.service not in (None, EXPORTER)
        and (facts.picture is None or facts.picture.services.get(target) is not False)
    }
    gone = {
        topology.services[target.service].group
        for target in proposal.footprint.targets
        if target.service is not None
    }
    spared = own if proposal.scope.of_unit else None
    return frozenset(
        group
        for group in proposal.footprint.groups & gone
        if group == spared or group not in still_up
    )


def _target_out(proposal: Proposal, facts: Facts) -> bool:
    if proposal.target != proposal.incident.target or proposal.target.service is None:
        return False  # the evidence is about something else than what would be stopped
    if not confirmed(facts.evidence, facts.topology.numbers.evidence_age):
        return False
    # The rule may be about anything, as may the series that proves its rung. This is hale_service_up, on fresh samples.
    if facts.picture is None or facts.picture.services.get(proposal.target) is not False:
        return False
    unit = seen_unit(proposal, facts)
    dead_unit = unit is not None and unit.active_state in FAILED_STATES
    return dead_unit or facts.outside is False


def capacity(proposal: Proposal, facts: Facts) -> Verdict:
    """Hold if the action could take away what some group of its footprint cannot spare."""
    name, topology = "capacity", facts.topology
    if not proposal.footprint.groups:
        return allow(name, have="takes nothing away", need="-")
    out = proven_out(proposal, facts)
    said = []
    for group in (topology.groups[one] for one in sorted(proposal.footprint.groups)):
        left = _left_without(group, proposal, facts)
        said.append(f"{group.name}: {left} of {len(group.nodes)}, needs {group.min_available}")
        # Nothing is left to take from a member that is proven out; repair must stay possible.
        if left < group.min_available and group.name not in out:
            return hold(
                name,
                "capacity",
                have=f"{left} left in {group.name}",
                need=f"{group.min_available} left in {group.name}",
                sentence=f"{group.name} cannot spare {proposal.target.node} now.",
            )
    placeless = no_place(name, proposal, facts, out)
    if placeless is not None:
        return placeless
    have = "; ".join(said) + "".join(f", proven out of {group}" for group in sorted(out))
    return allow(name, have=have, need="min_available of each group, or the target proven out")


def _left_without(group: Group, proposal: Proposal, facts: Facts) -> int:
    taken = {
        target.node
        for running in facts.running
        for target in running.footprint.targets
        if group.name in running.footprint.groups
    }
    taken |= proposal.footprint.nodes | facts.out_of(group.name)
    # Of the others unknown counts as down.
    others = (node for node in group.nodes if node not in taken)
    moved = proposal.rung.action in ENDS_IN_STANDBY
    return sum(
        facts.health(group.name, node) is Health.SERVING
        or (moved and stands_by(group.name, node, facts))
        for node in others
    )


def _locked_nearby(proposal: Proposal, facts: Facts) -> str:
    """Say which other node of the same group or failure domain is locked, and for what; empty where none is."""
    topology, mine = facts.topology, proposal.footprint
    members = {node for group in mine.groups for node in topology.groups[group].nodes}
    domains = mine.failure_domains - {UNKNOWN_DOMAIN}
    near = (
        f"{node}: {why}"
        for node, why in sorted(facts.locks.items())
        if node not in mine.nodes | facts.together
        and (
            node in members
            or (node in topology.nodes and topology.nodes[node].failure_domain in domains)
        )
    )
    return ", ".join(near)


def one_at_a_time(proposal: Proposal, facts: Facts) -> Verdict:
    """Hold while something else is taken in the same group or failure domain."""
    name, mine = "one_at_a_time", proposal.footprint
    need = "nothing else under way in the group and failure domain"
    out = bool(mine.groups) and mine.groups <= proven_out(proposal, facts)
    for other in facts.running:
        theirs = other.footprint
        same_target = any(map(mine.covers, theirs.targets)) or any(map(theirs.covers, mine.targets))
        near = bool(mine.groups & theirs.groups or mine.failure_domains & theirs.failure_domains)
        if same_target or (near and proposal.disrupts and other.disrupts and not out):
            return hold(
                name,
                "busy",
                have=f"{other.action} on {other.target} (incident {other.incident})",
                need=need,
                sentence="Another action is under way close by; this one waits for its end.",
                passing=True,
            )
    if proposal.disrupts and not out and (near_lock := _locked_nearby(proposal, facts)):
        return hold(
            name,
            "locked_nearby",
            have=near_lock,
            need=need,
            sentence="A node close by is away for maintenance; this one waits until it is back.",
        )
    have = "target proven out" if out else "nothing near"
    return allow(name, have=have, need=need)
