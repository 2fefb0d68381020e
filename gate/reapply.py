"""Marks put back where they belong: at boot, and after HAProxy was started or reloaded.

Nothing is taken back here. What a person set by hand and no mark knows of stays as it is.
"""

from collections.abc import Callable

from gate import barring, declining, pools, state_file
from gate.clock import Deadline
from gate.haproxy import NotRunning, Sight, Unanswered
from gate.log import INFO, WARNING, log
from gate.mark import BAR, DECLINE, DRAIN
from gate.marks import MarksUnreadable, OpenMarks
from gate.verb import Node

WATCH_SECONDS = 8.0
"""How long HAProxy is looked at again: a reload returns before its new worker has the socket."""

AGAIN_SECONDS = 0.25


def reapply(node: Node, ready: Callable[[], None], seconds: float = WATCH_SECONDS) -> bool:
    """Apply every mark of this node, and again for a while; say whether the marks could be read.

    Args:
        node: This node.
        ready: Called once the files are written, so that keepalived and Patroni may start.
        seconds: How long HAProxy is watched.
    """
    try:
        with node.marks.open() as marks:
            node.marks.publish(marks.found)
            node.marks.reserve()
            _addresses(node, marks)
            _databases(node, marks)
    except MarksUnreadable as error:
        log(WARNING, "marks.unreadable", error=error)
        node.marks.publish(None)
        ready()
        return False
    ready()
    end = Deadline.after(seconds, node.clock)
    # Also while nothing is marked: what is drained now may be forgotten by a worker that is only coming.
    while node.config.pools and end.left() and not node.stopping():
        _members(node)
        node.clock.sleep(AGAIN_SECONDS)
    return True


def _addresses(node: Node, marks: OpenMarks) -> None:
    """Write the track file of each address; one that somebody wrote by hand without a mark stays."""
    for name, rule in node.config.addresses.items():
        declined = marks.get(DECLINE, name) is not None
        try:
            if declined or declining.is_declined(rule) is False:
                declining.write(rule, declining.DECLINED if declined else declining.ACCEPTED)
        except OSError as error:
            log(WARNING, "address.not_reapplied", address=name, error=error)


def _databases(node: Node, marks: OpenMarks) -> None:
    """Write the file of each barred member, which Patroni reads when it starts and at its next reload."""
    for name, rule in node.config.databases.items():
        try:
            barred = barring.is_barred(rule)
            if marks.get(BAR, name) is not None and barred is not True:
                barring.write(rule, barring.BARRED)
            elif marks.get(BAR, name) is None and barred is None:
                barring.write(rule, barring.OPEN)
        except OSError as error:
            log(WARNING, "database.not_reapplied", database=name, error=error)


def _members(node: Node) -> None:
    """Drain each marked member that HAProxy has as ready, and mend the state files."""
    try:
        with node.marks.open() as marks:
            subjects = [mark.subject for mark in marks.found.values() if mark.mark == DRAIN]
            members = [found for one in subjects if (found := _member(node, one)) is not None]
            for path in {rule.state_file for rule in node.config.pools.values()}:
                _forget(path, {one.key for one in members if one.rule.state_file == path})
            for member in members:
                _drain(node, member, marks)
    except MarksUnreadable as error:
        log(WARNING, "marks.unreadable", error=error)  # somebody changes them; the next look sees


def _forget(path: str, marked: set[state_file.Key]) -> None:
    """Take whom no mark knows out of a state file, which a person or a power cut may have left there."""
    try:
        state_file.leave_out(path, state_file.names(path) - marked)
    except OSError as error:
        log(WARNING, "state_file.not_written", path=path, error=error)


def _member(node: Node, subject: str) -> pools.Member | None:
    pool, _, name = subject.partition("/")
    return pools.member_of(node, pool, name)


def _drain(node: Node, member: pools.Member, marks: OpenMarks) -> None:
    try:
        before = node.balancer.look(member.rule.socket)
        after: Sight = pools.apply(node, member, before)
    except NotRunning:
        return  # its own start brings us back here
    except Unanswered as error:
        log(WARNING, "member.not_reapplied", member=member.subject, error=error)
        return
    if after is not before:
        log(INFO, "member.drained_again", member=member.subject, worker=after.pid)
    if member.seen(after) is not None and not _is_kept(member):
        pools.keep(node, member.rule.state_file, after, marks)


def _is_kept(member: pools.Member) -> bool:
    """Tell whether HAProxy's next start has it drained."""
    try:
        return member.key in state_file.names(member.rule.state_file)
    except OSError:
        return False
