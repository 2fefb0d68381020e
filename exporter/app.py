"""Runs the exporter until it is told to stop."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import cast

import structlog
from aiohttp import web

from exporter.admission import Admission
from exporter.alerting.memory import state_directory
from exporter.alerting.shortway import Poster
from exporter.assembly import Exporter, build
from exporter.clock import Clock
from exporter.collector import Background
from exporter.config import Config, ConfigError
from exporter.connections import Doors, ask, runner
from exporter.listening import handed_over, opened, port_of
from exporter.notify import Notifier, from_environment, keep_telling, reloading
from exporter.reading import read
from exporter.reloads import EXPORTER
from exporter.selfmetrics import own_version
from exporter.server import application
from exporter.settings import Settings
from exporter.units import SystemBus
from exporter.vrrp import KeepalivedOnBus

log = structlog.get_logger()

# Seconds that the first round of the background collectors is given before the first scrape can come.
FIRST_ROUND = 0.5
# Seconds until a collector that fell over for a bug of ours is run again.
REST = 5.0


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
        tasks = _measure(group, exporter)
        await _first_round(exporter.background)
        async with _served(exporter) as (server, listeners):
            doors = Doors(server, rules=exporter.rules)
            tasks += [group.create_task(doors.keep_taking(one), name="doors") for one in listeners]
            ports = [port_of(one) for one in listeners]
            log.info("exporter.started", version=own_version(), ports=",".join(map(str, ports)))
            listening(ports)
            telling = keep_telling(notifier, partial(ask, server))
            tasks.append(group.create_task(telling, name="notify"))
            # Not before it listens: the READY=1 after a reload would be the one that ends the start.
            tasks.append(group.create_task(_reloads(exporter, reload, notifier), name="reload"))
            try:
                await stop.wait()
                notifier.send("STOPPING=1")
                await doors.shut()
            finally:  # before what they serve from is closed
                for task in tasks:
                    task.cancel()
    log.info("exporter.stopped")


def _measure(group: asyncio.TaskGroup, exporter: Exporter) -> list[asyncio.Task[None]]:
    """Start what runs whether anybody asks or not."""
    tasks = [
        group.create_task(_keep_running(one), name=f"collector:{one.name}")
        for one in exporter.background
    ]
    tasks.append(group.create_task(_keep_running(exporter.poster), name="short_way"))
    return tasks


@asynccontextmanager
async def _served(exporter: Exporter) -> AsyncIterator[tuple[web.Server, list[socket.socket]]]:
    """Yield what answers, and the sockets that it will be heard on; both are closed at the end.

    Raises:
        OSError: An address cannot be listened on; nothing stays open.
    """
    serves, settings = runner(_application(exporter)), exporter.settings
    listeners = list[socket.socket]()
    try:
        await serves.setup()
        listeners += handed_over() if settings.systemd_socket else opened(settings.listen)
        yield cast(web.Server, serves.server), listeners  # a runner that was set up has one
    finally:
        await serves.cleanup()
        for listener in listeners:
            listener.close()


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
