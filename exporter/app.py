"""Puts the exporter together, and runs it until it is told to stop."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import aiohttp
import structlog
from aiohttp import web

from exporter.blocking import Threads
from exporter.clock import Clock
from exporter.collector import Background, OnScrape
from exporter.collectors.addresses import Addresses, Interfaces
from exporter.collectors.cpu import Cpu
from exporter.collectors.diskstats import Diskstats
from exporter.collectors.filesystem import MOUNT_TABLE, Filesystems, Filter
from exporter.collectors.keepalived import Keepalived
from exporter.collectors.loadavg import Loadavg
from exporter.collectors.marks import Marks
from exporter.collectors.meminfo import Memory
from exporter.collectors.netdev import Netdev
from exporter.collectors.peers import Peers
from exporter.collectors.pressure import Stalls
from exporter.collectors.services import Services
from exporter.collectors.stat import Statistics
from exporter.collectors.uname import Kernel
from exporter.config import Config, ConfigError
from exporter.disk_info import DiskInfo
from exporter.notify import Notifier, from_environment, keep_telling
from exporter.processors import Processors
from exporter.procfile import ProcFile
from exporter.reading import read
from exporter.rotation import Rotation
from exporter.schedule import Periodic
from exporter.scrape import Scraper
from exporter.selfmetrics import SelfMetrics, own_version
from exporter.server import application
from exporter.settings import Settings
from exporter.udev import Udev
from exporter.units import SystemBus, Systemd
from exporter.vrrp import KeepalivedOnBus, Vrrp

log = structlog.get_logger()

# Seconds that the first round of the background collectors is given before the first scrape can come.
FIRST_ROUND = 1.0
# Seconds until a collector that fell over for a bug of ours is run again.
REST = 5.0


@dataclass(frozen=True, slots=True)
class Exporter:
    """Everything that was put together from one command line."""

    settings: Settings
    scraper: Scraper
    background: tuple[Background, ...]
    addresses: Addresses
    keepalived: Keepalived
    peers: Peers
    services: Services


def build(
    settings: Settings, config: Config, clock: Clock, systemd: Systemd | None, vrrp: Vrrp
) -> Exporter:
    """Make every collector and connect nothing yet.

    Args:
        settings: From the command line.
        config: From exporter.yml.
        clock: For ages and durations.
        systemd: Where units' states come from; None on a machine without.
        vrrp: Where the states of VRRP instances come from.
    """
    services = Services(config.services, systemd, clock)
    peers = Peers(config.peers, config.peer_interval)
    keepalived = Keepalived(config.virtual_addresses, vrrp, clock)
    addresses = Addresses(Interfaces(config.virtual_addresses, Threads()), clock)
    filesystems = Filesystems(
        settings.procfs,
        settings.rootfs,
        Threads(
            reserved={MOUNT_TABLE}
        ),  # or a node with many hung mounts would lose the others too
        Filter(settings.mount_points_exclude, settings.fs_types_exclude),
        settings.mount_timeout,
    )
    every: Sequence[OnScrape | Background] = (
        *_on_scrape(settings),
        addresses,
        keepalived,
        Periodic(filesystems, clock),
        Periodic(peers, clock),
        services,
    )
    enabled = [c for c in every if c.name in settings.enabled]
    own: Callable[[], bytes] = SelfMetrics() if settings.own_metrics else bytes
    return Exporter(
        settings=settings,
        scraper=Scraper(enabled, own, clock),
        background=tuple(c for c in enabled if isinstance(c, Background)),
        addresses=addresses,
        keepalived=keepalived,
        peers=peers,
        services=services,
    )


def _on_scrape(settings: Settings) -> tuple[OnScrape, ...]:
    proc, sysfs = settings.procfs, settings.sysfs
    return (
        Cpu(ProcFile(proc / "stat"), Processors(sysfs), settings.cpu_guest),
        Diskstats(
            ProcFile(proc / "diskstats"),
            DiskInfo(Udev(settings.udev_data), Rotation(sysfs)),
            settings.disks,
        ),
        Kernel(ProcFile(proc / "sys/kernel/domainname")),
        Loadavg(ProcFile(proc / "loadavg")),
        Marks(settings.marks_file),
        Memory(ProcFile(proc / "meminfo")),
        Netdev(
            ProcFile(proc / "1/net/dev"),
            ProcFile(proc / "net/dev"),
            sysfs / "class/net",
            settings.network_devices,
        ),
        Stalls(proc / "pressure"),
        Statistics(ProcFile(proc / "stat")),
    )


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
    exporter = build(settings, load(settings), Clock(), systemd, KeepalivedOnBus())
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
        tasks.append(group.create_task(_reloads(exporter, reload), name="reload"))
        await _first_round(exporter.background)
        runner = _runner(exporter)
        try:
            ports = await _listen(runner, exporter.settings)
            log.info("exporter.started", version=own_version(), ports=",".join(map(str, ports)))
            listening(ports)
            telling = keep_telling(notifier, _asker(exporter.settings, ports[0]))
            tasks.append(group.create_task(telling, name="notify"))
            await stop.wait()
            notifier.send("STOPPING=1")
        finally:
            for task in tasks:
                task.cancel()
            await runner.cleanup()
    log.info("exporter.stopped")


async def _keep_running(collector: Background) -> None:
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


def _runner(exporter: Exporter) -> web.AppRunner:
    app = application(exporter.scraper, exporter.settings.telemetry_path)
    return web.AppRunner(app, access_log=None, shutdown_timeout=1.0)


async def _listen(runner: web.AppRunner, settings: Settings) -> list[int]:
    await runner.setup()
    for address in settings.listen:
        await web.TCPSite(runner, address.host, address.port).start()
    return [address[1] for address in runner.addresses]


def _asker(settings: Settings, port: int) -> Callable[[], Awaitable[None]]:
    host = settings.listen[0].host or "127.0.0.1"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/-/healthy"

    async def ask() -> None:
        try:
            async with aiohttp.ClientSession() as session, session.get(url) as answer:
                answer.raise_for_status()
        except aiohttp.ClientError as error:
            raise OSError(f"{url}: {error}") from error

    return ask


async def _reloads(exporter: Exporter, reload: asyncio.Event) -> None:
    while True:
        await reload.wait()
        reload.clear()
        try:
            config = load(exporter.settings)
        except ConfigError as error:
            for problem in error.problems:
                log.error("config.refused", problem=problem, kept="the one before")
            continue
        exporter.services.declare(config.services)
        exporter.peers.declare(config.peers, config.peer_interval)
        exporter.addresses.declare(config.virtual_addresses)
        exporter.keepalived.declare(config.virtual_addresses)
        log.info("config.loaded", services=len(config.services), peers=len(config.peers))
