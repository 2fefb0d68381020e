"""A pool's member taken out of HAProxy and given back, with its mark. Verbs, people and reapply all come here.

The order never changes: the mark is durable, then the state file of HAProxy's next start, then HAProxy is told, then
it is asked what it has. Giving back ends with the mark, once neither HAProxy nor its next start has the
member out, so that a crash leaves too much marked, which reapply and the healer both see.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gate import owners, state_file
from gate.clock import utc
from gate.haproxy import DRAIN as DRAINING
from gate.haproxy import MAINT, READY, NotRunning, Server, Sight, Unanswered
from gate.listed import PoolRule
from gate.log import WARNING, log
from gate.mark import DRAIN, UNKNOWN_PERSON, Mark
from gate.marks import LOCK_SECONDS, MarksFailed, OpenMarks, not_marked
from gate.verb import Node
from gate.words import Outcome, Reason, State, done, failed, unknown

SWITCH_TRIES, SWITCH_SECONDS = 20, 0.1
"""A worker on its way out may still answer while its successor starts; then we ask again."""

SETTLE_TRIES, SETTLE_SECONDS = 3, 1.0
"""A new worker may have read the state file before we changed it, and answer only after; then we set it again."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a pool that gate.json lists."""

    pool: str
    name: str
    rule: PoolRule

    @property
    def subject(self) -> str:
        """What its marks are about."""
        return f"{self.pool}/{self.name}"

    @property
    def key(self) -> state_file.Key:
        """HAProxy's names for it."""
        return self.rule.backend, self.name

    def seen(self, sight: Sight) -> Server | None:
        """Return how HAProxy has it; None when it has no such server."""
        return sight.servers.get(self.key)

    def is_ready(self, sight: Sight) -> bool:
        """Tell whether HAProxy has it as ready; False when it has no such server."""
        server = self.seen(sight)
        return server is not None and server.admin == READY


def member_of(node: Node, pool: str, name: str) -> Member | None:
    """Return a member; None when gate.json does not list it."""
    rule = node.config.pools.get(pool)
    return Member(pool, name, rule) if rule is not None and name in rule.members else None


def others_serving(member: Member, sight: Sight, marked: Iterable[tuple[str, str]]) -> list[str]:
    """Return the pool's other members that serve and are not marked to be taken out."""
    taken = set(marked)
    return [
        name
        for name in member.rule.members
        if name != member.name
        and (DRAIN, f"{member.pool}/{name}") not in taken
        and (found := sight.servers.get((member.rule.backend, name))) is not None
        and found.serving
    ]


def drain(
    node: Node, member: Member, owner: str, seconds: float, even_last: bool = False
) -> Outcome:
    """Mark a member and take it out of HAProxy.

    Args:
        node: This node.
        member: Who goes.
        owner: For whom. A person may mark where HAProxy does not answer; it then drains when it starts.
        seconds: For the marks to become free, 10 at most.
        even_last: Whether it may be the last one that serves; only people say so.
    """
    try:
        with node.marks.open(min(LOCK_SECONDS, seconds)) as marks:
            return _drain(node, member, owner, marks, even_last)
    except MarksFailed as error:
        return not_marked(error, "nothing was drained")


def _drain(node: Node, member: Member, owner: str, marks: OpenMarks, even_last: bool) -> Outcome:
    now = utc(node.clock.wall())
    try:
        sight = node.balancer.look(member.rule.socket)
    except Unanswered as error:
        if not owner.startswith(owners.PERSON):
            return failed(Reason.NOT_DRAINED, f"nothing was marked: {error}")
        marks.own(DRAIN, member.subject, (owner,), now)
        return failed(Reason.NOT_DRAINED, f"marked, to be drained when HAProxy answers: {error}")
    server = member.seen(sight)
    if server is None:
        return failed(
            Reason.NOT_DRAINED, f"HAProxy has no server {member.rule.backend}/{member.name}"
        )
    if not even_last and not others_serving(member, sight, marks.found):
        return failed(Reason.LAST_MEMBER, f"no other member of {member.pool} is up and ready")
    mark = marks.get(DRAIN, member.subject)
    marks.own(DRAIN, member.subject, owners.to_add(owner, mark, server.forced), now)
    keep(node, member.rule.state_file, sight, marks)
    try:
        sight = apply(node, member, sight)
    except NotRunning as error:
        return failed(Reason.NOT_DRAINED, f"marked, to be drained when HAProxy starts: {error}")
    except Unanswered as error:
        return unknown(Reason.UNREADABLE, f"marked; HAProxy may yet drain it: {error}")
    server = member.seen(sight)
    if server is None or server.admin == READY:
        return failed(
            Reason.NOT_DRAINED, f"marked, but HAProxy does not: {sight.said or 'no word why'}"
        )
    return done(
        Reason.DRAINED, f"{server.admin}, {server.sessions} sessions left, worker {sight.pid}"
    )


def apply(node: Node, member: Member, sight: Sight) -> Sight:
    """Drain a marked member that HAProxy has as ready; return what it has then.

    One in maint stays there: it is out already, and drain would let persistent sessions in again.

    Raises:
        Unanswered: unless NotRunning, HAProxy may yet do it.
    """
    return _set(node, member, DRAINING) if member.is_ready(sight) else sight


def give_back(node: Node, member: Member, owner: str | None, seconds: float) -> Outcome:
    """Let one owner go, and put the member back into HAProxy when that was the last one.

    Args:
        node: This node.
        member: Who comes back.
        owner: Who lets go; None when a person says so for everybody.
        seconds: For the marks to become free, 10 at most.
    """
    try:
        with node.marks.open(min(LOCK_SECONDS, seconds)) as marks:
            return _give_back(node, member, owner, marks)
    except MarksFailed as error:
        return not_marked(error, "nothing was returned", "the mark may still be there")


def _give_back(node: Node, member: Member, owner: str | None, marks: OpenMarks) -> Outcome:
    mark = marks.get(DRAIN, member.subject)
    by_person = owner is None or owner.startswith(owners.PERSON)
    rest = owners.left(mark, owner) if mark is not None else ()
    try:
        sight = node.balancer.look(member.rule.socket)
    except Unanswered as error:
        return failed(Reason.NOT_RETURNED, f"nothing was changed: {error}")
    server = member.seen(sight)
    if server is None:
        return _gone(member, mark, rest, marks)
    if not rest and not by_person and _is_peoples(server, mark):
        rest = (UNKNOWN_PERSON,)
    if rest:
        if mark is not None:
            marks.keep(mark, rest)
        return done(Reason.STILL_MARKED, f"{server.admin} for {', '.join(rest)}")
    path = member.rule.state_file
    try:
        state_file.leave_out(path, {member.key})
    except OSError as error:
        return failed(Reason.NOT_RETURNED, f"nothing was changed: {path}: {error}")
    outcome = _readied(node, member, sight)
    if outcome.state is not State.DONE:
        keep(node, path, sight, marks)
    elif mark is not None:
        marks.drop(mark)
    return outcome


def _readied(node: Node, member: Member, sight: Sight) -> Outcome:
    """Have HAProxy give a member new requests again, and say whether it does; the mark is not touched."""
    try:
        for _ in range(SETTLE_TRIES):
            if not member.is_ready(sight):
                sight = _set(node, member, READY)
            if not member.is_ready(sight):
                break
            told = sight.pid
            node.clock.sleep(SETTLE_SECONDS)
            sight = node.balancer.look(member.rule.socket)
            if sight.pid == told and not sight.stopping:
                break
    except NotRunning as error:
        return failed(Reason.NOT_RETURNED, f"still marked: {error}")
    except Unanswered as error:
        return unknown(Reason.UNREADABLE, f"still marked; HAProxy may yet return it: {error}")
    server = member.seen(sight)
    if server is None or server.admin != READY:
        said = sight.said or (f"it is {server.admin}" if server else "it has no such server")
        return failed(Reason.NOT_RETURNED, f"still marked; HAProxy says: {said}")
    return done(Reason.RETURNED, f"{server.admin}, {server.operational}, worker {sight.pid}")


def _is_peoples(server: Server, mark: Mark | None) -> bool:
    """Tell whether somebody took it out by hand: Hale only ever drains, and only with a mark."""
    return server.admin == MAINT and server.forced_maint if mark else server.forced


def _gone(member: Member, mark: Mark | None, rest: tuple[str, ...], marks: OpenMarks) -> Outcome:
    """Let go of a member that HAProxy no longer has; there is nothing to put back."""
    if mark is None:
        return failed(
            Reason.NOT_RETURNED, f"HAProxy has no server {member.rule.backend}/{member.name}"
        )
    if rest:
        marks.keep(mark, rest)
        return done(Reason.STILL_MARKED, f"for {', '.join(rest)}; HAProxy has no such server")
    try:
        state_file.leave_out(member.rule.state_file, {member.key})
    except OSError as error:
        return failed(Reason.NOT_RETURNED, f"still marked: {member.rule.state_file}: {error}")
    marks.drop(mark)
    return done(Reason.RETURNED, "HAProxy has no such server any more")


def _set(node: Node, member: Member, state: str) -> Sight:
    """Tell HAProxy, and again as long as a worker answers that is on its way out.

    Raises:
        Unanswered: unless NotRunning, HAProxy may yet do it.
    """
    rule = member.rule
    sight = node.balancer.set_state(rule.socket, rule.backend, member.name, state)
    for _ in range(SWITCH_TRIES):
        if not sight.stopping:
            break
        node.clock.sleep(SWITCH_SECONDS)
        sight = node.balancer.set_state(rule.socket, rule.backend, member.name, state)
    return sight


def keep(node: Node, path: str, sight: Sight, marks: OpenMarks) -> None:
    """Write down for HAProxy's next start that the marked members are out; without it reapply does all."""
    lines = [
        server.line
        for pool, rule in node.config.pools.items()
        if rule.state_file == path
        for name in rule.members
        if marks.get(DRAIN, f"{pool}/{name}") is not None
        and (server := sight.servers.get((rule.backend, name))) is not None
    ]
    try:
        state_file.save(path, sight.columns + "".join(f"{line}\n" for line in lines))
    except OSError as error:
        log(WARNING, "state_file.not_written", path=path, error=error)
