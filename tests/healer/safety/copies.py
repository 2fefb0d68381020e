"""What the judge holds against a verb on a database: no copy is lost, and none leads that lacks data, is barred, or is
not the one for which commits wait, or is moved while a person has Patroni paused or Patroni itself has just moved it.
"""

from collections.abc import Iterator

from healer.core.order import Order
from tests.healer.safety.replicas import Database
from tests.healer.safety.world import World

SWITCHOVER, RESTART, REINIT = "database.switchover", "database.restart", "database.reinit"
BAR, ADMIT = "database.bar", "database.admit"

HEARD = 8.0
"""Seconds within which a verb begins that was decided on what a gate has said."""

TAKING = (SWITCHOVER, RESTART, REINIT)
"""Verbs that take a member away."""


def objections(world: World, gate: str, order: Order, settled: float, lag: float) -> Iterator[str]:
    """Yield what is wrong with a verb that begins now.

    Args:
        world: As it is.
        gate: Of the member.
        order: What it was told.
        settled: Seconds that Patroni has for itself after the leader's last change.
        lag: Seconds for which somebody may act on how things were.
    """
    told = dict(order.args)
    database, now = world.databases[told["database"]], world.now
    if order.verb in TAKING:
        paused = database.paused_since
        if paused is not None and now - paused > lag:
            yield f"a person has Patroni paused for {now - paused:.1f} s"
        if now - database.changed_at < settled:
            yield f"the leader changed {now - database.changed_at:.2f} s ago"
    if order.verb == REINIT:
        yield from _wiped(database, gate, lag)
    elif order.verb == SWITCHOVER:
        yield from _moved(database, gate, told.get("candidate", ""), lag)
    elif order.verb == BAR:
        left = [one for one in database.nodes if one != gate and _may_lead(database, one, lag)]
        if not left:
            yield "no other member may lead"
    elif order.verb == ADMIT and not database.was_good(gate, lag):
        yield f"{gate} lacks what the leader has"


def _wiped(database: Database, node: str, lag: float) -> Iterator[str]:
    if node == database.leader:
        yield f"{node} leads"
    left = [one for one in database.nodes if one != node and database.was_good(one, lag)]
    if len(left) < 2:
        yield f"the good copies besides it are {left}"


def _moved(database: Database, node: str, candidate: str, lag: float) -> Iterator[str]:
    if node != database.leader:
        yield f"{node} does not lead"
    if candidate not in database.nodes:
        yield f"{candidate or 'nobody'} is to lead"
    elif not database.was_good(candidate, lag):
        yield f"{candidate} is to lead, and lacks what the leader has"
    elif _barred(database, candidate, lag):
        yield f"{candidate} is to lead, and is barred"
    elif database.lacks_commits(candidate, _heard_within(database, lag)):
        yield f"{candidate} is to lead, and commits wait for {database.standby or 'nobody'}"


def _heard_within(database: Database, lag: float) -> float:
    """Seconds for which a standby that was may be taken for it: who leads says who it is, where its gate can say."""
    mute = database.leader in database.mute or database.world.now - database.unmuted_at < lag
    return lag if mute else min(lag, HEARD)


def _barred(database: Database, node: str, lag: float) -> bool:
    since = database.barred.get(node)
    return since is not None and database.world.now - since > lag


def _may_lead(database: Database, node: str, lag: float) -> bool:
    return database.was_good(node, lag) and not _barred(database, node, lag)
