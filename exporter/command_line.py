"""The command line of hale-exporter: node_exporter's flags wherever that has them, written as kingpin takes them.

A switch is `--NAME` or `--no-NAME`, and takes no value; all else is `--NAME=WORD` or `--NAME WORD`.
"""

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from exporter import foreign, logs
from exporter.inventory import OFFERS
from exporter.offers import Flag, Offer, Pair, Switch
from exporter.selfmetrics import own_version
from exporter.settings import Address, Settings

EPILOG = """\
commands:
  hale-exporter classify FILE    say of each line of a log what failure it tells of

example:
  hale-exporter --config.file=/etc/hale/exporter.yml --web.listen-address=127.0.0.1:9100

exit status:
  0  stopped by SIGTERM or SIGINT
  1  the address cannot be listened on
  2  a flag, exporter.yml or web-config.yml cannot be used; every mistake is on stderr
"""

LISTEN = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:]*)):([0-9]{1,5})")


class CommandLine(argparse.ArgumentParser):
    """Says of a mistake what to write instead, in one line: the usage would be some three hundred flags."""

    def error(self, message: str) -> NoReturn:
        """End with the mistake on stderr, and 2."""
        text = message.removeprefix("argument ")
        self.exit(2, f"{self.prog}: {text}\n{self.prog} --help shows every flag\n")

    def taken(self, words: Sequence[str]) -> argparse.Namespace:
        """Take the command line apart, or end with its first mistake."""
        for word in words:
            self._check(word)
        found, left = self.parse_known_args(words)
        if left:
            self.error(self._unknown(left[0]))
        return found

    def convert_arg_line_to_args(self, arg_line: str) -> list[str]:
        """Read a line of a file that is given as @FILE: one word, or a comment."""
        return [] if not arg_line.strip() or arg_line.startswith("#") else [arg_line]

    def _check(self, word: str) -> None:
        """Find what argparse would take for something else, or would tell in words of its own."""
        name, equals, value = word.partition("=")
        flag = self._option_string_actions.get(name)
        if flag is not None and flag.nargs == 0 and equals:
            instead = [name, *(one for one in flag.option_strings if one.startswith("--no-"))]
            text = f"write {' or '.join(dict.fromkeys(instead))}"
            self.error(f"{name} is a switch and takes no value, saw {value!r}: {text}")
        if not word.startswith("--") and f"-{name}" in self._option_string_actions:
            self.error(f"{name}: a flag begins with two dashes: write -{word}")

    def _unknown(self, word: str) -> str:
        import difflib  # here: only who mistypes needs it, and every start would load it

        name = word.partition("=")[0]
        if not name.startswith("-"):
            return f"unexpected {word!r}: the one command is `classify`, and it comes first"
        close = difflib.get_close_matches(name, self._option_string_actions, n=1)
        hint = f": did you mean {close[0]}?" if close else ""
        what = "collector or flag" if name.startswith(("--collector.", "--no-coll")) else "flag"
        return f"unknown {what} {name}{hint}"


def parser() -> CommandLine:
    """Make what takes the command line apart; under `collector.NAME` it leaves a collector's flag."""
    made = CommandLine(
        prog="hale-exporter",
        usage="hale-exporter [--FLAG ...]\n       hale-exporter classify FILE",
        description="Serve what this node's hardware and services are doing to Prometheus.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
        fromfile_prefix_chars="@",
    )
    made.add_argument(
        *("-h", "--help", "--help-long"), action="help", help="show this text, and end"
    )
    made.add_argument("--version", action="version", version=f"hale-exporter {own_version()}")
    made.add_argument(
        "--config.file", dest="config_file", type=_file, metavar="FILE", help="exporter.yml"
    )
    made.add_argument("--log.level", dest="log_level", choices=list(logs.LEVELS), default="info")
    made.add_argument(
        "--log.format", dest="log_format", choices=list(logs.FORMATS), default="logfmt"
    )
    _web_flags(made)
    _path_flags(made)
    _collector_flags(made)
    foreign.add_flags(made)
    return made


def _web_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("web")
    group.add_argument(
        "--web.listen-address",
        dest="listen",
        action="append",
        type=_address,
        metavar="[HOST]:PORT",
        help="may be given several times; default :9100",
    )
    _on_or_off(
        group,
        "--web.systemd-socket",
        "systemd_socket",
        "take the sockets that systemd opened, instead of --web.listen-address",
    )
    group.add_argument(
        "--web.config.file",
        dest="web_config_file",
        type=_file,
        metavar="FILE",
        help="web-config.yml, as every Prometheus exporter takes it: TLS and users",
    )
    group.add_argument(
        "--web.telemetry-path", dest="telemetry_path", type=_web_path, default="/metrics"
    )
    group.add_argument(
        "--web.max-requests",
        dest="most_requests",
        type=_count,
        default=40,
        metavar="NUMBER",
        help="scrapes that are answered at the same time; 0 for any number; default 40",
    )
    _on_or_off(
        group,
        "--web.disable-exporter-metrics",
        "disable_exporter_metrics",
        "leave out process_*, python_info and the exporter's version",
    )


def _path_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("paths")
    for flag, dest, kind, default in (
        ("--path.procfs", "procfs", _folder, "/proc"),
        ("--path.sysfs", "sysfs", _folder, "/sys"),
        ("--path.rootfs", "rootfs", _folder, "/"),
        # A node without udev has none.
        ("--path.udev.data", "udev_data", Path, "/run/udev/data"),
    ):
        group.add_argument(flag, dest=dest, type=kind, default=Path(default), metavar="DIR")
    group.add_argument(
        "--path.kmsg",
        dest="kmsg",
        type=Path,
        metavar="FILE",
        help="a kernel log that the journal has not, in the form of /dev/kmsg",
    )


def _collector_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("collectors")
    _on_or_off(
        group,
        "--collector.disable-defaults",
        "disable_defaults",
        "enable only the collectors that are named",
    )
    group.add_argument(
        "--collector.max-series",
        dest="max_series",
        type=_most,
        default=Settings().max_series,
        metavar="NUMBER",
        help="the most that one collector serves; what is more is left out and counted",
    )
    for offer in OFFERS:
        _switch(group, offer.name, None, "" if offer.default else "default off")
        for flag in offer.flags:
            _flag(group, flag)
    _on_or_off(
        group,
        "--collector.services.without-systemd",
        "without_systemd",
        "this machine has no systemd, as a container: services are judged by their probes alone",
    )


def _switch(group: argparse._ActionsContainer, name: str, default: bool | None, text: str) -> None:
    _on_or_off(group, f"--collector.{name}", dest(name), text, default)


def _on_or_off(
    group: argparse._ActionsContainer, flag: str, into: str, text: str, default: bool | None = False
) -> None:
    """Add a flag that its --no- takes back; a default of None shows that neither was given."""
    group.add_argument(
        flag, dest=into, default=default, action=argparse.BooleanOptionalAction, help=text
    )


def _flag(group: argparse._ArgumentGroup, flag: Flag[Any] | Switch | Pair) -> None:
    match flag:
        case Switch():
            _switch(group, flag.name, flag.default, flag.help)
        case Flag():
            _worded(group, flag)
        case Pair():
            either = group.add_mutually_exclusive_group()
            _worded(either, flag.exclude)
            _worded(either, flag.include)


def _worded(group: argparse._ActionsContainer, flag: Flag[Any]) -> None:
    def read(text: str) -> object:
        try:
            return flag.read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    names = [f"--collector.{name}" for name in (flag.name, flag.was) if name]
    group.add_argument(
        *names,
        dest=dest(flag.name),
        action="append" if flag.many else "store",
        default=None if flag.many else flag.default,
        type=read,
        metavar=flag.metavar,
        help=flag.help,
    )


def _address(text: str) -> Address:
    match = LISTEN.fullmatch(text)
    if not match or int(match[3]) > 65535:
        raise argparse.ArgumentTypeError(f"wanted [HOST]:PORT such as :9100, saw {text!r}")
    return Address(match[1] or match[2] or None, int(match[3]))


def _folder(text: str) -> Path:
    if not Path(text).is_dir() or not text:
        raise argparse.ArgumentTypeError(
            f"wanted a folder that is there, saw {text!r}: is the node's mounted into this container?"
        )
    return Path(text)


def _file(text: str) -> Path | None:
    return Path(text) if text else None  # an empty word is none, as with node_exporter


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text):
        raise argparse.ArgumentTypeError(f"wanted a whole number such as 40, saw {text!r}")
    return int(text)


def _most(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise argparse.ArgumentTypeError(f"wanted a number from 1 on, saw {text!r}")
    return int(text)


def _web_path(text: str) -> str:
    if not re.fullmatch(r"/[A-Za-z0-9/_.-]*", text):
        raise argparse.ArgumentTypeError(f"wanted a path such as /metrics, saw {text!r}")
    return text


def dest(name: str) -> str:
    """Return where argparse keeps a collector's flag."""
    return f"collector.{name}"


def singly(offer: Offer) -> Iterator[Flag[Any] | Switch]:
    """Return every flag of a collector, those of a pair one by one."""
    for one in offer.flags:
        match one:
            case Pair():
                yield from (one.exclude, one.include)
            case Flag() | Switch():
                yield one
