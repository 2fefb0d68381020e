"""Is the trouble gone? Absence says nothing: a disk that has fallen off the bus has no bad figures any more either.

Rule: pure, and the same for the engine, for the guards and for people.
"""

from healer.core.conditions import HARDWARE
from healer.core.facts import Facts
from healer.core.incident import Incident

SILENT = "no_sample"
"""The word of a trouble that nothing tells of any more: neither that it is there nor that it is gone."""


def wants_word(incident: Incident) -> bool:
    """Whether its trouble is gone only where the very series that told of it say so.

    That is where something would be given back, and where the hardware fails, which may take its figures with it. What
    a person settled has their word.
    """
    if incident.settled_by:
        return False
    return bool(incident.marks) or incident.cause.label("failure") in HARDWARE


def seen_gone(incident: Incident, facts: Facts) -> bool:
    """Whether fresh samples say that the trouble is gone; of a lost domain, whether each of its nodes is heard of."""
    if incident.target.domain:
        return _seems_gone(facts) and _all_back(incident.target.domain, facts)
    return _seems_gone(facts) and (not wants_word(incident) or facts.told is True)


def fell_silent(incident: Incident, facts: Facts) -> bool:
    """Whether the rule is not true any more only because what it saw is not there any more."""
    return _seems_gone(facts) and wants_word(incident) and facts.told is not True


def _all_back(domain: str, facts: Facts) -> bool:
    nodes, picture = facts.topology.nodes_in(domain), facts.picture
    return picture is not None and picture.seen(nodes) == len(nodes)


def _seems_gone(facts: Facts) -> bool:
    if facts.evidence is None or facts.evidence.firing is not False:
        return False
    age, oldest = facts.evidence.reading.age, facts.topology.numbers.evidence_age
    return age is not None and age <= oldest and facts.outside is not False
