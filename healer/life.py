"""One process's life: it waits until it leads, leads, and gives the lead back when it is told to stop.

Rule: HTTP and the control socket answer from the first moment to the last, whoever leads.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import structlog

from healer.adapters import stores
from healer.clock import SystemClock
from healer.core.order import Token
from healer.engine import STUCK_SECONDS
from healer.errors import ConfigError, Refused, StoreFull
from healer.leading import Leadership
from healer.metrics import Metrics
from healer.notify import keep_alive, notify
from healer.parts import keep
from healer.ports import Clock, Store
from healer.settings import Settings
from healer.web.certificates import Certificates
from healer.web.server import Doors, address, open_doors
from healer.web.standby import Waiting, standby_app, standby_control

log = structlog.get_logger()

OpenStore = Callable[[stores.AnyStore, Clock, str, stores.OnWait], Awaitable[Store]]
"""Waits until this healer leads: stores.open_store, or what stands for it in a test."""


class Stopped(Exception):
    """A signal asked us to stop; it ends every task in the group."""


class Life:
    """A healer from its start to its end: a standby first, then the leader if its turn comes."""

    def __init__(  # what a test takes the place of stands last
        self,
        read: Callable[[], Settings],
        listen: str,
        clock: SystemClock,
        version: str,
        open_store: OpenStore = stores.open_store,
        stuck_after: float = STUCK_SECONDS,
    ) -> None:
        """Begin.

        Args:
            read: Reads cluster.yml, and raises ConfigError with all its mistakes.
            listen: `HOST:PORT` for everybody.
            clock: The healer's.
            version: The running one.
            open_store: Waits until we lead; see stores.open_store.
            stuck_after: Seconds without an end of a turn after which systemd hears of us no more.

        Raises:
            ConfigError: cluster.yml is wrong, `listen` makes no sense, or the port's certificate cannot be used.
        """
        self._read = read
        self._loaded = loaded = read()
        self._listen = listen
        self._clock = clock
        self._version = version
        self._open_store = open_store
        self._stuck_after = stuck_after
        self._me = loaded.topology.own_node
        self._port = address(listen)[1]
        self._certificates = Certificates(loaded.tls) if loaded.tls is not None else None
        self._metrics = Metrics(version)
        self._metrics.show([], frozenset({"not_leader"}), clock.wall())
        self._waiting = Waiting(loaded.topology.cluster, self._me, self._metrics, self._url_of)
        self._waiting.reload = self.reload
        self._leadership: Leadership | None = None
        self._reloading = asyncio.Lock()
        self._taken()

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
                    tasks.create_task(self._until_signal(), name="signals")
                    tasks.create_task(self._reload_on_hangup(), name="reload")
                    tasks.create_task(self._lead(doors), name="lead")
            except* Stopped:
                log.info("healer.stopped")

    async def _lead(self, doors: Doors) -> None:
        store = await self._open_store(self._loaded.store, self._clock, self._me, self._waits)
        try:
            self._waiting.starting = True
            _tell(f"{self._me} has the lead and reads the journal")
            kept = await keep(self._loaded, store, self._clock, self._metrics, self._version)
            self._leadership = Leadership(self._loaded, kept, doors, self.reload)
            # In a task of its own: Python 3.11 leaves a cancel request on the one in which a group failed, and the
            # first time-out in `release` would then end this task as cancelled, and the process not at all.
            await asyncio.create_task(self._leadership.run(self._leads), name="leading")
        finally:
            await store.release()

    def _leads(self, token: Token) -> None:
        self._waiting.starting = False
        notify("READY=1")
        cluster = self._loaded.topology.cluster
        _tell(f"{self._me} leads {cluster} with token {token.era}.{token.term}")

    async def reload(self, by: str) -> dict[str, object]:
        """Read cluster.yml anew and go on under it, whether we lead or stand by.

        Args:
            by: Who wants it.

        Returns:
            What was done, in `done` in a sentence.

        Raises:
            Refused: It is wrong, or changes what cannot change while we run: the old one goes on.
        """
        async with self._reloading:
            try:
                loaded = await asyncio.to_thread(self._read)
                self._may_take(loaded)
                if self._leadership is not None:
                    await self._leadership.reconfigure(loaded, by)
            except (ConfigError, Refused, StoreFull) as error:
                self._metrics.reload_good.set(0)
                log.error("config.not_reloaded", by=by, error=str(error))
                if isinstance(error, Refused):
                    raise
                word = "store_full" if isinstance(error, StoreFull) else "configuration"
                raise Refused(word, f"the old configuration goes on. {error}") from error
            before, self._loaded = self._loaded, loaded
            self._taken()
        topology = loaded.topology
        disarmed = self._leadership is not None and topology.modes != before.topology.modes
        told = "; the modes changed, so what fires now is pre-existing" if disarmed else ""
        same = ", as before" if topology.digest == before.topology.digest else ""
        done = f"cluster.yml is read: {topology.digest[:12]}{same}{told}"
        return {"done": done, "digest": topology.digest, "by": by}

    def _may_take(self, loaded: Settings) -> None:
        """Make sure that only what can change while we run has changed."""
        if self._waiting.starting:
            raise Refused("starting", "the journal is still being read: ask again in a moment")
        old = self._loaded
        kept = {
            "cluster": (old.topology.cluster, loaded.topology.cluster),
            "healer.store": (old.store, loaded.store),
            "healer.store.keep": (old.keep, loaded.keep),
            "healer.tls": (old.tls, loaded.tls),
            "this healer's node": (old.topology.own_node, loaded.topology.own_node),
        }
        changed = [name for name, (was, is_) in kept.items() if was != is_]
        if changed:
            names = " and ".join(changed)
            detail = f"{names} cannot change while it runs, so the old configuration goes on: restart hale-healer"
            raise Refused("cannot_change", detail)

    def _taken(self) -> None:
        self._metrics.reload_good.set(1)
        self._metrics.reloaded_at.set(self._clock.wall())

    async def _reload_on_hangup(self) -> None:
        asked = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked.set)
        while True:
            await asked.wait()
            asked.clear()
            with suppress(Refused):  # it was logged, and the metric says so
                await self.reload("SIGHUP")

    async def _until_signal(self) -> None:
        asked = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, asked.set)
        await asked.wait()
        notify("STOPPING=1")
        if self._leadership is not None:
            await self._leadership.wind_down()
        raise Stopped

    def _waits(self, leader: str | None) -> None:
        self._waiting.leader = leader
        log.info("healer.standby", node=self._me, leader=leader)
        # A standby is all that it should be: whoever starts it need not wait for the leader's end.
        notify("READY=1")
        _tell(self._waiting.sentence)

    def _stuck(self) -> bool:
        """Whether the engine's turn has not ended for so long that only a restart helps."""
        seconds = self._leadership.stuck_seconds() if self._leadership is not None else 0.0
        if seconds <= self._stuck_after:
            return False
        log.error("engine.stuck", seconds=round(seconds), limit=self._stuck_after, tasks=_where())
        _tell(f"stuck: the engine's turn has not ended for {seconds:.0f} s; systemd restarts it")
        return True

    def _url_of(self, node: str) -> str:
        found = self._loaded.topology.nodes.get(node)
        if found is None:
            return ""
        host = f"[{found.address}]" if ":" in found.address else found.address
        scheme = "http" if self._certificates is None else "https"
        return f"{scheme}://{host}:{self._port}"


def _tell(status: str) -> None:
    notify(f"STATUS={status}")


def _where() -> list[str]:
    """Say where each task stands, from the outside in, for whoever has to find out what it waits for."""
    return sorted(f"{task.get_name()}: {' > '.join(_awaits(task))}" for task in asyncio.all_tasks())


def _awaits(task: asyncio.Task[object]) -> Iterator[str]:
    # Task.get_stack() tells of a task that waits only its outermost frame, which is the same for every hang.
    awaited: object = task.get_coro()
    while (frame := getattr(awaited, "cr_frame", None)) is not None:
        yield f"{frame.f_code.co_qualname}:{frame.f_lineno}"
        awaited = getattr(awaited, "cr_await", None)
