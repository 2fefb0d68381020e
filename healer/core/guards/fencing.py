"""What only one node may have at a time: its old owner is proven off before another one gets it.

Rule: a node whose own gate is silent is off when a fencing host has it marked as fenced, and its power device just
said once more that it is off.
"""

from healer.core.actions import FENCE, LOCK, Scope, action_of
from healer.core.alert import Target
from healer.core.facts import Facts, Proposal
from healer.core.guards.grounds import FAILED_STATES
from healer.core.topology import Service, Topology
from healer.core.verdict import Verdict, allow, hold

NAME = "fenced"

NEED = "every other node of its group proven off, by its own gate or fenced"

OFF = "off"


def fenced(proposal: Proposal, facts: Facts) -> Verdict:
    """Hold what would start an exclusive service while another node may run it."""
    started = taken_over(proposal, facts.topology)
    if not started:
        return allow(NAME, have="takes over nothing exclusive", need="-")
    for service in started:
        for node in others(service, proposal.target.node, facts.topology):
            how = _runs(service, node, facts) or _being_started(service, node, facts)
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
    elsewhere = {
        node for one in started for node in others(one, proposal.target.node, facts.topology)
    }
    cut = [f"{node} {how}" for node in sorted(elsewhere) if (how := fenced_by(node, facts))]
    return allow(NAME, have="; ".join([f"{named} runs on no other node", *cut]), need=NEED)


def taken_over(proposal: Proposal, topology: Topology) -> list[Service]:
    """Return the exclusive services that the action starts where it acts.

    A restart starts its unit and what depends on it, a boot all that is on the node, and a lock nothing. A virtual
    address is no such case: who declines it lets go of it first, by its own gate.
    """
    if not _starts(proposal.rung.action):
        return []
    names = {one.service for one in proposal.footprint.targets if one.service is not None}
    return [topology.services[name] for name in sorted(names) if topology.services[name].exclusive]


def _starts(verb: str) -> bool:
    """Whether a verb has what it stops start again, by itself or by a boot."""
    action = action_of(verb)
    starts = action.takes and action.scope in (Scope.UNIT, Scope.FILES, Scope.NODE)
    return starts and verb != LOCK


def others(service: Service, node: str, topology: Topology) -> list[str]:
    """Return the other nodes that may run a service."""
    group = topology.groups.get(service.group or "")
    return [one for one in group.nodes if one != node] if group is not None else []


def _runs(service: Service, node: str, facts: Facts) -> str:
    """Return why a node is not proven off; empty where its gate says that systemd runs nothing of the unit."""
    look = facts.heard(node).look
    unit = None if look is None else look.units.get(service.unit)
    if look is None and fenced_by(node, facts):
        return ""
    if unit is None:
        return f"its gate does not say{_power(node, facts)}"
    if unit.active_state not in FAILED_STATES:
        return unit.active_state
    return "a job is queued" if unit.job else ""


def _being_started(service: Service, node: str, facts: Facts) -> str:
    """Return what is under way on a node that may yet start a service there; empty where nothing is."""
    if fenced_by(node, facts):
        return ""
    place = Target(node, service.name)
    able = (one for one in facts.running if _starts(one.action) and place in one.footprint.targets)
    return next((f"{one.action} is under way (incident {one.incident})" for one in able), "")


def fenced_by(node: str, facts: Facts) -> str:
    """Say who has a node fenced, where its power device just said so too; empty where nobody proves it."""
    for host in facts.topology.fencing.get(node, ()):
        if _marked(node, host, facts) and _read(node, host, facts) == OFF:
            return f"fenced by {host}, which reads it off"
    return ""


def _marked(node: str, host: str, facts: Facts) -> bool:
    look = facts.heard(host).look
    marks = look.marks if look is not None else None
    return any((one.mark, one.subject) == (FENCE, node) for one in marks or ())


def _read(node: str, host: str, facts: Facts) -> str | None:
    look = facts.heard(host).look
    return look.powers.get(node) if look is not None else None


def _power(node: str, facts: Facts) -> str:
    """Say what the fencing hosts know of a node that they do not prove off."""
    hosts = facts.topology.fencing.get(node, ())
    said = [
        f"{host} {'fenced it and ' if _marked(node, host, facts) else 'did not fence it and '}"
        f"reads {_read(node, host, facts) or 'nothing'}"
        for host in hosts
    ]
    return f"; {', '.join(said)}" if said else "; nobody can fence it"
