"""What the guards say of databases: whose copies are good, and whether Patroni, or Sentinel, rests.

Rule: what the members' gates do not say, or say differently, is unknown, and unknown holds.
"""

from healer.core.actions import ADMIT, BAR, FAILOVER, REINIT, SWITCHOVER, Scope
from healer.core.databases import AT_WORK, RUNNING, candidates, good, good_without, seen
from healer.core.facts import Facts, Proposal
from healer.core.look import DatabaseLook, DatabaseMember
from healer.core.topology import Database
from healer.core.verdict import Verdict, allow, hold

LAST_COPY, OWNER_SETTLED = "last_copy", "owner_settled"


def of_proposal(proposal: Proposal, facts: Facts) -> Database | None:
    """Return the database that a verb works on; None for a verb of something else."""
    return facts.topology.databases.get(dict(proposal.args).get("database", ""))


# --- last_copy ------------------------------------------------------------------------------


def database_copies(proposal: Proposal, database: Database | None, facts: Facts) -> Verdict:
    """Hold a verb on a database that could lose data, or that leaves too few good copies."""
    verb, node = proposal.rung.action, proposal.target.node
    look = seen(database, facts) if database is not None else None
    if database is None or look is None:
        return _unknown(database)
    if verb in (SWITCHOVER, FAILOVER):
        chosen = dict(proposal.args).get("candidate")
        if database.sentinel:  # which says itself who it is to be
            chosen = candidates(database, node, facts).best
        return _can_lead(node, chosen, database, look, facts)
    if verb == REINIT:
        return _may_be_wiped(database, node, look, facts)
    if verb == BAR:
        return _may_be_barred(database, node, look, facts)
    if verb == ADMIT:
        return _may_return(database, node, look)
    return allow(LAST_COPY, have=_said(database, look), need="takes no copy away")


def _unknown(database: Database | None) -> Verdict:
    name = database.name if database is not None else "a database that is gone"
    return hold(
        LAST_COPY,
        "copies_unknown",
        have=f"no member's gate says how {name} is, or two differ",
        need="one word from the members' gates of who leads and whose copy is good",
        sentence=f"Nobody says who leads {name} and whose copies are good.",
    )


def _can_lead(
    node: str, chosen: str | None, database: Database, look: DatabaseLook, facts: Facts
) -> Verdict:
    need = "another member that has all of the data and may lead"
    if look.leader == node and chosen is not None:
        who = f"{chosen} could" if database.sentinel else f"{chosen} is to"
        return allow(LAST_COPY, have=f"{who} lead {database.name}", need=need)
    if look.leader != node:
        return hold(
            LAST_COPY,
            "not_leader",
            have=f"{look.leader or 'nobody'} leads {database.name}",
            need=f"{node} leading",
            sentence=f"{node} does not lead {database.name}, so there is nothing to move.",
            passing=True,
        )
    unfit = candidates(database, node, facts).unfit
    return hold(
        LAST_COPY,
        "no_candidate",
        have="; ".join(f"{one}: {why}" for one, why in sorted(unfit.items())) or "no other member",
        need=need,
        sentence=f"No other member of {database.name} can lead without losing data.",
    )


def _may_be_wiped(database: Database, node: str, look: DatabaseLook, facts: Facts) -> Verdict:
    left = good_without(node, look, database, facts)
    need = "the leader and one more good copy besides it"
    if look.leader == node:
        return _leads(database, node, need)
    if look.leader in left and len(left) > 1:
        return allow(LAST_COPY, have=f"good copies besides it: {', '.join(left)}", need=need)
    return hold(
        LAST_COPY,
        "last_copy",
        have=f"good copies besides it: {', '.join(left) or 'none'}; {look.leader or 'nobody'} leads",
        need=need,
        sentence=f"What is on {node} may be needed if the last copy of {database.name} is lost, so a person decides.",
    )


def _may_be_barred(database: Database, node: str, look: DatabaseLook, facts: Facts) -> Verdict:
    left = [
        one for one in good_without(node, look, database, facts) if not look.members[one].barred
    ]
    need = "another member that has all of the data and may lead"
    if left:
        return allow(LAST_COPY, have=f"may lead: {', '.join(left)}", need=need)
    return hold(
        LAST_COPY,
        "no_candidate",
        have="no other member may lead",
        need=need,
        sentence=f"{node} may be the last that can lead {database.name}.",
    )


def _may_return(database: Database, node: str, look: DatabaseLook) -> Verdict:
    need = f"{node} a running copy of the leader, at most {database.max_lag_bytes} bytes behind"
    if good(node, look, database):
        return allow(LAST_COPY, have=_said(database, look), need=need)
    return hold(
        LAST_COPY,
        "not_replica",
        have=_member(node, look),
        need=need,
        sentence=f"{node} may lead {database.name} again only once it has all that the leader has.",
    )


def replica_goes(database: Database, node: str, facts: Facts) -> Verdict:
    """Hold what takes a whole node away where it leads, or where no other good copy is known."""
    look = seen(database, facts)
    if look is None:
        return _unknown(database)
    need = "a replica, and another good copy besides it"
    if look.leader in (None, node):
        return _leads(database, node, need)
    left = good_without(node, look, database, facts)
    if look.leader in left:
        return allow(
            LAST_COPY, have=f"good copies of {database.name}: {', '.join(left)}", need=need
        )
    return hold(
        LAST_COPY,
        "last_copy",
        have=f"good copies of {database.name} besides {node}: {', '.join(left) or 'none'}",
        need=need,
        sentence=f"{node} stores what may be the last good copy, so a person takes it away, not Hale.",
    )


def moved_before(database: Database, node: str, facts: Facts) -> Verdict | None:
    """Say whether another member can lead where a node that is to go leads now; None where it does not lead."""
    look = seen(database, facts)
    if look is None:
        return _unknown(database)
    if look.leader != node:
        return None
    if look.paused:
        return _is_paused(database)
    chosen = candidates(database, node, facts).best
    return _can_lead(node, chosen, database, look, facts)


def member_goes(database: Database, node: str, facts: Facts) -> Verdict:
    """Hold what takes a whole node away that leads and cannot be moved before, or else as `replica_goes`."""
    return moved_before(database, node, facts) or replica_goes(database, node, facts)


def _leads(database: Database, node: str, need: str) -> Verdict:
    return hold(
        LAST_COPY,
        "leads",
        have=f"{node} leads {database.name}, or nobody does",
        need=need,
        sentence=f"{node} may lead {database.name}: another member has to lead before it goes.",
    )


def _member(node: str, look: DatabaseLook) -> str:
    member = look.members.get(node)
    if member is None:
        return f"{node} is not there"
    lag = "unknown" if member.lag_bytes is None else f"{member.lag_bytes} bytes"
    return f"{node} {member.state}, timeline {member.timeline}, lag {lag}"


def _said(database: Database, look: DatabaseLook) -> str:
    return f"{look.leader or 'nobody'} leads {database.name} on timeline {look.timeline}"


# --- not_stopped ----------------------------------------------------------------------------


def paused(proposal: Proposal, facts: Facts) -> Verdict | None:
    """Hold what touches a database whose Patroni a person paused; None where none is, or nobody says."""
    if not proposal.takes:
        return None
    for database in touched(proposal, facts):
        look = seen(database, facts)
        if look is not None and look.paused:
            return _is_paused(database)
    return None


def _is_paused(database: Database) -> Verdict:
    return hold(
        "not_stopped",
        "patroni_paused",
        have=f"Patroni of {database.name} is paused",
        need="no pause",
        sentence=f"A person paused Patroni of {database.name}. To end it: patronictl resume",
    )


# --- owner_settled --------------------------------------------------------------------------


def patroni_settled(proposal: Proposal, facts: Facts) -> Verdict | None:
    """Say whether Patroni rests, of every database that the action touches; None where it touches none."""
    if not proposal.takes:
        return None
    said = []
    for database in touched(proposal, facts):
        verdict = _rests(database, proposal, facts)
        if not verdict.allowed:
            return verdict
        said.append(verdict.have)
    least = facts.topology.numbers.owner_settled_database
    need = f"no change of who leads for {least:g} s"
    return allow(OWNER_SETTLED, have="; ".join(said), need=need) if said else None


def touched(proposal: Proposal, facts: Facts) -> list[Database]:
    """Return the databases a member of which the action takes away or works on."""
    gone = {(one.node, one.service) for one in proposal.footprint.targets}
    return [
        one
        for one in facts.topology.databases.values()
        if of_proposal(proposal, facts) == one
        or any((node, one.service) in gone for node in facts.topology.groups[one.group].nodes)
    ]


def _rests(database: Database, proposal: Proposal, facts: Facts) -> Verdict:
    least, led = facts.topology.numbers.owner_settled_database, facts.holders.led
    need = f"no change of who leads for {least:g} s"
    held = led.get(database.name)
    if held is None:
        return hold(
            OWNER_SETTLED,
            "leader_unknown",
            have=f"no member of {database.name} tells Prometheus whether it leads",
            need=need,
            sentence=f"Nobody says who leads {database.name}, so it may be moving. "
            f"Look at Prometheus' scrapes of {database.owner}'s members.",
        )
    have = f"{database.name} led by {held}"
    if held.age < least:
        what = "The leader of {} has just changed, or may have" if held.nodes else "Nobody leads {}"
        return hold(
            OWNER_SETTLED,
            "leader_settling",
            have=have,
            need=need,
            sentence=f"{what.format(database.name)}; {database.owner} has its own time first.",
            passing=True,
        )
    look = seen(database, facts)
    if look is not None and held.nodes and look.leader not in held.nodes:
        return hold(
            OWNER_SETTLED,
            "leader_settling",
            have=f"{have}, and {look.leader or 'nobody'} by the members' gates",
            need=need,
            sentence=f"The leader of {database.name} has changed since Prometheus' last scrape; "
            f"{database.owner} has its own time first.",
            passing=True,
        )
    member = look.members.get(proposal.target.node) if look is not None else None
    if member is not None and member.state in AT_WORK:
        return hold(
            OWNER_SETTLED,
            "owner_busy",
            have=f"{proposal.target.node} is {member.state}",
            need="no work of Patroni's own",
            sentence=f"Patroni is working on {database.name} at {proposal.target.node} by itself.",
            passing=True,
        )
    if member is not None and _cut_off(proposal, database, member):
        return hold(
            OWNER_SETTLED,
            "owner_busy",
            have=f"{proposal.target.node} is {member.state}, as its own Patroni says",
            need="a member that runs, or a Patroni that does not answer",
            sentence=f"Patroni at {proposal.target.node} works and tries to have PostgreSQL run: a restart of its unit "
            "would cut that off. What asks Patroni itself is the ladder of DatabaseReplicaDown.",
            passing=True,
        )
    return allow(OWNER_SETTLED, have=have, need=need)


def _cut_off(proposal: Proposal, database: Database, member: DatabaseMember) -> bool:
    """Whether Patroni would be stopped while it starts, rewinds or stops PostgreSQL.

    pg_rewind that was cut off leaves data that nobody can use (its own page, "Warning"), and no state names it.
    """
    of_unit = proposal.scope is Scope.UNIT and not database.sentinel
    return of_unit and member.state not in RUNNING
