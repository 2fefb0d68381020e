"""What runs while a healer leads, put together: every port gets its adapter here and nowhere else."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import aiohttp
import structlog

from cluster.people import Reach, reach
from healer.adapters.alertmanager import HttpAlertmanagers
from healer.adapters.gate_ssh import SshConnector
from healer.adapters.gates import SshGates
from healer.adapters.grafana import HttpGrafana
from healer.adapters.journal_copies import CopiesElsewhere, CopiesSettings, JournalCopies
from healer.adapters.probes import NetworkProbes
from healer.adapters.prometheus import HttpPrometheus
from healer.adapters.proxies import Proxy
from healer.adapters.second_path import PersonPath
from healer.adapters.silences import HttpSilences
from healer.adapters.tls_files import ShownTls
from healer.adapters.users import UsersFile
from healer.adapters.webhook_body import parse_webhook
from healer.annotator import Annotator
from healer.clock import SystemClock
from healer.core.topology import Topology
from healer.engine import Engine
from healer.gatherer import Gatherer
from healer.herald import Herald
from healer.intake import Intake
from healer.journal import Journal
from healer.metrics import Metrics
from healer.narrator import Narrator
from healer.operators import Operators
from healer.ports import Copies, Store
from healer.reader import Reader
from healer.roller import Roller
from healer.runner import Runner
from healer.settings import Settings
from healer.standing import Watch
from healer.timeline import Timelines
from healer.upkeep_runner import UpkeepRunner
from healer.upkeeper import Upkeeper
from healer.web.desk import Desk, Reload
from healer.web.door import Door
from healer.web.locks import Locks
from healer.web.senders import Senders

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Kept:
    """What lasts as long as the healer leads, whatever becomes of cluster.yml."""

    store: Store
    journal: Journal
    watch: Watch
    metrics: Metrics
    clock: SystemClock
    version: str


@dataclass(frozen=True, slots=True)
class Parts:
    """What runs under one configuration.

    Attributes:
        loaded: That configuration.
        connections: To everything outside; closed when nothing that was begun needs them any more.
        stopped: Set when its engine begins nothing new any more.
    """

    loaded: Settings
    engine: Engine
    herald: Herald
    desk: Desk
    upkeep: UpkeepRunner
    roller: Roller
    annotator: Annotator | None
    reader: Reader | None
    connections: AsyncExitStack
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    def follow(self, before: "Parts") -> None:
        """Go on where another configuration's parts stopped deciding."""
        self.engine.follow(before.engine)
        self.herald.follow(before.herald)
        if self.desk.door is not None and before.desk.door is not None:
            self.desk.door.follow(before.desk.door)
        if self.annotator is not None and before.annotator is not None:
            self.annotator.follow(before.annotator)


async def keep(
    loaded: Settings, store: Store, clock: SystemClock, metrics: Metrics, version: str
) -> Kept:
    """Read the journal of a store that we lead on.

    Raises:
        ConfigError: The journal cannot be read. Nothing was changed.
        LeaseLost: It was lost meanwhile.
    """
    journal = Journal(store)
    await journal.replay()
    journal.listen(Narrator(journal.board, metrics))
    watch = Watch(journal, clock, loaded.topology.numbers)
    return Kept(store, journal, watch, metrics, clock, version)


async def assemble(loaded: Settings, kept: Kept, reload: Reload) -> Parts:
    """Put together what runs under one configuration. Nothing of it runs yet."""
    topology, clock, metrics = loaded.topology, kept.clock, kept.metrics
    store, journal, watch = kept.store, kept.journal, kept.watch
    _tell_who_is_believed(loaded.proxy)
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
        prometheus = HttpPrometheus(loaded.prometheus, session, clock)
        shown = await stack.enter_async_context(session_with(loaded.alertmanager_tls))
        alertmanagers = HttpAlertmanagers(loaded.alertmanagers, topology, shown, clock)
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
        silences = HttpSilences(loaded.alertmanagers, topology.cluster, shown)
        upkeep = UpkeepRunner(journal, gatherer, gates, silences, watch, clock)
        upkeeper = Upkeeper(journal, gatherer, upkeep, watch, clock)
        roller = Roller(journal, gatherer, upkeeper, watch, clock)
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
            version=kept.version,
            door=await _door(loaded, clock),
            external_url=loaded.external_url,
            leader=loaded.leader,
            proxy=loaded.proxy,
            stuck_seconds=engine.stuck_seconds,
            senders=Senders(loaded.senders, clock) if loaded.senders is not None else None,
            locks=_locks(loaded, upkeeper, gatherer, watch, clock),
            upkeeper=upkeeper,
            roller=roller,
            reload=reload,
        )
        annotator = _annotator(loaded, journal, metrics, session)
        reader = _reader(loaded.copies, journal, topology, watch)
        return Parts(
            loaded, engine, herald, desk, upkeep, roller, annotator, reader, stack.pop_all()
        )


def session_with(tls: ShownTls | None) -> aiohttp.ClientSession:
    """Return a session of its own: no other server is shown the certificate.

    Raises:
        ConfigError: A file of it cannot be used.
    """
    connector = aiohttp.TCPConnector(ssl=tls.context()) if tls is not None else None
    return aiohttp.ClientSession(connector=connector)


def _locks(
    loaded: Settings, upkeeper: Upkeeper, gatherer: Gatherer, watch: Watch, clock: SystemClock
) -> Locks | None:
    wanted = loaded.fleet_lock
    if wanted is None:
        return None
    senders = Senders(wanted.shown, clock) if wanted.shown is not None else None
    return Locks(upkeeper, gatherer, watch, wanted.within_seconds, senders)


def _annotator(
    loaded: Settings, journal: Journal, metrics: Metrics, session: aiohttp.ClientSession
) -> Annotator | None:
    if loaded.grafana is None:
        return None
    grafana = HttpGrafana(loaded.grafana, session)
    return Annotator(journal.board, grafana, metrics, loaded.topology.cluster, loaded.external_url)


def _reader(
    copies: CopiesSettings | None, journal: Journal, topology: Topology, watch: Watch
) -> Reader | None:
    if copies is None:
        return None
    here = copies.own == copies.receiver
    port: Copies = JournalCopies(copies) if here else CopiesElsewhere(copies)
    return Reader(journal, topology, port, watch)


def _tell_who_is_believed(proxy: Proxy | None) -> None:
    """Log each network before the pages whose every address is believed, where that is more than a proxy."""
    for network in proxy.trusted if proxy is not None else ():
        can = reach(str(network))
        if can is not Reach.PROXY:
            log.warning(
                "proxy.trusts_many",
                key="healer.proxy.trusted",
                network=str(network),
                who=can.value,
                remedy="write the proxy's own address: whoever can send from there is whoever they say",
            )


async def _door(loaded: Settings, clock: SystemClock) -> Door | None:
    """Return what lets people in; a file that cannot be used lets nobody in, and keeps nobody from healing."""
    if loaded.users is None:
        return None
    door = Door(UsersFile(loaded.users), clock)
    await door.look()
    if not loaded.external_url.startswith("https://"):
        log.warning("sign_in.without_tls", external_url=loaded.external_url)
    return door
