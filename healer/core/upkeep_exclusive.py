"""What only one node may run, where a node is taken out of service for upkeep.

Rule: a lock starts nothing, and a boot may start whatever is on the node; what Pacemaker runs it starts itself.
"""

from dataclasses import replace

from healer.core.alert import Target
from healer.core.facts import Facts, Proposal
from healer.core.guards.fencing import fenced, others
from healer.core.guards.grounds import FAILED_STATES
from healer.core.guards.group import capacity
from healer.core.topology import Service
from healer.core.upkeep_steps import REBOOT
from healer.core.verdict import Verdict


def boot_fenced(proposal: Proposal, facts: Facts) -> Verdict:
    """Hold what ends in a boot while another node may run what that boot may start."""
    topology, node = facts.topology, proposal.target.node
    services = {
        name: replace(one, exclusive=one.exclusive and not _paced(one, node, facts))
        for name, one in topology.services.items()
    }
    boots = replace(proposal, rung=replace(proposal.rung, action=REBOOT))
    verdict = fenced(boots, replace(facts, topology=replace(topology, services=services)))
    if verdict.allowed:
        return verdict
    sentence = (
        f"A boot of {node} may start what runs on another node, and two would do harm, so a person boots it: "
        f"hale-healer maintenance start {node}"
    )
    return replace(verdict, sentence=sentence)


def room(proposal: Proposal, facts: Facts) -> Verdict:
    """Ask `capacity`; where the node alone runs what only one may, say that this is moved first."""
    verdict, node = capacity(proposal, facts), proposal.target.node
    if verdict.allowed:
        return verdict
    for service in facts.topology.services_on(node).values():
        if verdict.have.endswith(f" in {service.group}") and _runs_here(service, node, facts):
            other = others(service, node, facts.topology)
            return replace(
                verdict,
                sentence=f"{verdict.sentence} {node} alone runs {service.name}, so move that first: "
                f"stop {service.unit} on {node}, start it on {' or '.join(other)}, and ask again once it serves there.",
            )
    return verdict


def _runs_here(service: Service, node: str, facts: Facts) -> bool:
    """Whether the node runs what no other one may run beside it, and nobody but people moves it."""
    look = facts.heard(node).look
    unit = look.units.get(service.unit) if look is not None else None
    here = unit is not None and unit.active_state not in FAILED_STATES
    return here and service.exclusive and not _paced(service, node, facts)


def _paced(service: Service, node: str, facts: Facts) -> bool:
    return bool(facts.topology.resources_of(Target(node, service.name)))
