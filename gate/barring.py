"""A member of a database barred from leading and admitted again, with its mark. Verbs, people and reapply come here.

Patroni reads the last part of its configuration from a file of ours, and never makes a member the leader that has
the tag nofailover there. Our part is that file; what it means, and who leads, is Patroni's.
"""

import os
from pathlib import Path

from gate import databases, owners
from gate.clock import Deadline, utc
from gate.database_rule import DatabaseRule
from gate.log import WARNING, log
from gate.mark import BAR, UNKNOWN_PERSON
from gate.marks import (
    LOCK_SECONDS,
    MarksFailed,
    MarksUnreadable,
    MarksUnwritable,
    OpenMarks,
    not_marked,
)
from gate.patroni import ANSWER_SECONDS, NotRunning, Sight, Unanswered
from gate.verb import Node
from gate.words import Outcome, Reason, State, done, failed, unknown

RELOAD_SECONDS = 30.0
"""How long Patroni may take to have the tag as the file says: it reads it between two of its loops, of 10 s each."""

LOOK_SECONDS = 0.5
BARRED, OPEN = (
    b"# Written by hale-gate.\ntags:\n  nofailover: true\n",
    b"# Written by hale-gate.\n{}\n",
)
_FILE_BYTES = 512


def bar(node: Node, name: str, owner: str, deadline: Deadline) -> Outcome:
    """Mark this node's member, and have Patroni never make it the leader.

    Args:
        node: This node.
        name: A database that gate.json lists.
        owner: For whom.
        deadline: For all of it; waiting ends after 30 s at the latest.
    """
    marked = mark(node, name, owner, deadline)
    return marked or apply(node, name, deadline)


def mark(node: Node, name: str, owner: str, deadline: Deadline) -> Outcome | None:
    """Set the mark alone, durably; None once it stands, else why not."""
    try:
        with node.marks.open(min(LOCK_SECONDS, deadline.left())) as marks:
            by_hand = is_barred(node.config.databases[name]) is True
            added = owners.to_add(owner, marks.get(BAR, name), by_hand)
            marks.own(BAR, name, added, utc(node.clock.wall()))
    except MarksFailed as error:
        return not_marked(error, "nothing was marked", "nothing followed from the mark")
    return None


def unmark(node: Node, name: str, owner: str, deadline: Deadline) -> None:
    """Take back a mark from which nothing followed. Where that fails it stands, as after a crash."""
    try:
        with node.marks.open(min(LOCK_SECONDS, deadline.left())) as marks:
            found = marks.get(BAR, name)
            rest = owners.left(found, owner) if found is not None else ()
            if found is not None and rest:
                marks.keep(found, rest)
            elif found is not None and is_barred(node.config.databases[name]) is False:
                marks.drop(found)
    except (MarksUnreadable, MarksUnwritable) as error:
        log(WARNING, "database.still_marked", database=name, error=error)


def apply(node: Node, name: str, deadline: Deadline) -> Outcome:
    """Write the file of a member as its mark says, and have Patroni read it."""
    rule = node.config.databases[name]
    try:
        with node.marks.open(min(LOCK_SECONDS, deadline.left())) as marks:
            if marks.get(BAR, name) is None:
                return failed(Reason.NOT_BARRED, "somebody took the mark away meanwhile")
            write(rule, BARRED)
    except MarksUnreadable as error:
        return failed(Reason.MARKS_UNREADABLE, f"marked, not barred yet: {error}")
    except OSError as error:
        return failed(Reason.NOT_BARRED, f"marked, but {rule.bar_file}: {error.strerror}")
    return _told(node, rule, True, deadline)


def _told(node: Node, rule: DatabaseRule, barred: bool, deadline: Deadline) -> Outcome:
    """Have Patroni read the file, and wait until it has the tag as that says."""
    word, undone = (
        (Reason.BARRED, Reason.NOT_BARRED) if barred else (Reason.ADMITTED, Reason.NOT_ADMITTED)
    )
    wait = Deadline.after(min(RELOAD_SECONDS, deadline.left()), node.clock)
    try:
        said = node.patroni.post(rule, "/reload", {}, ANSWER_SECONDS)
        if not said.good:
            return failed(undone, f"marked; Patroni said {said.status} {said.text}")
        while node.patroni.own(rule).barred != barred:
            if not wait.left():
                return failed(undone, "marked; Patroni has not taken its tag from the file")
            node.clock.sleep(LOOK_SECONDS)
    except NotRunning:
        return done(word, "Patroni does not run here; it reads this when it starts")
    except Unanswered as error:
        return unknown(Reason.UNREADABLE, f"marked; whether Patroni has read it: {error}")
    return done(word, f"Patroni {'never makes' if barred else 'may make'} {rule.member} the leader")


def admit(node: Node, name: str, owner: str | None, deadline: Deadline) -> Outcome:
    """Let one owner go, and let Patroni choose the member again when that was the last one.

    Args:
        node: This node.
        name: A database that gate.json lists.
        owner: Who lets go; None when a person says so for everybody.
        deadline: For all of it.
    """
    try:
        with node.marks.open(min(LOCK_SECONDS, deadline.left())) as marks:
            left = _let_go(node, name, owner, marks)
        if left is not None:
            return left
        outcome = _told(node, node.config.databases[name], False, deadline)
        with node.marks.open() as marks:
            return _ended(node, name, owner, outcome, marks)
    except MarksFailed as error:
        return not_marked(error, "it may still be marked", "the mark may still be there")
    except Unanswered as error:
        return failed(Reason.NOT_ADMITTED, f"nothing was changed: {error}")
    except OSError as error:
        return failed(Reason.NOT_ADMITTED, f"still marked: {error}")


def _let_go(node: Node, name: str, owner: str | None, marks: OpenMarks) -> Outcome | None:
    """Open the file where nobody else keeps the member barred; None once that is so, else what stands."""
    rule = node.config.databases[name]
    found = marks.get(BAR, name)
    by_person = owner is None or owner.startswith(owners.PERSON)
    rest = owners.left(found, owner) if found is not None else ()
    if found is None and not by_person and is_barred(rule) is not False:
        rest = (UNKNOWN_PERSON,)
    if rest:
        if found is not None:
            marks.keep(found, rest)
        return done(Reason.STILL_MARKED, f"barred for {', '.join(rest)}")
    # Whoever asks: what led once may have data that nobody else has, until it copies who leads now.
    sight = node.patroni.look(rule)
    if not databases.is_healthy(rule.member, sight, rule):
        return failed(Reason.NOT_REPLICA, f"still marked: {described(rule.member, sight)}")
    write(rule, OPEN)
    return None


def _ended(node: Node, name: str, owner: str | None, outcome: Outcome, marks: OpenMarks) -> Outcome:
    """Forget the mark once Patroni has the tag no more; where it keeps it, or others came, the file bars again."""
    rule, found = node.config.databases[name], marks.get(BAR, name)
    if found is None:
        return outcome
    rest = owners.left(found, owner) if owner is not None else ()
    if rest or outcome.state is not State.DONE:
        write(rule, BARRED)
    if rest:
        marks.keep(found, rest)
        return done(Reason.STILL_MARKED, f"barred for {', '.join(rest)}, who came meanwhile")
    if outcome.state is State.DONE:
        marks.drop(found)
    return outcome


def described(member: str, sight: Sight) -> str:
    """Say how a member is, and who leads."""
    found = sight.members.get(member)
    leader = sight.leader or "nobody"
    if found is None:
        return f"{member} is not there, {leader} leads"
    lag = "unknown" if found.lag_bytes is None else f"{found.lag_bytes} bytes"
    return (
        f"{member} is {found.role}, {found.state}, timeline {found.timeline}, lag {lag}; "
        f"{leader} leads on timeline {sight.timeline}"
    )


def is_barred(rule: DatabaseRule) -> bool | None:
    """Tell whether our file bars the member. None when it cannot be read."""
    try:
        fd = os.open(rule.bar_file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        return b"nofailover: true" in os.read(fd, _FILE_BYTES)
    except OSError:
        return None
    finally:
        os.close(fd)


def write(rule: DatabaseRule, content: bytes) -> None:
    """Replace the file: Patroni would not start with half of one. Its user, who is not root, reads it.

    Raises:
        OSError: the file says what it said before.
    """
    path = Path(rule.bar_file)
    new = path.with_name(f".{path.name}.new")
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o755)  # whatever the umask
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        os.fchmod(fd, 0o644)
        if os.write(fd, content) != len(content):
            raise OSError(f"{new}: only a part could be written")
        os.fsync(fd)
    finally:
        os.close(fd)
    new.replace(path)
