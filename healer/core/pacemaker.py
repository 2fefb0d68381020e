"""What the guards say of Pacemaker clusters: whether Pacemaker decides there, and whether it rests.

Rule: what no member's gate says is unknown, and unknown holds.
"""

from collections.abc import Collection

from healer.core.actions import BAR, FAILOVER, LOCK, STANDBY, SWITCHOVER, action_of
from healer.core.alert import Target
from healer.core.facts import Facts, Proposal
from healer.core.look import PacemakerLook
from healer.core.topology import Pacemaker
from healer.core.verdict import Verdict, allow, hold

OWNER_SETTLED = "owner_settled"

ENDS_IN_STANDBY = frozenset({LOCK, SWITCHOVER, BAR, FAILOVER, STANDBY})
"""Verbs by which upkeep takes a node: with the last one Pacemaker moves all that runs there, before anything stops. A
ladder's node.reboot stops it on a node that is sick already, so who could only take over is not available for it."""


LEAST_VOTERS = 3


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


def no_place(guard: str, proposal: Proposal, facts: Facts, out: Collection[str]) -> Verdict | None:
    """Hold what takes a node away while something that Pacemaker runs would then run nowhere, or nobody knows.

    Args:
        guard: In whose name.
        proposal: What would be done; only what takes a whole node is asked about.
        facts: Among them what Pacemaker's scheduler says, by the node's own gate.
        out: Groups from which nothing is left to take; repair must stay possible.
    """
    for cluster in touched(proposal, facts) if proposal.scope.whole else ():
        node = proposal.target.node
        lost = _homeless(cluster, node, facts)
        if lost == () or not_needed(cluster, node, facts, out):
            continue
        return hold(
            guard,
            "no_place",
            have="nobody says whether they would" if lost is None else ", ".join(lost) + " nowhere",
            need=f"other nodes of {cluster.name} would run all that runs on {node}",
            sentence=f"Without {node} Pacemaker would run something of {cluster.name} nowhere, or cannot be asked. "
            f"On {node}: crm_simulate --live-check --simulate --node-down {node}",
        )
    return None


def outvoted(guard: str, proposal: Proposal, facts: Facts) -> Verdict | None:
    """Hold what takes away a node that votes, where the others of its cluster would be no majority: all would stop.

    Of two nodes corosync lets one go on (votequorum(5), two_node), so nobody is asked there. A node that is locked
    votes still, and may be gone at any moment.
    """
    node = proposal.target.node
    for cluster in touched(proposal, facts) if proposal.scope.whole else ():
        members, look = facts.topology.groups[cluster.group].nodes, seen(cluster, node, facts)
        own = look.nodes.get(node) if look is not None else None
        if look is None or own is None or not own.online or len(members) < LEAST_VOTERS:
            continue  # nobody says how it is, which holds already; or it votes no more
        others = (one for one in members if one != node and facts.lock_of(one) is None)
        known = (look.nodes.get(one) for one in others)
        left = sum(one is not None and one.online and not one.unclean for one in known)
        if left * 2 <= len(members):
            return hold(
                guard,
                "quorum",
                have=f"{left} of {len(members)} nodes of {cluster.name} left online",
                need=f"{len(members) // 2 + 1} left online",
                sentence=f"Without {node} corosync has no majority of {cluster.name}, and Pacemaker stops all of it.",
            )
    return None


def waived(proposal: Proposal, facts: Facts, out: Collection[str]) -> tuple[Pacemaker, ...]:
    """Return the clusters that can do without the node whatever the scheduler says, which its gate is then told."""
    node = proposal.target.node
    return tuple(
        cluster
        for cluster in (touched(proposal, facts) if proposal.scope.whole else ())
        if _homeless(cluster, node, facts) != () and not_needed(cluster, node, facts, out)
    )


def not_needed(cluster: Pacemaker, node: str, facts: Facts, out: Collection[str]) -> bool:
    """Tell whether a node serves nothing of a cluster: its group is proven out, or Pacemaker has ended there.

    The latter is said by another member with a quorum, for which the node is neither online nor unclean, and is
    asked only where Pacemaker on the node itself says nothing.
    """
    if cluster.group in out:
        return True
    own = facts.heard(node).look
    if own is None or own.pacemakers.get(cluster.name) is not None:
        return False
    look = seen(cluster, node, facts)
    member = look.nodes.get(node) if look is not None else None
    if look is None or member is None or not look.quorum:
        return False
    runs = any(node in nodes for nodes in look.running.values())
    return not (member.online or member.unclean or runs)


def _homeless(cluster: Pacemaker, node: str, facts: Facts) -> tuple[str, ...] | None:
    look = facts.heard(node).look
    return None if look is None else look.places.get(cluster.name)


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
