"""The command hale-exporter; its flags are node_exporter's wherever that has them."""

import argparse
import asyncio
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from exporter import app, logs
from exporter.collectors.filesystem import FS_TYPES_EXCLUDE, MOUNT_POINTS_EXCLUDE
from exporter.config import ConfigError
from exporter.devices import EVERY, Devices
from exporter.document import duration
from exporter.failures import command
from exporter.selfmetrics import own_version
from exporter.settings import COLLECTORS, DISKS, Address, Settings

EPILOG = """\
commands:
  hale-exporter classify FILE    say of each line of a log what failure it tells of

example:
  hale-exporter --config.file=/etc/hale/exporter.yml --web.listen-address=127.0.0.1:9100

exit status:
  0  stopped by SIGTERM or SIGINT
  1  the address cannot be listened on
  2  a flag or exporter.yml cannot be used; every mistake is on stderr
"""

LISTEN = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:]*)):([0-9]{1,5})")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the exporter, or the command that comes first; the exit status is that of `EPILOG`."""
    words = sys.argv[1:] if argv is None else list(argv)
    if words[:1] == ["classify"]:
        return command.main(words[1:])
    options = _parser().parse_args(words)
    logs.configure(options.log_level)
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
    disks = Devices(options.disks_exclude, options.disks_include)
    chosen = {name: getattr(options, f"collector_{name}") for name in COLLECTORS}
    default = not options.disable_defaults
    return Settings(
        listen=tuple(options.listen or [Address(None, 9100)]),
        telemetry_path=options.telemetry_path,
        procfs=options.procfs,
        sysfs=options.sysfs,
        rootfs=options.rootfs,
        udev_data=options.udev_data,
        enabled=frozenset(n for n, on in chosen.items() if (default if on is None else on)),
        config_file=options.config_file,
        cpu_guest=options.cpu_guest,
        marks_file=options.marks_file,
        disks=DISKS if disks == EVERY else disks,
        network_devices=Devices(options.network_exclude, options.network_include),
        mount_points_exclude=options.mount_points_exclude,
        fs_types_exclude=options.fs_types_exclude,
        mount_timeout=options.mount_timeout,
        without_systemd=options.without_systemd,
        own_metrics=not options.disable_exporter_metrics,
    )


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
        "--config.file", dest="config_file", type=Path, metavar="FILE", help="exporter.yml"
    )
    parser.add_argument("--log.level", dest="log_level", choices=list(logs.LEVELS), default="info")
    _web_flags(parser)
    _path_flags(parser)
    _collector_flags(parser)
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
        "--web.telemetry-path", dest="telemetry_path", type=_web_path, default="/metrics"
    )
    group.add_argument(
        "--web.disable-exporter-metrics",
        dest="disable_exporter_metrics",
        action="store_true",
        help="leave out process_*, python_info and the exporter's version",
    )


def _path_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("paths")
    for flag, dest, default in (
        ("--path.procfs", "procfs", "/proc"),
        ("--path.sysfs", "sysfs", "/sys"),
        ("--path.rootfs", "rootfs", "/"),
        ("--path.udev.data", "udev_data", "/run/udev/data"),
    ):
        group.add_argument(flag, dest=dest, type=Path, default=Path(default), metavar="DIR")


def _collector_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("collectors")
    group.add_argument(
        "--collector.disable-defaults",
        dest="disable_defaults",
        action="store_true",
        help="enable only the collectors that are named",
    )
    for name in COLLECTORS:
        group.add_argument(
            f"--collector.{name}",
            dest=f"collector_{name}",
            action=argparse.BooleanOptionalAction,
        )
    group.add_argument(
        "--collector.cpu.guest",
        dest="cpu_guest",
        default=True,
        action=argparse.BooleanOptionalAction,
        help="serve node_cpu_guest_seconds_total; default on",
    )
    group.add_argument(
        "--collector.marks.file",
        dest="marks_file",
        type=Path,
        default=Settings().marks_file,
        metavar="FILE",
        help="the gate's marks.json",
    )
    _device_flags(group, "diskstats", "disks")
    _device_flags(group, "netdev", "network")
    for flag, dest, default in (
        ("mount-points-exclude", "mount_points_exclude", MOUNT_POINTS_EXCLUDE),
        ("fs-types-exclude", "fs_types_exclude", FS_TYPES_EXCLUDE),
    ):
        group.add_argument(
            f"--collector.filesystem.{flag}",
            dest=dest,
            type=_expression,
            default=re.compile(default),
            metavar="REGEXP",
        )
    group.add_argument(
        "--collector.filesystem.mount-timeout",
        dest="mount_timeout",
        type=_duration,
        default=Settings().mount_timeout,
        metavar="DURATION",
    )
    group.add_argument(
        "--collector.services.without-systemd",
        dest="without_systemd",
        action="store_true",
        help="this machine has no systemd, as a container: services are judged by their probes alone",
    )


def _device_flags(group: argparse._ArgumentGroup, collector: str, dest: str) -> None:
    either = group.add_mutually_exclusive_group()
    for word in ("exclude", "include"):
        either.add_argument(
            f"--collector.{collector}.device-{word}",
            dest=f"{dest}_{word}",
            type=_expression,
            metavar="REGEXP",
        )


def _address(text: str) -> Address:
    match = LISTEN.fullmatch(text)
    if not match or int(match[3]) > 65535:
        raise argparse.ArgumentTypeError(f"wanted [HOST]:PORT such as :9100, saw {text!r}")
    return Address(match[1] or match[2] or None, int(match[3]))


def _web_path(text: str) -> str:
    if not re.fullmatch(r"/[A-Za-z0-9/_.-]*", text):
        raise argparse.ArgumentTypeError(f"wanted a path such as /metrics, saw {text!r}")
    return text


def _expression(text: str) -> re.Pattern[str]:
    try:
        # An empty expression excludes nothing, as with node_exporter.
        return re.compile(text or r"(?!)")
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error


def _duration(text: str) -> float:
    seconds = duration(text)
    if seconds is None or not 0.0 < seconds <= 300.0:
        raise argparse.ArgumentTypeError(f"wanted a duration such as 5s, saw {text!r}")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
