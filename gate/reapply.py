"""Marks put back where they belong: at boot, and after HAProxy was started or reloaded.

Nothing is taken back here. What a person set by hand and no mark knows of stays as it is.
"""

from collections.abc import Callable

from gate import declining, pools
from gate.clock import Deadline
from gate.haproxy import NotRunning, Sight, Unanswered
from gate.log import INFO, WARNING, log
from gate.mark import DECLINE, DRAIN
from gate.marks import MarksUnreadable, OpenMarks
from gate.state_file import prune
from gate.verb import Node

WATCH_SECONDS = 8.0
"""How long HAProxy is looked at again: a reload returns before its new worker has the socket."""

AGAIN_SECONDS = 0.25


def reapply(node: Node, ready: Callable[[], None], seconds: float = WATCH_SECONDS) -> bool:
    """Apply every mark of this node, and again for a while; say whether the marks could be read.

    Args:
        node: This node.
        ready: Called once the track files are written, so that keepalived may start.
        seconds: How long HAProxy is watched.
    """
    try:
        with node.marks.open() as marks:
            node.marks.publish(marks.found)
            node.marks.reserve()
            _state_files(node, marks)
            _addresses(node, marks)
    except MarksUnreadable as error:
        log(WARNING, "marks.unreadable", error=error)
        node.marks.publish(None)
        ready()
        return False
    ready()
    end = Deadline.after(seconds, node.clock)
    while end.left() and not node.stopping():
        if not _members(node):
            return True
        node.clock.sleep(AGAIN_SECONDS)
    return True


def _state_files(node: Node, marks: OpenMarks) -> None:
    """Let no state file take out at HAProxy's next start what no mark keeps out."""
    marked: dict[str, set[tuple[str, str]]] = {}
    for pool, rule in node.config.pools.items():
        found = marked.setdefault(rule.state_file, set())
        found |= {(rule.backend, one) for one in rule.members if marks.get(DRAIN, f"{pool}/{one}")}
    for path, servers in marked.items():
        try:
            if prune(path, servers):
                log(INFO, "state_file.pruned", path=path)
        except OSError as error:
            log(WARNING, "state_file.not_written", path=path, error=error)


def _addresses(node: Node, marks: OpenMarks) -> None:
    """Write the track file of each address; one that somebody wrote by hand without a mark stays."""
    for name, rule in node.config.addresses.items():
        declined = marks.get(DECLINE, name) is not None
        try:
            if declined or declining.is_declined(rule) is False:
                declining.write(rule, declining.DECLINED if declined else declining.ACCEPTED)
        except OSError as error:
            log(WARNING, "address.not_reapplied", address=name, error=error)


def _members(node: Node) -> bool:
    """Drain each marked member that HAProxy has as ready; say whether there is any marked member."""
    try:
        with node.marks.open() as marks:
            subjects = [mark.subject for mark in marks.found.values() if mark.mark == DRAIN]
            members = [found for one in subjects if (found := _member(node, one)) is not None]
            for member in members:
                _drain(node, member, marks)
    except MarksUnreadable as error:
        log(WARNING, "marks.unreadable", error=error)
        return True  # somebody changes them; the next look sees
    return bool(members)


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
        pools.try_to_keep(node, member, after, marks)
