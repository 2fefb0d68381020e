"""What the guards say of Pacemaker clusters: whether Pacemaker decides there, and whether it rests.

Rule: what no member's gate says is unknown, and unknown holds.
"""

from healer.core.actions import BAR, FAILOVER, LOCK, STANDBY, SWITCHOVER, action_of
from healer.core.alert import Target
from healer.core.facts import Facts, Proposal
from healer.core.look import PacemakerLook
from healer.core.topology import Pacemaker
from healer.core.verdict import Verdict, allow, hold

OWNER_SETTLED = "owner_settled"

ENDS_IN_STANDBY = frozenset({LOCK, SWITCHOVER, BAR, FAILOVER, STANDBY})
"""Verbs by which upkeep takes a node: with the last one the gate asks Pacemaker's scheduler whether others would run
all that runs there. No gate asks before anything else that takes a node away, such as a ladder's node.reboot."""


def touched(proposal: Proposal, facts: Facts) -> tuple[Pacemaker, ...]:
    """Return the clusters of which the action takes a node away, or touches a resource."""
    action = action_of(proposal.rung.action)
    if not action.takes or not (action.scope.whole or action.scope.of_pacemaker):
        return ()
    return facts.topology.pacemakers_of(proposal.target.node)


def seen(cluster: Pacemaker, node: str, facts: Facts) -> PacemakerLook | None:
    """Return a cluster as a node's own gate sees it; as another member's where that one sees none; None for neither."""
    members = facts.topology.groups[cluster.group].nodes
    for member in (node, *members):
        look = facts.heard(member).look
        found = look.pacemakers.get(cluster.name) if look is not None else None
        if found is not None:
            return found
    return None


def stands_by(group: str, node: str, facts: Facts) -> bool:
    """Tell whether Pacemaker could at once run on a node all of a group that it runs on another one, and on one alone.

    It may move it, the node is able to run it, and nothing at all has failed there. What no gate says is no. A
    constraint of location is not seen from here: `ENDS_IN_STANDBY`.
    """
    topology = facts.topology
    services = [one for one in topology.services.values() if one.group == group]
    return bool(services) and all(
        one.exclusive and _may_come(Target(node, one.name), facts) for one in services
    )


def _may_come(target: Target, facts: Facts) -> bool:
    for cluster, resource in facts.topology.resources_of(target):
        look = seen(cluster, target.node, facts)
        member = look.nodes.get(target.node) if look is not None else None
        if look is None or member is None:
            return False
        elsewhere = set(look.running.get(resource, ())) - {target.node}
        clean = all(one.node != target.node for one in look.failures)
        return member.able and clean and bool(elsewhere) and resource in look.movable
    return False


def pacemaker_paused(proposal: Proposal, facts: Facts) -> Verdict | None:
    """Hold what touches a cluster that a person told to leave everything alone; None where nobody says so."""
    for cluster in touched(proposal, facts):
        look = seen(cluster, proposal.target.node, facts)
        if look is not None and look.maintenance:
            return hold(
                "not_stopped",
                "pacemaker_paused",
                have=f"{cluster.name} is in maintenance-mode",
                need="no maintenance-mode",
                sentence=f"A person put {cluster.name} in maintenance-mode. To end it: "
                "crm_attribute --name maintenance-mode --delete",
            )
    return None


def pacemaker_settled(proposal: Proposal, facts: Facts) -> Verdict | None:
    """Say whether Pacemaker decides and rests in every cluster that the action touches; None where it touches none."""
    said = []
    for cluster in touched(proposal, facts):
        verdict = _rests(cluster, proposal, facts)
        if not verdict.allowed:
            return verdict
        said.append(verdict)
    if not said:
        return None
    return allow(OWNER_SETTLED, have="; ".join(one.have for one in said), need=said[0].need)


def _rests(cluster: Pacemaker, proposal: Proposal, facts: Facts) -> Verdict:
    least = facts.topology.numbers.owner_settled_pacemaker
    need = f"a quorum, no fencing, {least:g} s since the last failure"
    look = seen(cluster, proposal.target.node, facts)
    if look is None:
        return hold(
            OWNER_SETTLED,
            "pacemaker_unknown",
            have=f"no member's gate says how {cluster.name} is",
            need=need,
            sentence=f"Nobody says how Pacemaker's {cluster.name} is, so it may be at work there. "
            "On a member: crm_mon -1",
        )
    if not look.quorum:
        return hold(
            OWNER_SETTLED,
            "pacemaker_no_quorum",
            have=f"{cluster.name} has no quorum",
            need=need,
            sentence=f"{cluster.name} has no quorum, so Pacemaker decides nothing there. Bring its nodes back.",
        )
    busy = [*(f"{one} is being fenced" for one in look.fencing)]
    busy += [f"{name} is unclean" for name, one in sorted(look.nodes.items()) if one.unclean]
    if busy:
        return hold(
            OWNER_SETTLED,
            "owner_busy",
            have=", ".join(busy),
            need=need,
            sentence=f"Pacemaker of {cluster.name} fences by itself, and nothing else is done meanwhile.",
            passing=True,
        )
    ours = (one for one in look.failures if one.resource in cluster.resources)
    ages = [one.age_seconds for one in ours if one.age_seconds is not None]
    if ages and min(ages) < least:
        return hold(
            OWNER_SETTLED,
            "owner_settling",
            have=f"a resource failed {min(ages):.0f} s ago",
            need=need,
            sentence=f"A resource of {cluster.name} has just failed; Pacemaker has its own time first.",
            passing=True,
        )
    return allow(OWNER_SETTLED, have=f"Pacemaker of {cluster.name} rests", need=need)
