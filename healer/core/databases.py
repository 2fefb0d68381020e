"""Databases that Patroni keeps, as their members' gates see them: who leads, whose copy is good, who could lead next.

Rule: what nobody says, and what two gates say differently, is unknown; whoever is unknown is neither good nor fit.
"""

from dataclasses import dataclass

from healer.core.actions import SWITCHOVER, Args
from healer.core.facts import Facts, Health
from healer.core.look import DatabaseLook
from healer.core.topology import Database

RUNNING = frozenset({"running", "streaming"})
"""States of a member that serves. Patroni 3.0 knows the first alone, later ones say `streaming` of a replica."""

SYNC_STANDBY = "sync_standby"

AT_WORK = frozenset({"creating replica", "initializing new cluster"})
"""States in which Patroni itself makes a member's data anew."""


def seen(database: Database, facts: Facts) -> DatabaseLook | None:
    """Return the database as its members' gates see it; None where none says, or two differ in who leads."""
    said = [
        look.databases.get(database.name)
        for node in facts.topology.groups[database.group].nodes
        if (look := facts.heard(node).look) is not None
    ]
    told = [one for one in said if one is not None]
    if not told or len({(one.leader, one.timeline) for one in told}) > 1:
        return None
    return told[0]


def good(node: str, look: DatabaseLook, database: Database) -> bool:
    """Whether a member has all of the data: it runs, on the leader's timeline, and is not far behind."""
    member = look.members.get(node)
    if member is None or member.state not in RUNNING or look.timeline is None:
        return False
    if member.timeline != look.timeline:
        return False
    lag = 0 if node == look.leader else member.lag_bytes
    return lag is not None and lag <= database.max_lag_bytes


def good_without(node: str, look: DatabaseLook, database: Database, facts: Facts) -> list[str]:
    """Return the members that are good copies besides one, and that nothing under way takes."""
    taken = {target.node for one in facts.running for target in one.footprint.targets}
    members = facts.topology.groups[database.group].nodes
    return [
        one for one in members if one != node and one not in taken and good(one, look, database)
    ]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Who could lead next.

    Attributes:
        best: None where nobody could.
        unfit: Why each of the others could not, short.
    """

    best: str | None
    unfit: dict[str, str]


def candidates(database: Database, leader: str, facts: Facts) -> Candidates:
    """Choose who is to lead in a leader's place: of those fit one in another failure domain, then the least behind.

    Args:
        database: The database.
        leader: The node that is to lead no more.
        facts: Read for this decision.
    """
    look = seen(database, facts)
    others = [one for one in facts.topology.groups[database.group].nodes if one != leader]
    if look is None:
        return Candidates(None, dict.fromkeys(others, "nobody says"))
    unfit = {one: why for one in others if (why := _unfit(one, look, database, facts))}
    domains = {name: node.failure_domain for name, node in facts.topology.nodes.items()}
    fit = sorted(
        (domains[one] == domains[leader], look.members[one].lag_bytes or 0, one)
        for one in others
        if one not in unfit
    )
    return Candidates(fit[0][2] if fit else None, unfit)


def with_candidate(verb: str, gate: str, args: Args, facts: Facts) -> Args:
    """Name who is to lead in a switchover, as far as anybody can; guards hold where nobody can."""
    if verb != SWITCHOVER:
        return args
    database = facts.topology.databases.get(dict(args)["database"])
    best = candidates(database, gate, facts).best if database is not None else None
    return args if best is None else tuple(sorted((*args, ("candidate", best))))


def _unfit(node: str, look: DatabaseLook, database: Database, facts: Facts) -> str:
    """Return why a member could not lead next; empty where it could."""
    member = look.members.get(node)
    if member is None:
        return "not there"
    if not good(node, look, database):
        lag = "unknown" if member.lag_bytes is None else str(member.lag_bytes)
        return f"{member.state}, timeline {member.timeline}, {lag} bytes behind"
    if member.barred:
        return "barred"
    doubter = _doubter(node, database, facts)
    if doubter is not None:
        return f"no synchronous standby, says {doubter}"
    heard = facts.heard(node).look
    if heard is None:
        return "its gate does not answer"
    if heard.marks is None or any(
        (one.mark, one.subject) == ("database.bar", database.name) for one in heard.marks
    ):
        return "marked as barred, or nobody knows"
    return _kept(node, database, facts) or (
        "" if facts.health(database.group, node) is Health.SERVING else "not serving"
    )


def _doubter(node: str, database: Database, facts: Facts) -> str | None:
    """Return who says that commits wait for a standby, and that this member is none; None where nobody does.

    Each Patroni tells what it heard last, so of two that differ one is of before: commits may wait for another by now.
    """
    for one in facts.topology.groups[database.group].nodes:
        heard = facts.heard(one).look
        look = heard.databases.get(database.name) if heard is not None else None
        if look is not None and look.synchronous:
            member = look.members.get(node)
            if member is None or member.role != SYNC_STANDBY:
                return one
    return None


def _kept(node: str, database: Database, facts: Facts) -> str:
    """Return who is at work on a member, so that nothing is moved there; empty where nobody is."""
    heard = facts.heard(node).look
    if node in facts.standing.held or (heard is not None and heard.holds):
        return "a person holds it"
    if any(node in one.nodes for one in facts.topology.maintained(facts.now)):
        return "in maintenance"
    if facts.lock_of(node) is not None:
        return "locked"
    if any(one.node == node for one in facts.standing.at_work):
        return "a person is at work on it"
    if any(node in one.footprint.nodes for one in facts.running):
        return "another action is under way there"
    return ""
