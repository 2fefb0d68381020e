"""Maintenance: windows that never end or never begin, and reboot locks that anybody could ask for."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from cluster.conditions import Day, Window, minutes
from cluster.errors import Path
from cluster.finding import Code, Finding
from cluster.maintenance import Maintenance
from cluster.subject import Check, Subject

DAY = 24 * 60

# In so long each hour of the week comes, whatever is done to the clocks.
WHOLE_WEEK = timedelta(days=8)


def endless(subject: Subject) -> Iterator[Finding]:
    """Find windows that are open at every hour, for good: what lies in them is never repaired."""
    cluster = subject.cluster
    for window in cluster.maintenance.values():
        if window.ends is not None or set(window.days) != set(Day) or _length(window) < DAY:
            continue
        named = [*window.nodes, *(f"group {group}" for group in window.groups)]
        everything = cluster.maintained(window.name) == cluster.nodes.keys()
        what = "nothing" if everything else f"nothing of {', '.join(named)}"
        since = "" if window.starts is None else f" from {window.starts:%Y-%m-%dT%H:%M:%SZ} on"
        reason = f"{window.name} is open at every hour, so {what} is ever repaired{since}."
        remedy = "Write ends, or days and hours."
        yield subject.finding(
            Code.ENDLESS_MAINTENANCE, ("maintenance", window.name), reason, remedy
        )


def never_open(subject: Subject) -> Iterator[Finding]:
    """Find windows of which no hour lies between their start and their end."""
    zone = ZoneInfo(subject.cluster.time_zone)
    for window in subject.cluster.maintenance.values():
        if not _opens(window, zone):
            path: Path = ("maintenance", window.name)
            reason = f"none of its days and hours lies between starts and ends, so {window.name} never opens."
            remedy = (
                f"Write days and hours that do, in {subject.cluster.time_zone}, or leave them out."
            )
            yield subject.finding(Code.NO_MAINTENANCE, path, reason, remedy)


def _length(window: Window) -> int:
    """Return for how many minutes each of its days opens it."""
    begins, ends = minutes(window.hours)
    return ends - begins if begins < ends else DAY - begins + ends


def _opens(window: Maintenance, zone: ZoneInfo) -> bool:
    starts, ends = window.starts, window.ends
    if starts is None or ends is None or ends - starts >= WHOLE_WEEK:
        return True
    begins, _ = minutes(window.hours)
    # Of the day before, too: it may go on after midnight.
    day = starts.astimezone(zone).date() - timedelta(days=1)
    while day <= ends.astimezone(zone).date():
        opened = datetime.combine(day, time(), zone) + timedelta(minutes=begins)
        closed = opened + timedelta(minutes=_length(window))
        if list(Day)[day.weekday()] in window.days and opened < ends and starts < closed:
            return True
        day += timedelta(days=1)
    return False


def plain_lock(subject: Subject) -> Iterator[Finding]:
    """Find a password for reboot locks that can be read on the way."""
    healer = subject.cluster.healer
    if healer.fleet_lock is None or healer.fleet_lock.basic is None or healer.tls is not None:
        return
    reason = "nodes show their password without TLS, so whoever listens has it too."
    remedy = "Add tls: {cert: FILE, key: FILE}."
    path: Path = ("healer", "fleet_lock", "basic")
    yield subject.finding(Code.PLAIN_FLEET_LOCK, path, reason, remedy)


def open_lock(subject: Subject) -> Iterator[Finding]:
    """Find reboot locks for which no password is asked: the id that goes with them is no secret on its node."""
    healer = subject.cluster.healer
    if healer.fleet_lock is None or healer.fleet_lock.basic is not None:
        return
    reason = (
        "reboot locks need no password, so any user of a node can have it taken out of service, "
        "or given back in the middle of its boot."
    )
    remedy = "Add basic: {username: NAME, password_file: FILE}, and give each node that name and password in its URL."
    path: Path = ("healer", "fleet_lock")
    yield subject.finding(Code.OPEN_FLEET_LOCK, path, reason, remedy)


MAINTENANCE: tuple[Check, ...] = (endless, never_open, plain_lock, open_lock)
