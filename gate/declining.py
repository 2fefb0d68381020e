"""A virtual address declined and accepted, with its mark. Verbs, people and reapply all come here.

keepalived's priority follows the number in its track file, so a declined candidate yields to any other that can
serve, and the last one goes on serving. Our part is one byte in that file; keepalived's is to move the address.
"""

import os
from pathlib import Path

from gate import netlink, owners
from gate.clock import Deadline, utc
from gate.listed import AddressRule
from gate.mark import DECLINE, UNKNOWN_PERSON
from gate.marks import LOCK_SECONDS, MarksFailed, OpenMarks, not_marked
from gate.verb import Node
from gate.words import Outcome, Reason, done, failed, unknown

YIELD_SECONDS = 10.0
"""How long another candidate may take to own the address. At adverts every second it takes less than 4."""

LOOK_SECONDS = 0.1
DECLINED, ACCEPTED = b"1\n", b"0\n"
_TRACK_BYTES = 128


def decline(node: Node, name: str, owner: str, deadline: Deadline) -> Outcome:
    """Mark an address, and wait until this node has given it up, as keepalived does when another takes it.

    Args:
        node: This node.
        name: An address that gate.json lists.
        owner: For whom.
        deadline: For all of it; waiting ends after 10 s at the latest.
    """
    rule = node.config.addresses[name]
    try:
        was_held = node.has_address(rule.address, rule.interface)
        with node.marks.open(min(LOCK_SECONDS, deadline.left())) as marks:
            mark = marks.get(DECLINE, name)
            by_hand = is_declined(rule) is True
            now = utc(node.clock.wall())
            marks.own(DECLINE, name, owners.to_add(owner, mark, by_hand), now)
            write(rule, DECLINED)
        return _yielded(node, rule, was_held, deadline)
    except netlink.Unreadable as error:
        return failed(Reason.NOT_DECLINED, f"nothing was marked: {error}")
    except MarksFailed as error:
        return not_marked(error, "nothing was declined")
    except OSError as error:
        return failed(Reason.NOT_DECLINED, f"marked, but {rule.track_file}: {error.strerror}")


def _yielded(node: Node, rule: AddressRule, was_held: bool, deadline: Deadline) -> Outcome:
    if not was_held:
        return done(Reason.DECLINED, "marked; this node did not hold it")
    begun = node.clock.boottime()
    wait = Deadline.after(min(YIELD_SECONDS, deadline.left()), node.clock)
    try:
        while node.has_address(rule.address, rule.interface):
            if not wait.left():
                return done(
                    Reason.LAST_CANDIDATE, "marked; no other node took it, so it serves on here"
                )
            node.clock.sleep(LOOK_SECONDS)
    except netlink.Unreadable as error:
        return unknown(Reason.UNREADABLE, f"marked; whether another node has it: {error}")
    seconds = (node.clock.boottime() - begun) / 1e9
    return done(Reason.DECLINED, f"given up after {seconds:.1f} s")


def accept(node: Node, name: str, owner: str | None, seconds: float) -> Outcome:
    """Let one owner go, and accept the address again when that was the last one.

    Args:
        node: This node.
        name: An address that gate.json lists.
        owner: Who lets go; None when a person says so for everybody.
        seconds: For the marks to become free, 10 at most.
    """
    rule = node.config.addresses[name]
    try:
        with node.marks.open(min(LOCK_SECONDS, seconds)) as marks:
            return _accept(rule, name, owner, marks)
    except MarksFailed as error:
        return not_marked(error, "nothing was accepted", "the mark may still be there")
    except OSError as error:
        return failed(Reason.NOT_ACCEPTED, f"still marked; {rule.track_file}: {error.strerror}")


def _accept(rule: AddressRule, name: str, owner: str | None, marks: OpenMarks) -> Outcome:
    mark = marks.get(DECLINE, name)
    by_person = owner is None or owner.startswith(owners.PERSON)
    rest = owners.left(mark, owner) if mark is not None else ()
    if mark is None and not by_person and is_declined(rule) is not False:
        rest = (UNKNOWN_PERSON,)
    if rest:
        if mark is not None:
            marks.keep(mark, rest)
        return done(Reason.STILL_MARKED, f"declined for {', '.join(rest)}")
    write(rule, ACCEPTED)
    if mark is not None:
        marks.drop(mark)
    return done(Reason.ACCEPTED, "keepalived moves it here if this node comes first")


def is_declined(rule: AddressRule) -> bool | None:
    """Tell what the track file says: anything but 0 declines. None when it cannot be read."""
    try:
        fd = os.open(rule.track_file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        return os.read(fd, _TRACK_BYTES).strip() not in (b"0", b"")
    except OSError:
        return None
    finally:
        os.close(fd)


def write(rule: AddressRule, content: bytes) -> None:
    """Write one byte in place: no instant has an empty file, and a full disk has room for it.

    keepalived is told by the kernel when the file is closed (inotify's IN_CLOSE_WRITE).

    Raises:
        OSError: the file says what it said before.
    """
    path = Path(rule.track_file)
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        os.pwrite(fd, content, 0)
        os.ftruncate(fd, len(content))
        os.fsync(fd)
    finally:
        os.close(fd)
