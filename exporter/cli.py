"""The command hale-exporter: what the command line says becomes settings, and those run the exporter."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

import structlog

from exporter import app, logs, memory
from exporter.command_line import dest, parser, singly
from exporter.config import ConfigError
from exporter.inventory import OFFERS
from exporter.inventory.network import counts
from exporter.offers import Chosen
from exporter.settings import Address, Settings

log = structlog.get_logger()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the exporter, or the command that comes first; the exit status is that of `command_line.EPILOG`."""
    words = sys.argv[1:] if argv is None else list(argv)
    if words[:1] == ["classify"]:
        from exporter.failures import command  # here: what serves does without it

        return command.main(words[1:])
    options = parser().taken(words)
    logs.configure(options.log_level, options.log_format)
    for flag in options.ignored:
        log.info("flag.ignored", flag=flag, reason="there is nothing here that it changes")
    memory.bound()
    try:
        asyncio.run(app.run(settings(options)))
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
        said = error.strerror if isinstance(error, OSError) else ""
        print(f"hale-exporter: {said or error}", file=sys.stderr)
    return 1


def settings(options: argparse.Namespace) -> Settings:
    """Return what a command line that was taken apart decides.

    Raises:
        ConfigError: Two of its flags contradict each other.
    """
    enabled, chosen = _enabled(options), _chosen(options)
    if {"netdev", "netclass"} <= enabled and counts(chosen):
        text = "netclass_rtnl.with-stats has the names of netdev: add --no-collector.netdev"
        raise ConfigError([f"--collector.{text}"])
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
        enabled=enabled,
        chosen=chosen,
        max_series=options.max_series,
        config_file=options.config_file,
        without_systemd=options.without_systemd,
        own_metrics=not options.disable_exporter_metrics,
    )


def _enabled(options: argparse.Namespace) -> frozenset[str]:
    default = not options.disable_defaults
    said = {offer.name: getattr(options, dest(offer.name)) for offer in OFFERS}  # None of most
    return frozenset(
        offer.name
        for offer in OFFERS
        if (default and offer.default if said[offer.name] is None else said[offer.name])
    )


def _chosen(options: argparse.Namespace) -> Chosen:
    given = {
        one.name: getattr(options, dest(one.name)) for offer in OFFERS for one in singly(offer)
    }
    # A flag that may be given several times, and is not given at all, is None.
    return Chosen({name: word for name, word in given.items() if word is not None})
