"""What people and programs are shown of nodes that are out of service, and of rolls.

The JSON API, the pages and `--output json` all show these, so that they cannot differ.
"""

from healer.core.roll import Roll, nodes_of
from healer.core.roll_members import Member, Where, members
from healer.core.topology import Topology
from healer.core.upkeep import Upkeep
from healer.instants import rfc3339
from healer.likeness import of_roll, of_upkeep
from healer.shapes.upkeep import LockWaitView, RollMemberView, RollView, UpkeepView
from healer.standing import Watch

MOST_OVER = 3
"""Rolls that are over and are shown still."""

PATCHED = frozenset({Where.SOAKING, Where.DONE})
"""Where the nodes are that a roll has done."""


def upkeep_views(watch: Watch) -> list[UpkeepView]:
    """Show every node that is away for upkeep, the oldest first."""
    return [upkeep_view(one, watch) for one in watch.journal.board.planned.kept_away]


def upkeep_view(one: Upkeep, watch: Watch) -> UpkeepView:
    """Show one upkeep."""
    return UpkeepView(
        id=one.id,
        kind=one.kind.value,
        node=one.node,
        phase=one.phase.value,
        reason=one.reason,
        by=one.by,
        roll=one.roll,
        began=rfc3339(one.began + watch.now.ahead),
        since=rfc3339(one.since + watch.now.ahead),
        until=rfc3339(one.until + watch.now.ahead),
        why=one.why,
        detail=one.detail,
        failed=one.failed,
        held=_held(one, watch),
        seen=of_upkeep(one),
    )


def lock_wait_views(watch: Watch) -> list[LockWaitView]:
    """Show every node that waits for a reboot lock, those that wait longest first."""
    ahead = watch.now.ahead
    return [
        LockWaitView(
            node=one.node,
            since=rfc3339(one.since + ahead),
            asked=rfc3339(one.asked + ahead),
            reason=one.reason,
            detail=one.detail,
        )
        for one in watch.waiting_for_lock()
    ]


def roll_views(watch: Watch, topology: Topology) -> list[RollView]:
    """Show every roll that goes on, then the newest that are over."""
    rolls = list(watch.journal.board.planned.rolls.values())[::-1]
    over = [one for one in rolls if not one.open][:MOST_OVER]
    going = [one for one in rolls if one.open]
    return [roll_view(one, watch, topology) for one in (*going, *over)]


def roll_view(one: Roll, watch: Watch, topology: Topology) -> RollView:
    """Show one roll."""
    upkeeps = watch.journal.board.planned.upkeeps.values()
    where = members(one, upkeeps, watch.now.steady, nodes_of(one, topology))
    away = [each.node for each in upkeeps if each.roll == one.id and each.open]
    return RollView(
        id=one.id,
        group=one.group,
        nodes=list(one.nodes),
        done=[each.node for each in where if each.where in PATCHED],
        away=away,
        members=[_member(each, watch) for each in where],
        at_once=one.at_once,
        soak_seconds=one.soak,
        windows=list(one.windows),
        state=one.state.value,
        by=one.by,
        since=rfc3339(one.since + watch.now.ahead),
        why=one.why,
        detail=one.detail,
        waits=watch.roll_waits.get(one.id, ""),
        seen=of_roll(one),
    )


def _member(one: Member, watch: Watch) -> RollMemberView:
    upkeep = one.upkeep
    if upkeep is None:
        return RollMemberView(
            node=one.node, where=one.where.value, since=None, reason="", detail="", held=""
        )
    told = upkeep.failed or one.where is Where.FAILED
    return RollMemberView(
        node=one.node,
        where=one.where.value,
        since=rfc3339(upkeep.since + watch.now.ahead),
        reason=(upkeep.failed or upkeep.why) if told else "",
        detail=upkeep.detail if told else "",
        held=_held(upkeep, watch),
    )


def _held(one: Upkeep, watch: Watch) -> str:
    held = watch.upkeep_held.get(one.id)
    return "" if held is None else f"{held.reason}: {held.sentence}"
