"""One process's life: it waits until it leads, leads, and gives the lead back when it is told to stop.

Rule: HTTP and the control socket answer from the first moment to the last, whoever leads.
"""

import asyncio
import signal
from pathlib import Path

import structlog

from healer.adapters import stores
from healer.clock import SystemClock
from healer.core import events as ev
from healer.engine import STUCK_SECONDS
from healer.metrics import Metrics
from healer.notify import keep_alive, notify
from healer.parts import Parts, assembled
from healer.ports import Store
from healer.pruner import keep_short
from healer.settings import Settings
from healer.web.certificates import Certificates
from healer.web.server import Doors, address, control_app, open_doors, public_app
from healer.web.standby import Waiting, standby_app, standby_control

log = structlog.get_logger()


class Stopped(Exception):
    """A signal asked us to stop; it ends every task in the group."""


class Life:
    """A healer from its start to its end: a standby first, then the leader if its turn comes."""

    def __init__(self, loaded: Settings, listen: str, clock: SystemClock, version: str) -> None:
        """Begin.

        Args:
            loaded: cluster.yml.
            listen: `HOST:PORT` for everybody.
            clock: The healer's.
            version: The running one.

        Raises:
            ConfigError: `listen` makes no sense, or the port's certificate cannot be used.
        """
        self._loaded = loaded
        self._listen = listen
        self._clock = clock
        self._version = version
        self._me = loaded.topology.own_node
        self._port = address(listen)[1]
        self._certificates = Certificates(loaded.tls) if loaded.tls is not None else None
        self._metrics = Metrics(version)
        self._metrics.show([], frozenset({"not_leader"}), clock.wall())
        self._waiting = Waiting(loaded.topology.cluster, self._me, self._metrics, self._url_of)
        self._parts: Parts | None = None

    async def live(self, control: Path) -> None:
        """Wait, lead, and end.

        Args:
            control: The control socket's path.

        Raises:
            ConfigError: It cannot start; the message says what to do. Nothing was changed.
            LeaseLost: Another healer leads. What was sent is settled by that one.
        """
        public, commands = standby_app(self._waiting), standby_control(self._waiting)
        certificates = self._certificates
        async with open_doors(
            public, self._listen, commands, control, certificates=certificates
        ) as doors:
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(keep_alive(self._stuck), name="watchdog")
                    tasks.create_task(_until_signal(), name="signals")
                    tasks.create_task(self._lead(doors), name="lead")
            except* Stopped:
                log.info("healer.stopped")

    async def _lead(self, doors: Doors) -> None:
        store = await stores.open_store(self._loaded.store, self._clock, self._me, self._waits)
        try:
            self._waiting.starting = True
            _tell(f"{self._me} has the lead and reads the journal")
            async with assembled(
                self._loaded, store, self._clock, self._metrics, self._version
            ) as parts:
                await self._begin(parts, doors)
                await self._go_on(parts)
        finally:
            await store.release()

    async def _begin(self, parts: Parts, doors: Doors) -> None:
        token, topology = parts.store.token, self._loaded.topology
        started = ev.HealerStarted(
            self._version, topology.digest, topology.modes, token.era, token.term, self._me
        )
        # Closing: a healer that starts on a full disk must still be able to call a person.
        await parts.journal.write(started, closing=True)
        await doors.show(public_app(parts.desk), control_app(parts.desk))
        self._parts = parts
        notify("READY=1")
        _tell(f"{self._me} leads {topology.cluster} with token {token.era}.{token.term}")

    async def _go_on(self, parts: Parts) -> None:
        async with asyncio.TaskGroup() as tasks:
            every = self._loaded.store.lease_seconds / 4
            tasks.create_task(_renew(parts.store, every), name="lease")
            tasks.create_task(parts.engine.run(), name="engine")
            tasks.create_task(parts.herald.keep_tested(), name="second_path")
            if parts.annotator is not None:
                tasks.create_task(parts.annotator.run(), name="annotations")
            shorter = keep_short(parts.journal, parts.desk.watch, self._clock, self._loaded.keep)
            tasks.create_task(shorter, name="pruner")

    def _waits(self, leader: str | None) -> None:
        self._waiting.leader = leader
        log.info("healer.standby", node=self._me, leader=leader)
        # A standby is all that it should be: whoever starts it need not wait for the leader's end.
        notify("READY=1")
        _tell(self._waiting.sentence)

    def _stuck(self) -> bool:
        """Whether the engine's turn has not ended for so long that only a restart helps."""
        seconds = self._parts.engine.stuck_seconds() if self._parts is not None else 0.0
        if seconds <= STUCK_SECONDS:
            return False
        log.error("engine.stuck", seconds=round(seconds), limit=STUCK_SECONDS, tasks=_where())
        _tell(f"stuck: the engine's turn has not ended for {seconds:.0f} s; systemd restarts it")
        return True

    def _url_of(self, node: str) -> str:
        found = self._loaded.topology.nodes.get(node)
        if found is None:
            return ""
        host = f"[{found.address}]" if ":" in found.address else found.address
        scheme = "http" if self._certificates is None else "https"
        return f"{scheme}://{host}:{self._port}"


async def _renew(store: Store, every: float) -> None:
    while True:
        await store.renew()
        await asyncio.sleep(every)


async def _until_signal() -> None:
    asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    await asked.wait()
    notify("STOPPING=1")
    raise Stopped


def _tell(status: str) -> None:
    notify(f"STATUS={status}")


def _where() -> list[str]:
    """Say where each task stands, for whoever has to find out what it waits for."""
    places = []
    for task in asyncio.all_tasks():
        frames = task.get_stack(limit=1)
        code = frames[-1].f_code if frames else None
        if code is not None:
            places.append(f"{task.get_name()}: {code.co_qualname}:{frames[-1].f_lineno}")
    return sorted(places)
