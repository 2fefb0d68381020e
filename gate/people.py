"""What people do at the node itself: take out, give back, and see what is marked. Each returns an exit status."""

import argparse
import json
import os
import pwd
import socket
import sys

from gate import (
    barring,
    declining,
    fence_agents,
    fencing,
    locking,
    owners,
    places,
    pools,
    standing_by,
)
from gate.clock import Deadline
from gate.mark import one_as_json
from gate.marks import MarksUnreadable
from gate.note import note
from gate.reapply import reapply
from gate.seen import Eyes, MarkSeen
from gate.verb import Node
from gate.words import Outcome, Refused, State

PERSON_SECONDS = 30.0
FENCE_SECONDS = 120.0
STANDBY_SECONDS = 120.0
DAMAGED = 4
MOST_WORDS = 200
"""Characters of a person's own word."""


def drain(options: argparse.Namespace, node: Node) -> int:
    """Take a member out of this node's HAProxy."""
    member = _member(options, node)
    if member is None:
        return 2
    return _told(pools.drain(node, member, _person(), PERSON_SECONDS, options.even_last))


def give_back(options: argparse.Namespace, node: Node) -> int:
    """Put a member back, as far as it is ours to."""
    member = _member(options, node)
    if member is None:
        return 2
    return _told(pools.give_back(node, member, _owner(options), PERSON_SECONDS))


def decline(options: argparse.Namespace, node: Node) -> int:
    """Let another node have a virtual address."""
    if not _is_address(options, node):
        return 2
    deadline = Deadline.after(PERSON_SECONDS, node.clock)
    return _told(declining.decline(node, options.address, _person(), deadline))


def accept(options: argparse.Namespace, node: Node) -> int:
    """Be a candidate for a virtual address again."""
    if not _is_address(options, node):
        return 2
    return _told(declining.accept(node, options.address, _owner(options), PERSON_SECONDS))


def lock(_options: argparse.Namespace, node: Node) -> int:
    """Lock this node."""
    return _told(locking.lock(node, _person(), PERSON_SECONDS))


def unlock(options: argparse.Namespace, node: Node) -> int:
    """Unlock this node, as far as it is ours to."""
    return _told(locking.unlock(node, _owner(options), PERSON_SECONDS))


def bar(options: argparse.Namespace, node: Node) -> int:
    """Keep this node's member of a database from leading."""
    if not _is_database(options, node):
        return 2
    deadline = Deadline.after(PERSON_SECONDS, node.clock)
    return _told(barring.bar(node, options.database, _person(), deadline))


def admit(options: argparse.Namespace, node: Node) -> int:
    """Let this node's member of a database lead again, once it has all of the data."""
    if not _is_database(options, node):
        return 2
    deadline = Deadline.after(PERSON_SECONDS, node.clock)
    return _told(barring.admit(node, options.database, _owner(options), deadline))


def fence(options: argparse.Namespace, node: Node) -> int:
    """Cut another node's power, from a fencing host."""
    if not _is_fenced_here(options, node):
        return 2
    deadline = Deadline.after(FENCE_SECONDS, node.clock)
    return _told(fencing.fence(node, options.node, _person(), deadline))


def unfence(options: argparse.Namespace, node: Node) -> int:
    """Switch a fenced node on again, as far as it is ours to."""
    if not _is_fenced_here(options, node):
        return 2
    if options.mark_only is not None:
        return _forgotten(options, node)
    deadline = Deadline.after(FENCE_SECONDS, node.clock)
    return _told(fencing.unfence(node, options.node, _owner(options), deadline))


def _forgotten(options: argparse.Namespace, node: Node) -> int:
    how = options.mark_only
    if not how.strip() or not how.isprintable() or len(how) > MOST_WORDS:
        print(
            "hale-gate: --mark-only: want one line of how you know how its power is",
            file=sys.stderr,
        )
        return 2
    outcome = fencing.forget(node, options.node, _owner(options), f"{_person()}: {how}")
    about = {"node": options.node, "by": _person(), "how": how, "outcome": outcome.reason}
    if not note("fence.mark_ended_by_word", **about):
        print("hale-gate: the journal did not take it: write it down elsewhere", file=sys.stderr)
    return _told(outcome)


def standby(options: argparse.Namespace, node: Node) -> int:
    """Have Pacemaker run nothing on this node."""
    if not _is_pacemaker(options, node):
        return 2
    if not options.even_last:
        try:
            places.insist(node.config.pacemakers[options.pacemaker], node.programs)
        except Refused as refused:
            print(f"{refused}. --even-last does it all the same", file=sys.stderr)
            return 1
    deadline = Deadline.after(STANDBY_SECONDS, node.clock)
    return _told(standing_by.standby(node, options.pacemaker, _person(), deadline))


def unstandby(options: argparse.Namespace, node: Node) -> int:
    """Let Pacemaker run something on this node again, as far as it is ours to."""
    if not _is_pacemaker(options, node):
        return 2
    deadline = Deadline.after(PERSON_SECONDS, node.clock)
    return _told(standing_by.unstandby(node, options.pacemaker, _owner(options), deadline))


def power(options: argparse.Namespace, node: Node) -> int:
    """Say how another node's power is."""
    if not _is_fenced_here(options, node):
        return 2
    rule = node.config.fencing[options.node]
    reading = fence_agents.read(rule, FENCE_SECONDS, node.programs)
    print(f"{reading.state}: {reading.why}")
    return 1 if reading.state == fence_agents.UNKNOWN else 0


def marks(options: argparse.Namespace, node: Node) -> int:
    """List what is marked on this node, for whom, since when, and whether it is so."""
    try:
        node.marks.read()
    except MarksUnreadable as error:
        print(f"hale-gate: {error}; every mark counts as set", file=sys.stderr)
        return DAMAGED
    found = Eyes(node).marks() or ()
    if options.output == "json":
        print(json.dumps([one_as_json(one.mark) | {"applied": one.applied} for one in found]))
    else:
        print("\n".join(map(_line, found)) or "nothing is marked on this node")
    return 0


def put_back(_options: argparse.Namespace, node: Node) -> int:
    """Apply every mark, as the unit hale-gate-marks.service does."""
    return 0 if reapply(node, _ready) else DAMAGED


def _line(one: MarkSeen) -> str:
    word = {True: "applied", False: "NOT APPLIED", None: "not known whether applied"}[one.applied]
    mark = one.mark
    return f"{mark.mark}  {mark.subject}  for {', '.join(mark.owners)}  since {mark.since}  {word}"


def _member(options: argparse.Namespace, node: Node) -> pools.Member | None:
    pool, _, name = options.member.partition("/")
    member = pools.member_of(node, pool, name)
    if member is None:
        known = [f"{one}/{m}" for one, rule in node.config.pools.items() for m in rule.members]
        print(
            f"hale-gate: {options.member!r} is no member of a pool here. "
            f"Known: {', '.join(known) or 'none, this node balances nothing'}",
            file=sys.stderr,
        )
    return member


def _is_address(options: argparse.Namespace, node: Node) -> bool:
    known = node.config.addresses
    if options.address not in known:
        print(
            f"hale-gate: {options.address!r} is no virtual address of this node. "
            f"Known: {', '.join(known) or 'none'}",
            file=sys.stderr,
        )
    return options.address in known


def _is_database(options: argparse.Namespace, node: Node) -> bool:
    known = node.config.databases
    if options.database not in known:
        print(
            f"hale-gate: {options.database!r} is no database of this node. "
            f"Known: {', '.join(known) or 'none'}",
            file=sys.stderr,
        )
    return options.database in known


def _is_pacemaker(options: argparse.Namespace, node: Node) -> bool:
    known = node.config.pacemakers
    if options.pacemaker not in known:
        print(
            f"hale-gate: {options.pacemaker!r} is no Pacemaker cluster of this node. "
            f"Known: {', '.join(known) or 'none'}",
            file=sys.stderr,
        )
    return options.pacemaker in known


def _is_fenced_here(options: argparse.Namespace, node: Node) -> bool:
    known = node.config.fencing
    if options.node not in known:
        print(
            f"hale-gate: {options.node!r} is no node that this one may fence. "
            f"Known: {', '.join(known) or 'none, this is no fencing host'}",
            file=sys.stderr,
        )
    return options.node in known


def _told(outcome: Outcome) -> int:
    good = outcome.state is State.DONE
    print(f"{outcome.reason}: {outcome.detail}", file=sys.stdout if good else sys.stderr)
    return 0 if good else 1


def _owner(options: argparse.Namespace) -> str | None:
    return None if options.all else _person()


def _person() -> str:
    """Name who types: whom sudo knows, else the login user."""
    login = os.environ.get("SUDO_USER", "")
    if not login:
        try:
            login = pwd.getpwuid(int(_login_uid())).pw_name
        except (OSError, ValueError, KeyError):
            login = "root"
    return owners.of_person(login)


def _login_uid() -> str:
    # proc(5): set once by the login, and kept through su.
    with open("/proc/self/loginuid", encoding="ascii") as file:  # noqa: PTH123  # one line of /proc
        return file.read()


def _ready() -> None:
    """Tell systemd that what starts after us may start, see sd_notify(3)."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as wire:
        wire.connect("\0" + path[1:] if path.startswith("@") else path)
        wire.send(b"READY=1")
