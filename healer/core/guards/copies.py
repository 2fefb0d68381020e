"""What must never be lost: the majority of those that vote, and the last good copy of data."""

from collections.abc import Callable

from healer.core.actions import LOCK, Scope, action_of
from healer.core.alert import Target
from healer.core.facts import Facts, Health, Proposal
from healer.core.pacemaker import outvoted
from healer.core.patroni import LAST_COPY as NAME
from healer.core.patroni import database_copies, member_goes, of_proposal, replica_goes
from healer.core.topology import Database, Group, Stores
from healer.core.verdict import Verdict, allow, hold

STOPPING = (Scope.UNIT, Scope.FILES, Scope.NODE, Scope.POWER)
"""Scopes of verbs that stop a service where it runs; out of a pool or without an address it still votes."""

NEED = "another good copy"

SAID = {Stores.DATABASE: "a database", Stores.ONLY_COPY: "an only copy"}


def quorum(proposal: Proposal, facts: Facts) -> Verdict:
    """Hold unless more than half of all voters keep serving without what the action takes, and of Pacemaker's online.

    Unknown counts as down. That the target votes no more relaxes nothing: with the majority gone, starting one of
    them is a person's decision.
    """
    name, topology = "quorum", facts.topology
    if (paced := outvoted(name, proposal, facts)) is not None:
        return paced
    groups = [topology.groups[one] for one in sorted(proposal.footprint.groups)]
    voting = [group for group in groups if group.votes]
    if not voting or not stops(proposal.rung.action):
        return allow(name, have="takes no vote", need="-")
    said = []
    for group in voting:
        left, total = _voters_without(group, proposal, facts), len(group.nodes)
        said.append(f"{group.name}: {left} of {total}")
        if left * 2 <= total:
            return hold(
                name,
                "quorum",
                have=f"{left} of {total} voters left in {group.name}",
                need=f"{total // 2 + 1} left in {group.name}",
                sentence=f"Without {proposal.target.node} no majority of {group.name} is left to decide anything.",
            )
    return allow(name, have="; ".join(said), need="more than half of the voters left")


def stops(verb: str) -> bool:
    """Whether a verb stops services where they run, votes with them."""
    action = action_of(verb)
    return action.takes and action.scope in STOPPING


def _voters_without(group: Group, proposal: Proposal, facts: Facts) -> int:
    taken = set(proposal.footprint.nodes)
    taken |= {node for node in group.nodes if facts.lock_of(node) is not None}
    for other in facts.running:
        if group.name in other.footprint.groups and stops(other.action):
            taken |= other.footprint.nodes
    others = (node for node in group.nodes if node not in taken)
    return sum(facts.health(group.name, node) is Health.SERVING for node in others)


def last_copy(proposal: Proposal, facts: Facts) -> Verdict:
    """Hold what could take the last good copy of data away, or let a copy lead that lacks some.

    Who leads on a node that is locked is moved right after, so there another member has to be able to lead.
    """
    action = action_of(proposal.rung.action)
    if action.scope is Scope.DATABASE:
        return database_copies(proposal, of_proposal(proposal, facts), facts)
    if not action.takes or not action.scope.whole:
        return allow(NAME, have="takes no node away", need="-")
    return _of_node(proposal, facts, member_goes if proposal.rung.action == LOCK else replica_goes)


def _of_node(
    proposal: Proposal, facts: Facts, goes: Callable[[Database, str, Facts], Verdict]
) -> Verdict:
    """Hold a verb that takes a node away where what is stored there may have no other good copy."""
    said = []
    for node in sorted(proposal.footprint.nodes):
        for service in facts.topology.services_on(node).values():
            if service.stores is None:
                continue
            target = Target(node, service.name)
            databases = facts.topology.databases_of(target)
            if not databases or service.stores is not Stores.DATABASE:
                return _only(f"{service.name} on {node}, {SAID[service.stores]}", node)
            for database in databases:
                verdict = goes(database, node, facts)
                if not verdict.allowed:
                    return verdict
                said.append(verdict.have)
    return allow(NAME, have="; ".join(said) or "nothing is stored there", need=NEED)


def _only(kept: str, node: str) -> Verdict:
    return hold(
        NAME,
        "last_copy",
        have=kept,
        need=NEED,
        sentence=f"{node} stores what may be the last good copy, so a person takes it away, not Hale.",
    )
