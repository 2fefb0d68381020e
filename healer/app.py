"""The one place where the healer is put together, and where it ends."""

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import aiohttp
import structlog

from healer import settings as cluster_yml
from healer.adapters import stores
from healer.adapters.alertmanager import HttpAlertmanagers
from healer.adapters.gate_ssh import SshConnector
from healer.adapters.gates import SshGates
from healer.adapters.probes import NetworkProbes
from healer.adapters.prometheus import HttpPrometheus
from healer.adapters.second_path import PersonPath
from healer.adapters.users import UsersFile
from healer.adapters.webhook_body import parse_webhook
from healer.clock import SystemClock
from healer.core import events as ev
from healer.core.order import Token
from healer.engine import Engine
from healer.first_era import hear, initial_era
from healer.gatherer import Gatherer
from healer.herald import Herald
from healer.intake import Intake
from healer.journal import Journal
from healer.metrics import Metrics
from healer.narrator import Narrator
from healer.notify import keep_alive, notify
from healer.operators import Operators
from healer.ports import Store
from healer.runner import Runner
from healer.settings import Settings
from healer.standing import Watch
from healer.timeline import Timelines
from healer.web.desk import Desk
from healer.web.door import Door
from healer.web.server import control_app, public_app, serving

log = structlog.get_logger()

DISTRIBUTION = "hale-ha"


class Stopped(Exception):
    """A signal asked us to stop; it ends every task in the group."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What runs for as long as the healer leads."""

    store: Store
    journal: Journal
    engine: Engine
    herald: Herald
    desk: Desk


async def run(config: Path, listen: str, control: Path, node: str | None = None) -> None:
    """Run the healer until a signal or the loss of its lease ends it.

    Args:
        config: cluster.yml.
        node: Which of its healers this is; None where there is only one.
        listen: `HOST:PORT` for everybody.
        control: The control socket's path.

    Raises:
        ConfigError: It cannot start; the message says what to do. Nothing was changed.
        LeaseLost: Another healer leads. What was sent is settled by that one.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["level", "event"], bool_as_flag=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    loaded = cluster_yml.read_as(config, node)
    clock = SystemClock()
    me = loaded.topology.own_node
    store = await stores.open_store(loaded.store, clock, me, lambda _: None)
    try:
        async with _parts(loaded, store, clock) as parts:
            await _lead(parts, listen, control, loaded.store.lease_seconds)
    finally:
        await store.release()


async def init_store(config: Path, era: int | None) -> int:
    """Make an empty journal, above every era that a gate has obeyed; return its era.

    Raises:
        ConfigError: There is a journal already, or the era is not safe. Nothing was changed.
    """
    loaded = cluster_yml.read(config)
    connector = SshConnector(loaded.ssh)
    cluster = loaded.topology.cluster
    gates = SshGates(connector, cluster=cluster, token=Token(0, 0), lease_seconds=lambda: 0.0)
    try:
        heard = await hear(gates, loaded.topology.nodes)
    finally:
        await gates.close()
        await connector.close()
    chosen = initial_era(heard, era)
    await stores.init_store(loaded.store, chosen, heard.highest)
    return chosen


@asynccontextmanager
async def _parts(loaded: Settings, store: Store, clock: SystemClock) -> AsyncIterator[Parts]:
    topology, running = loaded.topology, version(DISTRIBUTION)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        connector = SshConnector(loaded.ssh)
        stack.push_async_callback(connector.close)
        gates = SshGates(
            connector,
            cluster=topology.cluster,
            token=store.token,
            lease_seconds=store.lease_seconds,
        )
        stack.push_async_callback(gates.close)
        metrics = Metrics(running)
        journal = Journal(store)
        await journal.replay()
        journal.listen(Narrator(journal.board, metrics))
        watch = Watch(journal, clock, topology.numbers)
        prometheus = HttpPrometheus(loaded.prometheus, session, clock)
        alertmanagers = HttpAlertmanagers(loaded.alertmanagers, topology, session, clock)
        probes = NetworkProbes(loaded.probes, session)
        person = loaded.second_path
        herald = Herald(
            journal,
            watch,
            alertmanagers,
            PersonPath(person, topology.cluster, session) if person is not None else None,
            metrics,
            clock,
            loaded.external_url,
            loaded.second_path_test_seconds,
        )
        gatherer = Gatherer(topology, journal, prometheus, gates, probes, clock)
        engine = Engine(
            topology=topology,
            journal=journal,
            watch=watch,
            alertmanagers=alertmanagers,
            intake=Intake(topology, journal, watch, gatherer, prometheus, metrics, clock),
            gatherer=gatherer,
            runner=Runner(journal, gates, gatherer, clock),
            herald=herald,
            metrics=metrics,
            clock=clock,
            pause=loaded.resync_seconds,
        )
        desk = Desk(
            journal=journal,
            operators=Operators(journal, gatherer, watch, clock),
            gatherer=gatherer,
            watch=watch,
            metrics=metrics,
            topology=topology,
            timelines=Timelines(store),
            clock=clock,
            parse=parse_webhook,
            wake=engine.wake,
            version=running,
            door=await _door(loaded, clock),
            external_url=loaded.external_url,
        )
        yield Parts(store, journal, engine, herald, desk)


async def _door(loaded: Settings, clock: SystemClock) -> Door | None:
    """Return what lets people in; a file that cannot be used lets nobody in, and keeps nobody from healing."""
    if loaded.users is None:
        return None
    door = Door(UsersFile(loaded.users), clock)
    await door.look()
    if not loaded.external_url.startswith("https://"):
        log.warning("sign_in.without_tls", external_url=loaded.external_url)
    return door


async def _lead(parts: Parts, listen: str, control: Path, lease_seconds: float) -> None:
    token, topology = parts.store.token, parts.desk.topology
    started = ev.HealerStarted(
        parts.desk.version, topology.digest, topology.modes, token.era, token.term
    )
    # Closing: a healer that starts on a full disk must still be able to call a person.
    await parts.journal.write(started, closing=True)
    async with serving(public_app(parts.desk), listen, control_app(parts.desk), control):
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_renew(parts.store, lease_seconds / 4), name="lease")
                tasks.create_task(parts.engine.run(), name="engine")
                tasks.create_task(parts.herald.keep_tested(), name="second_path")
                tasks.create_task(keep_alive(), name="watchdog")
                tasks.create_task(_until_signal(), name="signals")
                notify("READY=1")
        except* Stopped:
            notify("STOPPING=1")
            log.info("healer.stopped")


async def _renew(store: Store, every: float) -> None:
    while True:
        await store.renew()
        await asyncio.sleep(every)


async def _until_signal() -> None:
    asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    await asked.wait()
    raise Stopped
