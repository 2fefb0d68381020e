"""What only one node may have at a time: its old owner is proven off before another one gets it.

Rule: there is no verb that fences a node yet, so a node that cannot be asked is never proven off.
"""

from healer.core.actions import Scope, action_of
from healer.core.facts import Facts, Proposal
from healer.core.guards.grounds import FAILED_STATES
from healer.core.topology import Service, Topology
from healer.core.verdict import Verdict, allow, hold

NAME = "fenced"

NEED = "every other node of its group proven off, each by its own gate"


def fenced(proposal: Proposal, facts: Facts) -> Verdict:
    """Hold what would start an exclusive service while another node may run it."""
    started = taken_over(proposal, facts.topology)
    if not started:
        return allow(NAME, have="takes over nothing exclusive", need="-")
    for service in started:
        for node in others(service, proposal.target.node, facts.topology):
            how = _runs(service, node, facts)
            if how:
                return hold(
                    NAME,
                    "not_fenced",
                    have=f"{service.name} on {node}: {how}",
                    need=NEED,
                    sentence=f"{service.name} may run on one node only, and {node} is not proven off: "
                    "two would do harm, so a person looks.",
                )
    named = ", ".join(service.name for service in started)
    return allow(NAME, have=f"{named} runs on no other node", need=NEED)


def taken_over(proposal: Proposal, topology: Topology) -> list[Service]:
    """Return the exclusive services that the action starts where it acts.

    A restart starts its unit and what depends on it, a boot all that is on the node. A virtual address is no
    such case: who declines it lets go of it first, by its own gate.
    """
    action = action_of(proposal.rung.action)
    if not action.takes or action.scope not in (Scope.UNIT, Scope.NODE):
        return []
    names = {one.service for one in proposal.footprint.targets if one.service is not None}
    return [topology.services[name] for name in sorted(names) if topology.services[name].exclusive]


def others(service: Service, node: str, topology: Topology) -> list[str]:
    """Return the other nodes that may run a service."""
    group = topology.groups.get(service.group or "")
    return [one for one in group.nodes if one != node] if group is not None else []


def _runs(service: Service, node: str, facts: Facts) -> str:
    """Return why a node is not proven off; empty where its gate says that systemd runs nothing of the unit."""
    look = facts.heard(node).look
    unit = None if look is None else look.units.get(service.unit)
    if unit is None:
        return "its gate does not say"
    if unit.active_state not in FAILED_STATES:
        return unit.active_state
    return "a job is queued" if unit.job else ""
