"""The command `hale-gate`, and the one place where the gate is put together."""

import argparse
import os
import re
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from gate import (
    config,
    machine,
    netlink,
    people,
    pipe,
    process,
    reboot_lock,
    replies,
    status,
)
from gate.channel import SILENCE_SECONDS, FdChannel
from gate.clock import SystemClock
from gate.haproxy import Haproxy
from gate.holds import Holds
from gate.ledger import Ledger
from gate.ledgers import Ledgers
from gate.log import ERROR, INFO, WARNING, log
from gate.marks import Marks
from gate.mounts import Filesystems
from gate.nonce import Nonce
from gate.own_boot import OwnBoot
from gate.patroni import RestApi
from gate.run_lock import RunLock
from gate.sentinel import RedisSentinel
from gate.session import Session
from gate.units import Systemctl
from gate.unwritable import LedgerUnwritable, NoLedgerYet
from gate.verb import Node
from gate.words import Reason, Refused

Parser = argparse.ArgumentParser

EXIT_CODES = """\
exit codes:
  0  done; for status: this gate would act
  1  could not: no permission, no socket, a disk that cannot be written; the first word says why
  2  the command line or gate.json is wrong
  3  status only: a hold is in force
  4  status: the ledger cannot be used, so every verb is refused; marks, reapply: marks cannot be read

examples:
  ssh hale-gate@web1                           runs `hale-gate pipe`, as sshd's forced command
  hale-gate pipe --socket /run/hale-gate/gate.sock
  hale-gate serve                              what hale-gate@.service runs
  hale-gate hold "replacing a fan" --for 2h    refuse every verb on this node; needs no network
  hale-gate release                            end every hold
  hale-gate status --output json
  hale-gate drain web/web1                     take a member out of this node's HAProxy, for you
  hale-gate return web/web1                    let it back in, unless somebody else keeps it out
  hale-gate decline vip                        let another node have a virtual address
  hale-gate accept vip                         be a candidate for it again
  hale-gate lock                               take this node for work of your own
  hale-gate unlock                             end it
  hale-gate bar main                           keep this node from leading a database
  hale-gate admit main                         let it lead again, once it has all of the data
  hale-gate fence db1                          cut another node's power, from a fencing host
  hale-gate unfence db1                        switch it on again, unless somebody else keeps it off
  hale-gate unfence db1 --all --mark-only "its controller is dead; I switched it on by hand"
  hale-gate standby store                      have Pacemaker move all that it runs here to others, if they can
  hale-gate unstandby store                    let it run things here again, unless somebody else keeps it so
  hale-gate power db1                          say how its power is
  hale-gate marks                              what is taken out here, for whom and since when
  hale-gate reapply                            what hale-gate-marks.service runs
  hale-gate reboot-if-due                      what hale-reboot-lock.service runs
  hale-gate reboot-done                        what hale-reboot-done.service runs
"""
_DURATION = re.compile(r"([1-9][0-9]{0,8})(s|m|h|d)")
HOLD_PATIENCE = 1.0
"""Seconds that a hold waits for the ledger before it is placed all the same."""

HOLD_DAYS = 365
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand; return the exit status that --help documents."""
    options = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except config.ConfigError as error:
        print(f"hale-gate: {error}", file=sys.stderr)
        return 2
    except PermissionError as error:
        print(f"hale-gate: {error.filename}: {error.strerror}; run it as root", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"hale-gate: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hale-gate",
        description="The one door on a node through which a healer acts.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--config", type=Path, default=Path("/etc/hale/gate.json"))
    shared.add_argument("--state", type=Path, default=Path("/var/lib/hale-gate"))
    shared.add_argument("--run", type=Path, default=Path("/run/hale-gate"))

    carry = _command(commands, "pipe", _pipe, "carry one session from sshd to the gate's socket")
    carry.add_argument("--socket", type=Path, default=Path("/run/hale-gate/gate.sock"))

    serve = _command(commands, "serve", _serve, "answer one session on standard input", shared)
    serve.add_argument("--silence", type=float, default=SILENCE_SECONDS, metavar="SECONDS")

    hold = _command(commands, "hold", _hold, "refuse every verb on this node", shared)
    hold.add_argument("reason", metavar="REASON")
    hold.add_argument("--for", dest="seconds", type=_seconds, metavar="2h")

    _command(commands, "release", _release, "end every hold on this node", shared)

    show = _command(commands, "status", _status, "say whether this gate would act", shared)
    show.add_argument("--output", choices=("text", "json"), default="text")
    _people(commands, shared)
    asking = argparse.ArgumentParser(add_help=False)
    asking.add_argument("--url-file", type=Path, default=reboot_lock.URL_FILE)
    line = "boot this node if an upgrade waits for that and FleetLock gives a lock"
    _command(commands, "reboot-if-due", _reboot_if_due, line, asking, shared)
    line = "tell FleetLock that this node is up and well"
    _command(commands, "reboot-done", _reboot_done, line, asking)
    return parser


def _people(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", shared: argparse.ArgumentParser
) -> None:
    """Add what people do at the node."""

    def add(name: str, run: Callable[[argparse.Namespace, Node], int], line: str) -> Parser:
        return _command(commands, name, lambda options: run(options, _node(options)), line, shared)

    everybody = "for every owner, Hale's incidents too"
    drain = add("drain", people.drain, "take a member out of this node's HAProxy")
    drain.add_argument("member", metavar="POOL/MEMBER")
    drain.add_argument("--even-last", action="store_true", help="also the last one that serves")
    back = add("return", people.give_back, "let a member back into this node's HAProxy")
    back.add_argument("member", metavar="POOL/MEMBER")
    back.add_argument("--all", action="store_true", help=everybody)
    decline = add("decline", people.decline, "let another node have a virtual address")
    decline.add_argument("address", metavar="ADDRESS")
    accept = add("accept", people.accept, "be a candidate for a virtual address again")
    accept.add_argument("address", metavar="ADDRESS")
    accept.add_argument("--all", action="store_true", help=everybody)
    add("lock", people.lock, "take this node for work of your own")
    unlock = add("unlock", people.unlock, "end your work on this node")
    unlock.add_argument("--all", action="store_true", help=everybody)
    bar = add("bar", people.bar, "keep this node's member of a database from leading")
    bar.add_argument("database", metavar="DATABASE")
    admit = add("admit", people.admit, "let this node's member of a database lead again")
    admit.add_argument("database", metavar="DATABASE")
    admit.add_argument("--all", action="store_true", help=everybody)
    fence = add("fence", people.fence, "cut another node's power; it stays off until unfence")
    fence.add_argument("node", metavar="NODE")
    unfence = add("unfence", people.unfence, "switch a fenced node on again")
    unfence.add_argument("node", metavar="NODE")
    unfence.add_argument("--all", action="store_true", help=everybody)
    unfence.add_argument(
        "--mark-only",
        metavar="HOW",
        help="switch nothing and ask no controller: end the mark alone, on your word, and say how you know its power",
    )
    standby = add("standby", people.standby, "have Pacemaker run nothing on this node")
    standby.add_argument("pacemaker", metavar="PACEMAKER")
    standby.add_argument("--even-last", action="store_true", help="also where nobody else runs it")
    unstandby = add("unstandby", people.unstandby, "let Pacemaker run things here again")
    unstandby.add_argument("pacemaker", metavar="PACEMAKER")
    unstandby.add_argument("--all", action="store_true", help=everybody)
    power = add("power", people.power, "say how another node's power is")
    power.add_argument("node", metavar="NODE")
    show = add("marks", people.marks, "list what is taken out here, and for whom")
    show.add_argument("--output", choices=("text", "json"), default="text")
    add("reapply", people.put_back, "apply every mark again, as at boot")


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",  # has no public name
    name: str,
    run: Callable[[argparse.Namespace], int],
    line: str,
    *parents: argparse.ArgumentParser,
) -> argparse.ArgumentParser:
    examples = [text for text in EXIT_CODES.splitlines() if f"hale-gate {name}" in text]
    parser = commands.add_parser(
        name,
        help=line,
        description=line,
        parents=parents,
        epilog="\n".join(["example:", *examples[-1:], "", EXIT_CODES.split("\n\n")[0]]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=run)
    return parser


def _pipe(options: argparse.Namespace) -> int:
    code = pipe.carry(options.socket, 0, 1)
    sys.stderr.flush()
    os._exit(code)  # the requests' thread may still wait in read(), which nothing else can end


def _serve(options: argparse.Namespace) -> int:
    channel = FdChannel(0, 1, options.silence)
    clock = SystemClock()
    # Looked at before they are read, so that no change falls in between.
    outdated = _Outdated.since_now(options.config, Path(sys.argv[0]))
    try:
        rules = config.load(options.config)
    except config.ConfigError as error:
        log(ERROR, "config.refused", error=error)
        refused = Refused(Reason.MISCONFIGURED, str(error))
        channel.write(replies.last(None, replies.refusal(refused, str(clock.boot_id()))))
        return 2
    ledgers = Ledgers(Ledger(options.state / "ledger"), Ledger(options.run / "ledger"))
    try:
        # Here and not in hello, which must write nothing.
        if ledgers.main.create_if_missing():
            log(WARNING, "ledger.created", path=ledgers.main.path)
    except LedgerUnwritable as error:
        log(ERROR, "ledger.missing", error=error)
    asked = _Asked()
    session = Session(
        channel=channel,
        node=replace(_node(options, rules), stopping=asked),
        ledgers=ledgers,
        lock=RunLock(options.run / "action.lock"),
        holds=Holds(options.state, options.run, clock),
        nonce=Nonce(clock),
        outdated=outdated,
    )
    _stop_between_requests(session, asked)
    session.serve()
    return 0


def _reboot_if_due(options: argparse.Namespace) -> int:
    urls = options.url_file.read_text("utf-8", "replace")
    # A node without a gate.json may ask for locks too; one that cannot be read is a mistake.
    rules = config.load(options.config).pacemakers if options.config.exists() else {}
    look, standby, post = machine.look(), reboot_lock.standby, reboot_lock.post
    boot = OwnBoot(
        ledger=Ledger(options.state / "ledger"),
        lock=RunLock(options.run / "action.lock"),
        holds=Holds(options.state, options.run, SystemClock()),
        marks=Marks(options.state, options.run),
        pacemakers=rules,
        programs=process.run,
    )
    return reboot_lock.reboot_if_due(urls, look, standby, post, process.run, boot.now)


def _reboot_done(options: argparse.Namespace) -> int:
    urls = options.url_file.read_text("utf-8", "replace")
    return reboot_lock.reboot_done(urls, machine.look(), reboot_lock.standby, reboot_lock.post)


def _node(options: argparse.Namespace, rules: config.Config | None = None) -> Node:
    """Put this node together, with the kernel's and systemd's own parts."""
    clock = SystemClock()
    return Node(
        config=rules or config.load(options.config),
        systemd=Systemctl(),
        programs=process.run,
        clock=clock,
        marks=Marks(options.state, options.run),
        balancer=Haproxy(),
        patroni=RestApi(),
        sentinel=RedisSentinel(),
        has_address=netlink.held,
        disks=Filesystems(clock.wall),
    )


@dataclass(frozen=True, slots=True)
class _Outdated:
    """Whether one of these files is another than it was, or was written to."""

    files: tuple[Path, ...]
    known: tuple[tuple[int, int, int] | None, ...]

    @classmethod
    def since_now(cls, *files: Path) -> "_Outdated":
        return cls(files, tuple(map(_identity, files)))

    def __call__(self) -> bool:
        return tuple(map(_identity, self.files)) != self.known


def _identity(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


@dataclass(slots=True)
class _Asked:
    """Whether a signal asked this session to end."""

    signalled: bool = False

    def __call__(self) -> bool:
        return self.signalled


def _stop_between_requests(session: Session, asked: _Asked) -> None:
    """Let a stop of the unit wait for a running verb."""

    def stop(number: int, _frame: object) -> None:
        asked.signalled = True
        log(INFO, "session.stopping", signal=number, running=session.running)
        if not session.running:
            raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)


def _hold(options: argparse.Namespace) -> int:
    holds = Holds(options.state, options.run, SystemClock())
    still = ""
    try:
        # No action begins while the ledger is ours, so one begins before the hold or not at all.
        with Ledger(options.state / "ledger").open(HOLD_PATIENCE) as book:
            path = holds.place(options.reason, options.seconds)
            record = status.running(book, RunLock(options.run / "action.lock"))
            if record is not None:
                still = f"{record.id} {record.verb} {record.target} began before and still runs"
    except LedgerUnwritable as error:  # a hold must be possible when nothing else is
        path = holds.place(options.reason, options.seconds)
        if not isinstance(error, NoLedgerYet):
            still = f"an action that began before may still run: {error}"
    print(f"every verb is refused on this node; written to {path}")
    if still:
        print(still)
    if path.parent == options.run:
        print(f"{options.state} cannot be written: the hold ends with the next boot")
    return 0


def _release(options: argparse.Namespace) -> int:
    found = Holds(options.state, options.run, SystemClock()).release()
    print("released" if found else "there was no hold")
    return 0


def _status(options: argparse.Namespace) -> int:
    rules = config.load(options.config)
    # A directory that we may not enter would look like one without ledger and holds.
    if options.state.exists() and not os.access(options.state, os.R_OK | os.X_OK):
        raise PermissionError(13, "permission denied", str(options.state))
    found = status.read(
        rules,
        Ledger(options.state / "ledger"),
        RunLock(options.run / "action.lock"),
        Holds(options.state, options.run, SystemClock()),
    )
    as_json = options.output == "json"
    print(status.as_json(found) if as_json else status.as_text(found, options.state))
    return found.exit_code


def _seconds(text: str) -> float:
    found = _DURATION.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"want a duration like 30s, 15m, 2h or 1d, got {text!r}")
    seconds = int(found[1]) * _SECONDS[found[2]]
    if seconds > HOLD_DAYS * _SECONDS["d"]:
        raise argparse.ArgumentTypeError(
            f"want at most {HOLD_DAYS}d, got {text!r}; leave --for out to hold until `release`"
        )
    return float(seconds)


if __name__ == "__main__":
    sys.exit(main())
