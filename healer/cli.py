"""The command hale-healer: runs the healer, and talks to the one that runs on this node.

Rule: a command shows what the healer answers and decides nothing itself.
"""

import argparse
import asyncio
import getpass
import json
import os
import sys
from collections.abc import Mapping, Sequence
from keyword import iskeyword
from pathlib import Path

from healer.client import Client
from healer.errors import HaleError, LeaseLost, Malformed, Refused, Unreachable
from healer.words import WORDS, Word

OK, NO, WRONG, UNREACHABLE = 0, 1, 2, 3

CONFIG = Path("/etc/hale/cluster.yml")
CONTROL = Path("/run/hale-healer/ctl.sock")
LISTEN = ":9595"

STATUS_TEXT = """\
exit status:
  0  done
  1  the healer refused, or there is no such thing; nothing was changed
  2  the command or the configuration is wrong
  3  no healer answers here
"""


AUDIT_STATUS_TEXT = """\
exit status:
  0  the chain holds; or all was exported
  1  the chain is broken: the journal was changed by something other than hale-healer
  2  the command or the configuration is wrong, or there is no journal that can be read
"""

WHERE_USERS_STAND = """
Put this line below `users:` in the file that cluster.yml names as `healer.users`.
That file is for root and the healer alone: chown root:hale-healer, chmod 640.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    args = _parser().parse_args(argv)
    try:
        match args.command:
            case "run":
                return _run(args)
            case "store" if args.store_command == "status":
                from healer import store_words  # as audit does

                return store_words.run(args)
            case "store":
                return _init(args)
            case "passwd":
                return _passwd(args)
            case "audit":
                from healer import (
                    audit,
                )  # reading a journal needs more libraries than asking a healer

                return audit.run(args)
            case _:
                return _ask(args.word, args)
    except BrokenPipeError:
        # Whoever read us has seen enough; Python would complain once more while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def _ask(word: Word, args: argparse.Namespace) -> int:
    try:
        answer = word.asks(Client(args.control), args)
    except Refused as error:
        _complain(args, {"reason": error.reason, "detail": error.detail}, str(error))
        return NO
    except Malformed as error:  # nobody was asked
        _complain(args, {"reason": "malformed", "detail": str(error)}, f"malformed: {error}")
        return WRONG
    except Unreachable as error:
        look = "systemctl status hale-healer; journalctl -u hale-healer -n 50"
        said = f"unreachable: no healer answers: {error}\nLook with: {look}"
        _complain(args, {"reason": "unreachable", "detail": str(error), "look": look}, said)
        return UNREACHABLE
    print(_json(answer) if args.output == "json" else word.tells(answer))
    sys.stdout.flush()
    return OK


def _complain(args: argparse.Namespace, fields: Mapping[str, str], said: str) -> None:
    if args.output == "json":
        print(_json(fields))
    else:
        lines = said.splitlines()
        print("\n".join(["hale-healer: " + lines[0], *lines[1:]]), file=sys.stderr)


def _json(answer: object) -> str:
    return json.dumps(answer, indent=2)


def _run(args: argparse.Namespace) -> int:
    from healer import app  # the commands start without the engine's libraries

    try:
        asyncio.run(app.run(args.config, args.listen, args.control, args.node))
    except KeyboardInterrupt:
        return OK
    except (HaleError, BaseExceptionGroup) as error:
        return _ended(error)
    return OK


def _ended(error: BaseException) -> int:
    """Report why the healer ended; what is none of ours is a bug and is raised with its traceback."""
    known = _known(error)
    if known is None:
        raise error
    print(f"hale-healer: {known}", file=sys.stderr)
    # systemd starts us again, and the new life waits for the lease.
    return NO if isinstance(known, LeaseLost) else WRONG


def _known(error: BaseException) -> HaleError | None:
    if isinstance(error, BaseExceptionGroup):
        ours, others = error.split(HaleError)
        first = ours.exceptions[0] if ours is not None else None
        return _known(first) if first is not None and others is None else None
    return error if isinstance(error, HaleError) else None


def _init(args: argparse.Namespace) -> int:
    from healer import app

    try:
        era = asyncio.run(app.init_store(args.config, args.era))
    except HaleError as error:
        _complain(args, {"reason": "configuration", "detail": str(error)}, str(error))
        return WRONG
    done = {"done": f"an empty journal of era {era}", "era": era}
    print(_json(done) if args.output == "json" else done["done"])
    return OK


def _passwd(args: argparse.Namespace) -> int:
    from healer.adapters import passwords, users

    try:
        if not users.NAME.fullmatch(args.name):
            raise ValueError(f"{args.name!r} is no name: letters, digits, and ._@- between them")
        kept = str(passwords.make(_new_password()))
    except (ValueError, EOFError, KeyboardInterrupt) as error:
        said = str(error) or "no password was given"
        _complain(args, {"reason": "malformed", "detail": said}, said)
        return WRONG
    made = {"name": args.name, "role": args.role, "password": kept}
    line = f'  {args.name}: {{role: {args.role}, password: "{kept}"}}'
    print(_json(made) if args.output == "json" else line)
    if sys.stderr.isatty():
        print(WHERE_USERS_STAND, file=sys.stderr)
    return OK


def _new_password() -> str:
    """Read a password from the terminal, twice and unseen; else the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != first:
        raise ValueError("the two are not the same")
    return first


class _Wide(argparse.RawDescriptionHelpFormatter):
    """One line for each command, as wide as the terminal is."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)
        # argparse forgets the indent of commands when it looks for the widest one.
        self._action_max_length = 13


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hale-healer",
        description="Heal what can be healed, and say why not.",
        epilog=STATUS_TEXT,
        formatter_class=_Wide,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = _command(commands, "run", "run the healer", f"--config {CONFIG}")
    run.add_argument("--config", type=Path, default=CONFIG, help="default: %(default)s")
    run.add_argument("--listen", default=LISTEN, help="HOST:PORT for HTTP, default: %(default)s")
    run.add_argument("--control", type=Path, default=CONTROL, help="default: %(default)s")
    run.add_argument(
        "--node",
        default=os.environ.get("HALE_NODE") or None,
        help="which of several healers this is, default: $HALE_NODE",
    )
    for word in WORDS:
        _add(commands, word)
    store = commands.add_parser(
        "store",
        help="make an empty journal, or say how it is",
        epilog=STATUS_TEXT,
        formatter_class=_Wide,
    )
    inner = store.add_subparsers(dest="store_command", required=True, metavar="COMMAND")
    init = _command(inner, "init", "make an empty journal", f"--config {CONFIG}", prefix="store ")
    init.add_argument("--config", type=Path, default=CONFIG, help="default: %(default)s")
    init.add_argument(
        "--era", type=int, help="default: one above the highest that any gate reports"
    )
    _output(init)
    purpose = "say how the journal's store is, also where no healer runs"
    status = _command(inner, "status", purpose, f"--config {CONFIG}", prefix="store ")
    status.add_argument("--config", type=Path, default=CONFIG, help="default: %(default)s")
    _output(status)
    _add_audit(commands)
    purpose = "make the line of a user for healer.users in cluster.yml"
    passwd = _command(commands, "passwd", purpose, "alice --role operator")
    passwd.add_argument("name", help="as they sign in, and as the journal calls them")
    passwd.add_argument(
        "--role",
        choices=("viewer", "operator", "owner"),
        default="viewer",
        help="default: %(default)s",
    )
    _output(passwd)
    return parser


def _add_audit(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    audit = commands.add_parser(
        "audit",
        help="see whether the journal was changed, or export it",
        epilog=AUDIT_STATUS_TEXT,
        formatter_class=_Wide,
    )
    inner = audit.add_subparsers(dest="audit_command", required=True, metavar="COMMAND")
    purpose = "follow the journal's hash chain, and say where it breaks"
    verify = _command(
        inner, "verify", purpose, "--file /srv/copy.db", "audit ", status=AUDIT_STATUS_TEXT
    )
    purpose = "print the journal as lines of JSON, one record each"
    export = _command(inner, "export", purpose, "--since 7d", "audit ", status=AUDIT_STATUS_TEXT)
    for one in (verify, export):
        one.add_argument("--config", type=Path, default=CONFIG, help="default: %(default)s")
        what = "a journal's file or a copy of it" + (", or an export" if one is verify else "")
        one.add_argument("--file", type=Path, help=f"{what}; default: the one in cluster.yml")
        _output(one)
    export.add_argument("--since", help="12h, 7d, or a time as 2026-01-31T22:00:00Z")
    export.add_argument("--incident", help="only what is about this one")


def _add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", word: Word) -> None:
    one = _command(commands, word.name, word.purpose, word.example)
    one.set_defaults(word=word)
    for name, what in word.takes.items():
        if name.endswith("?"):  # a freeze in a hurry counts, also with an empty reason
            one.add_argument(name.rstrip("?"), help=what, nargs="?")
        else:
            one.add_argument(name, help=what, type=_something)
    for name, what in word.options.items():
        default = "open" if name == "state" else None
        plain = name.rstrip("!")
        # A word of Python's own cannot be an attribute.
        dest = f"{plain}_" if iskeyword(plain) else plain.replace("-", "_")
        one.add_argument(
            f"--{plain}",
            dest=dest,
            metavar=plain.upper(),
            help=what,
            default=default,
            required=name.endswith("!"),
        )
    one.add_argument("--control", type=Path, default=CONTROL, help="default: %(default)s")
    _output(one)


def _something(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty")
    return text


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    purpose: str,
    example: str,
    prefix: str = "",
    status: str = STATUS_TEXT,
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=purpose,
        description=f"{purpose[0].upper()}{purpose[1:]}.",
        epilog=f"example:\n  {' '.join(['hale-healer', prefix + name, example]).rstrip()}\n\n{status}",
        formatter_class=_Wide,
    )


def _output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output", choices=("text", "json"), default="text", help="default: %(default)s"
    )


if __name__ == "__main__":
    sys.exit(main())
