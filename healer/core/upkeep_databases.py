"""Databases with a member on a node that is taken out of service: another member leads, and keeps leading."""

from collections.abc import Mapping
from dataclasses import replace

from healer.core.actions import BAR, FAILOVER, SWITCHOVER
from healer.core.alert import Target
from healer.core.databases import seen, with_candidate
from healer.core.facts import Facts
from healer.core.upkeep_steps import Do


def moves(node: str, facts: Facts) -> Mapping[str, str]:
    """Return by which verb each database is moved away from a node: who leads is switched over, who follows is barred.

    A member that Patroni does not know can lead nothing. Where nobody says who leads it is the verb that takes less,
    which the guards hold then. Sentinel bars nobody: of Redis a replica is left as it is.
    """
    found: dict[str, str] = {}
    for database in facts.topology.databases_of(Target(node)):
        look = seen(database, facts)
        leads = look is not None and look.leader == node
        if database.sentinel:
            found |= {database.name: FAILOVER} if leads else {}
        elif look is None or node in look.members:
            found[database.name] = SWITCHOVER if leads else BAR
    return found


def completed(do: Do, facts: Facts) -> Do:
    """Return a step with who is to lead, where it moves a lead and anybody could."""
    return replace(do, args=with_candidate(do.action, do.gate, do.args, facts))
