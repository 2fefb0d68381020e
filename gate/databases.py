"""Which members of a database are good: to lead next, or to be the copy that is left. What is unknown is not good."""

from gate.database_rule import DatabaseRule
from gate.patroni import SYNC_STANDBY, Own, Sight
from gate.words import Reason, Refused


def is_good(name: str, sight: Sight, rule: DatabaseRule) -> bool:
    """Tell whether a member has all of the data: it runs, on the leader's timeline, and is not far behind."""
    found = sight.members.get(name)
    if found is None or not found.running or sight.timeline is None:
        return False
    if found.timeline != sight.timeline:
        return False
    lag = 0 if name == sight.leader else found.lag_bytes
    return lag is not None and lag <= rule.max_lag_bytes


def good_without(member: str, sight: Sight, rule: DatabaseRule) -> list[str]:
    """Return the good copies that are left without one member, the leader among them."""
    return [name for name in rule.members if name != member and is_good(name, sight, rule)]


def others_to_lead(member: str, sight: Sight, rule: DatabaseRule) -> list[str]:
    """Return the other members that may lead and could: good copies that nothing bars."""
    return [one for one in good_without(member, sight, rule) if not sight.members[one].barred]


def at_rest(name: str, sight: Sight) -> None:
    """Insist that nobody asked Patroni to keep still, and that it has nothing planned.

    Raises:
        Refused: paused or scheduled.
    """
    if sight.paused:
        raise Refused(Reason.PAUSED, f"a person paused Patroni of {name}: patronictl resume")
    if sight.scheduled:
        raise Refused(Reason.SCHEDULED, f"a switchover of {name} is planned: patronictl list")


def fit_to_lead(candidate: str, sight: Sight, own: Own, rule: DatabaseRule) -> None:
    """Insist that a member can lead next and loses nothing by it.

    Args:
        candidate: A member that gate.json lists, and not the leader.
        sight: The database as the cluster's store has it.
        own: The leader as its own Patroni has it, which knows who streams right now.
        rule: The database.

    Raises:
        Refused: not_streaming, other_timeline, lagging, candidate_barred or not_synchronous.
    """
    found = sight.members.get(candidate)
    if found is None or not found.running or candidate not in own.streaming:
        state = "not there" if found is None else found.state
        raise Refused(Reason.NOT_STREAMING, f"{candidate} is {state}, and does not stream")
    if sight.timeline is None or found.timeline != sight.timeline:
        raise Refused(
            Reason.OTHER_TIMELINE,
            f"{candidate} is on timeline {found.timeline}, the leader on {sight.timeline}",
        )
    if found.lag_bytes is None or found.lag_bytes > rule.max_lag_bytes:
        lag = "unknown" if found.lag_bytes is None else f"{found.lag_bytes} bytes"
        raise Refused(
            Reason.LAGGING, f"{candidate} is behind by {lag}, at most {rule.max_lag_bytes} may be"
        )
    if found.barred:
        raise Refused(Reason.CANDIDATE_BARRED, f"{candidate} is barred (tag nofailover)")
    if sight.synchronous and found.role != SYNC_STANDBY:
        raise Refused(
            Reason.NOT_SYNCHRONOUS,
            f"{candidate} is no synchronous standby, so it may lack what was acknowledged",
        )


def may_be_wiped(member: str, sight: Sight, rule: DatabaseRule) -> None:
    """Insist that a member's data may be made anew from another copy, and that two good ones are left meanwhile.

    With the leader alone left, the old data of this one may be what a person needs if the leader is lost.

    Raises:
        Refused: not_leader (there is none), leads or last_copy.
    """
    if sight.leader is None:
        raise Refused(Reason.NOT_LEADER, "nobody leads, so there is nothing to copy from")
    if sight.leader == member:
        raise Refused(Reason.LEADS, f"{member} leads: its data are the ones that all others copy")
    left = good_without(member, sight, rule)
    if sight.leader not in left or len(left) < 2:
        raise Refused(
            Reason.LAST_COPY,
            f"good copies left: {', '.join(left) or 'none'}; want the leader and one more",
        )


def is_healthy(member: str, sight: Sight, rule: DatabaseRule) -> bool:
    """Tell whether a member may be allowed to lead again: the leader itself, or a good copy of it."""
    return sight.leader is not None and is_good(member, sight, rule)
