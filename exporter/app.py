"""Puts the exporter together, and runs it until it is told to stop."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import cast

import structlog
from aiohttp import web

from exporter.admission import Admission
from exporter.alerting.conditions import node_failing, service_down
from exporter.alerting.memory import Forgetful, StateFile, state_directory
from exporter.alerting.peers import over_http
from exporter.alerting.shortway import Poster
from exporter.blocking import Threads
from exporter.clock import Clock
from exporter.collector import Background, OnScrape
from exporter.collectors.failures import Failures
from exporter.collectors.services import Services
from exporter.config import Config, ConfigError
from exporter.connections import Doors, ask, runner
from exporter.inventory import OFFERS
from exporter.listening import handed_over, opened, port_of
from exporter.notify import Notifier, from_environment, keep_telling, reloading
from exporter.offers import Declarations, Node
from exporter.reading import read
from exporter.reloads import EXPORTER, WEB, Reloads
from exporter.scrape import Scraper
from exporter.selfmetrics import SelfMetrics, own_version
from exporter.server import application
from exporter.settings import Settings
from exporter.units import SystemBus, Systemd
from exporter.vrrp import KeepalivedOnBus, Vrrp
from exporter.web_rules import WebRules

log = structlog.get_logger()

# Seconds that the first round of the background collectors is given before the first scrape can come.
FIRST_ROUND = 0.5
# Seconds until a collector that fell over for a bug of ours is run again.
REST = 5.0


@dataclass(frozen=True, slots=True)
class Exporter:
    """Everything that was put together from one command line."""

    settings: Settings
    declared: Declarations
    scraper: Scraper
    background: tuple[Background, ...]
    rules: WebRules | None
    reloads: Reloads
    poster: Poster


def build(
    settings: Settings,
    config: Config,
    clock: Clock,
    systemd: Systemd | None,
    vrrp: Vrrp,
    state: Path | None = None,
) -> Exporter:
    """Make every collector that is on, and connect nothing yet.

    Args:
        settings: From the command line.
        config: From exporter.yml.
        clock: For ages and durations.
        systemd: Where units' states come from; None on a machine without.
        vrrp: Where the states of VRRP instances come from.
        state: The exporter's own directory; None where it has none, and then what was posted is forgotten at its end.

    Raises:
        ConfigError: web-config.yml cannot be used.
    """
    declared = Declarations(config)
    node = Node(
        procfs=settings.procfs,
        sysfs=settings.sysfs,
        rootfs=settings.rootfs,
        udev_data=settings.udev_data,
        kmsg=settings.kmsg,
        clock=clock,
        chosen=settings.chosen,
        declared=declared,
        systemd=systemd,
        vrrp=vrrp,
        enabled=settings.enabled,
    )
    enabled = [offer.make(node) for offer in OFFERS if offer.name in settings.enabled]
    reloads = Reloads(*_files(settings))
    poster = _poster(declared, enabled, clock, state)
    own = _own(reloads, poster) if settings.own_metrics else poster.series
    web_config, heard = settings.web_config_file, partial(reloads.note, WEB)
    return Exporter(
        settings=settings,
        declared=declared,
        scraper=Scraper(enabled, own, clock, settings.max_series),
        background=tuple(c for c in enabled if isinstance(c, Background)),
        rules=WebRules(web_config, heard) if web_config else None,
        reloads=reloads,
        poster=poster,
    )


def _own(reloads: Reloads, poster: Poster) -> Callable[[], bytes]:
    process = SelfMetrics()
    return lambda: process() + reloads() + poster.series()


def _poster(
    declared: Declarations,
    enabled: Sequence[OnScrape | Background],
    clock: Clock,
    state: Path | None,
) -> Poster:
    """Make what posts by the short way, of what the enabled collectors can prove."""
    services = [one for one in enabled if isinstance(one, Services)]
    failures = [one for one in enabled if isinstance(one, Failures)]
    poster = Poster(
        declared,
        lambda: chain(
            *(service_down(one.answers()) for one in services),
            *(node_failing(one.by_the_kernel()) for one in failures),
        ),
        over_http,
        StateFile(state) if state else Forgetful(),
        Threads(),
        clock,
    )
    for service in services:
        service.follow(poster.changed)
    for failure in failures:
        failure.follow(poster.changed)
    return poster


def _files(settings: Settings) -> list[str]:
    named = ((EXPORTER, settings.config_file), (WEB, settings.web_config_file))
    return [file for file, path in named if path is not None]


def load(settings: Settings) -> Config:
    """Read exporter.yml, or none when none is named.

    Raises:
        ConfigError: It cannot be used.
    """
    return read(settings.config_file) if settings.config_file else Config()


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; read exporter.yml anew at SIGHUP.

    Raises:
        ConfigError: exporter.yml cannot be used; nothing was started.
        OSError: The address cannot be listened on.
    """
    systemd = None if settings.without_systemd else SystemBus()
    exporter = build(
        settings, load(settings), Clock(), systemd, KeepalivedOnBus(), state_directory(os.environ)
    )
    stop, reload = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload.set)
    await serve(exporter, from_environment(), stop, reload)


async def serve(
    exporter: Exporter,
    notifier: Notifier,
    stop: asyncio.Event,
    reload: asyncio.Event,
    listening: Callable[[Sequence[int]], None] = lambda ports: None,
) -> None:
    """Run every part until `stop` is set.

    Args:
        exporter: What to run.
        notifier: Where to say that it runs.
        stop: Ends it.
        reload: Makes it read exporter.yml anew.
        listening: Told the ports, once it answers.

    Raises:
        OSError: The address cannot be listened on.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_keep_running(c), name=f"collector:{c.name}")
            for c in exporter.background
        ]
        tasks.append(group.create_task(_keep_running(exporter.poster), name="short_way"))
        await _first_round(exporter.background)
        serves = runner(_application(exporter))
        listeners = list[socket.socket]()
        try:
            await serves.setup()
            server = cast(web.Server, serves.server)  # a runner that was set up has one
            settings = exporter.settings
            listeners += handed_over() if settings.systemd_socket else opened(settings.listen)
            doors = Doors(server, rules=exporter.rules)
            tasks += [group.create_task(doors.keep_taking(one), name="doors") for one in listeners]
            ports = [port_of(one) for one in listeners]
            log.info("exporter.started", version=own_version(), ports=",".join(map(str, ports)))
            listening(ports)
            telling = keep_telling(notifier, partial(ask, server))
            tasks.append(group.create_task(telling, name="notify"))
            # Not before it listens: the READY=1 after a reload would be the one that ends the start.
            reloads = _reloads(exporter, reload, notifier)
            tasks.append(group.create_task(reloads, name="reload"))
            await stop.wait()
            notifier.send("STOPPING=1")
            await doors.shut()
        finally:
            for task in tasks:
                task.cancel()
            await serves.cleanup()
            for listener in listeners:
                listener.close()
    log.info("exporter.stopped")


async def _keep_running(collector: Background | Poster) -> None:
    while True:
        try:
            await collector.run()
        except Exception:  # a collector's bug may not take the others down
            log.exception("collector.failed", collector=collector.name)
        await asyncio.sleep(REST)


async def _first_round(background: Sequence[Background]) -> None:
    """Wait for the first results, so that the first scrape has them; not for those that hang."""
    try:
        async with asyncio.timeout(FIRST_ROUND):
            await asyncio.gather(*(c.settled() for c in background))
    except TimeoutError:
        log.info("exporter.impatient", waited_seconds=FIRST_ROUND)


def _application(exporter: Exporter) -> web.Application:
    return application(
        exporter.scraper,
        exporter.settings.telemetry_path,
        config=lambda: exporter.declared.now,
        most_requests=exporter.settings.most_requests,
        admission=Admission(exporter.rules) if exporter.rules is not None else None,
        begun=exporter.poster.scraped,
    )


async def _reloads(exporter: Exporter, reload: asyncio.Event, notifier: Notifier) -> None:
    while True:
        await reload.wait()
        reload.clear()
        notifier.send(reloading())
        _read_anew(exporter)
        notifier.send("READY=1")


def _read_anew(exporter: Exporter) -> None:
    """Take over what exporter.yml says now, or say what is wrong with it."""
    try:
        config = load(exporter.settings)
    except ConfigError as error:
        for problem in error.problems:
            log.error("config.refused", problem=problem, kept="the one before")
        exporter.reloads.note(EXPORTER, good=False)
        return
    if exporter.settings.config_file:
        exporter.reloads.note(EXPORTER, good=True)
    exporter.declared.declare(config)
    log.info("config.loaded", services=len(config.services), peers=len(config.peers))
