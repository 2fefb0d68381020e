"""The command hale-exporter; its flags are node_exporter's wherever that has them."""

import argparse
import asyncio
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import structlog

from exporter import app, foreign, logs, memory
from exporter.config import ConfigError
from exporter.failures import command
from exporter.inventory import OFFERS
from exporter.offers import Chosen, Flag, Offer, Pair, Switch
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

log = structlog.get_logger()

LISTEN = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:]*)):([0-9]{1,5})")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the exporter, or the command that comes first; the exit status is that of `EPILOG`."""
    words = sys.argv[1:] if argv is None else list(argv)
    if words[:1] == ["classify"]:
        return command.main(words[1:])
    options = _parser().parse_args(words)
    logs.configure(options.log_level, options.log_format)
    for flag in options.ignored:
        log.info("flag.ignored", flag=flag, reason="there is nothing here that it changes")
    memory.bound()
    try:
        asyncio.run(app.run(_settings(options)))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except BaseExceptionGroup as group:
        return _report(group)
    return 0


def _report(group: BaseExceptionGroup[BaseException]) -> int:
    errors, rest = group.split(OSError)
    if rest is not None or errors is None:
        raise group
    for error in errors.exceptions:
        print(f"hale-exporter: {error}", file=sys.stderr)
    return 1


def _settings(options: argparse.Namespace) -> Settings:
    given = vars(options)
    switched = {offer.name: given[_dest(offer.name)] for offer in OFFERS}
    default = not options.disable_defaults
    flags = [one for offer in OFFERS for one in _singly(offer)]
    return Settings(
        listen=tuple(options.listen or [Address(None, 9100)]),
        systemd_socket=options.systemd_socket,
        web_config_file=options.web_config_file,
        telemetry_path=options.telemetry_path,
        most_requests=options.most_requests,
        procfs=options.procfs,
        sysfs=options.sysfs,
        rootfs=options.rootfs,
        udev_data=options.udev_data,
        kmsg=options.kmsg,
        enabled=frozenset(
            offer.name
            for offer in OFFERS
            if (default and offer.default if (on := switched[offer.name]) is None else on)
        ),
        chosen=Chosen(
            # A flag that may be given several times, and is not given at all, is None.
            {one.name: word for one in flags if (word := given[_dest(one.name)]) is not None}
        ),
        max_series=options.max_series,
        config_file=options.config_file,
        without_systemd=options.without_systemd,
        own_metrics=not options.disable_exporter_metrics,
    )


def _dest(name: str) -> str:
    """Return where argparse keeps a collector's flag."""
    return f"collector.{name}"


def _singly(offer: Offer) -> Iterator[Flag[Any] | Switch]:
    """Return every flag of a collector, those of a pair one by one."""
    for one in offer.flags:
        match one:
            case Pair():
                yield from (one.exclude, one.include)
            case Flag() | Switch():
                yield one


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hale-exporter",
        description="Serve what this node's hardware and services are doing to Prometheus.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"hale-exporter {own_version()}")
    parser.add_argument(
        "--config.file", dest="config_file", type=_file, metavar="FILE", help="exporter.yml"
    )
    parser.add_argument("--log.level", dest="log_level", choices=list(logs.LEVELS), default="info")
    parser.add_argument(
        "--log.format", dest="log_format", choices=list(logs.FORMATS), default="logfmt"
    )
    _web_flags(parser)
    _path_flags(parser)
    _collector_flags(parser)
    foreign.add_flags(parser)
    return parser


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
    group.add_argument(
        "--web.systemd-socket",
        dest="systemd_socket",
        action="store_true",
        help="take the sockets that systemd opened, instead of --web.listen-address",
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
    group.add_argument(
        "--web.disable-exporter-metrics",
        dest="disable_exporter_metrics",
        action="store_true",
        help="leave out process_*, python_info and the exporter's version",
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
    group.add_argument(
        "--collector.disable-defaults",
        dest="disable_defaults",
        action="store_true",
        help="enable only the collectors that are named",
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
    group.add_argument(
        "--collector.services.without-systemd",
        dest="without_systemd",
        action="store_true",
        help="this machine has no systemd, as a container: services are judged by their probes alone",
    )


def _switch(group: argparse._ActionsContainer, name: str, default: bool | None, text: str) -> None:
    group.add_argument(
        f"--collector.{name}",
        dest=_dest(name),
        default=default,
        action=argparse.BooleanOptionalAction,
        help=text,
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
        dest=_dest(flag.name),
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
