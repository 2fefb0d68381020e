"""Whole lives of a healer in one process: real journal, real gate process, fake neighbours, a clock in hand.

A life ends by itself, or where the test says: `Killed` is raised out of the store before or after a commit.
"""

import asyncio
import contextlib
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from healer.adapters.gates import SshGates, Timing
from healer.adapters.journal import SqliteStore
from healer.adapters.journal_file import StoreSettings
from healer.core import events as ev
from healer.core.actions import Args
from healer.core.alert import Alert, Target
from healer.core.events import Event, Record
from healer.core.facts import Evidence, Reading
from healer.core.history import Going
from healer.core.incident import Incident
from healer.core.ladder import Ladder, Mode
from healer.core.order import OwnAlert, Sight, Token
from healer.core.picture import NodeHealth, Picture
from healer.core.states import State
from healer.core.topology import Topology
from healer.engine import Engine
from healer.errors import Unreachable
from healer.gatherer import Gatherer
from healer.herald import Herald
from healer.intake import Intake
from healer.journal import Journal
from healer.metrics import Metrics
from healer.narrator import Narrator
from healer.runner import Runner
from healer.standing import Watch
from tests.gate.real import RealNode
from tests.healer.core.world import CALL, RESTART, alert, topology
from tests.healer.fakes import FakeClock

CYCLES = 40
"""More than any of these lives needs; a life that wants more is stuck, and the test says so."""


class Killed(BaseException):
    """The process is gone at this instant. No `except Exception` sees it, as none would see SIGKILL."""


@dataclass
class MortalStore:
    """A store that dies with its healer before or after its n-th commit."""

    inner: SqliteStore
    dies_at: int | None = None
    after_commit: bool = False
    commits: int = 0
    dead: bool = False

    @property
    def token(self) -> Token:
        return self.inner.token

    async def append(self, events: Sequence[Event], *, closing: bool = False) -> list[Record]:
        self.commits += 1
        if self.dead or (self.commits == self.dies_at and not self.after_commit):
            self.dead = True
            raise Killed
        records = await self.inner.append(events, closing=closing)
        if self.commits == self.dies_at:
            self.dead = True
            raise Killed
        return records

    async def read(
        self, after: int = 0, *, without: frozenset[str] = frozenset(), most: int | None = None
    ) -> list[Record]:
        return await self.inner.read(after, without=without, most=most)

    async def read_incident(
        self, incident_id: str, after: int = 0, *, most: int | None = None
    ) -> list[Record]:
        return await self.inner.read_incident(incident_id, after, most=most)

    async def hint_bytes(self, since: float) -> int:
        return await self.inner.hint_bytes(since)

    async def prune(self, going: Going) -> Record | None:
        return await self.inner.prune(going)

    async def size(self) -> int:
        return await self.inner.size()

    async def renew(self) -> None:
        await self.inner.renew()

    def lease_seconds(self) -> float:
        return self.inner.lease_seconds()

    async def mark_seen(self, wall: float) -> None:
        await self.inner.mark_seen(wall)

    async def last_seen(self) -> float | None:
        return await self.inner.last_seen()

    async def room(self) -> bool:
        return await self.inner.room()

    def lasting(self) -> bool:
        return self.inner.lasting()


@dataclass
class PipeChannel:
    """A session with `hale-gate serve` over its standard input and output."""

    process: asyncio.subprocess.Process

    async def send(self, line: bytes) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line)
            await self.process.stdin.drain()
        except OSError as error:
            raise Unreachable(str(error)) from error

    async def receive(self) -> bytes:
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line.endswith(b"\n"):
            raise Unreachable("the gate ended the session")
        return line[:-1]

    async def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()


@dataclass
class PipeConnector:
    """Starts a gate of the one real node for each session."""

    node: RealNode
    started: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def open(self, node: str) -> PipeChannel:
        if node != "web1":
            raise Unreachable(f"{node}: no such gate in this test")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gate.cli", "serve", *self.node.paths),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=self.node.environment,
        )
        self.started.append(process)
        return PipeChannel(process)

    async def end(self) -> None:
        for process in self.started:
            if process.stdin is not None:
                process.stdin.close()
            with contextlib.suppress(ProcessLookupError):
                await process.wait()


@dataclass
class Nginx:
    """What Prometheus, Alertmanager and the outside see of the one service on the real node."""

    node: RealNode
    clock: FakeClock
    fired: Alert
    posted: list[OwnAlert] = field(default_factory=list)

    @property
    def up(self) -> bool:
        return '"ActiveState": "active"' in "".join(self.node.read("units/nginx.service"))

    def _reading(self, metric: str) -> Reading:
        now = self.clock.wall()
        return Reading(1.0 if self.up or metric == "up" else 0.0, now, now)

    async def evidence(self, alert: Alert, metric: str) -> Evidence:
        return Evidence(not self.up, self._reading(metric))

    async def reading(self, target: Target, metric: str, labels: Args = ()) -> Reading:
        return self._reading(metric)

    async def still_told(self, alert: Alert) -> bool | None:
        return True

    async def looks_back(self, names: Iterable[str]) -> dict[str, float]:
        return dict.fromkeys(names, 0.0)

    async def picture(self, *, services: bool = True) -> Picture:
        nodes = {name: NodeHealth(True, True) for name in ("mon1", "web1", "web2")}
        ups = {Target("web1", "nginx"): self.up, Target("web2", "nginx"): True}
        return Picture(self.clock.wall(), nodes, ups if services else {})

    async def pending(self) -> tuple[Alert, ...]:
        return (await self.read()).alerts

    async def read(self, missed: frozenset[str] = frozenset()) -> Sight:
        # The alert keeps firing through its look-back window; nothing may start on its word.
        firing = (self.fired,) if self.clock.wall() > self.fired.began_at else ()
        return Sight(firing, (), silent=(), watchdog_at=self.clock.wall())

    async def post(self, alerts: Sequence[OwnAlert]) -> None:
        self.posted += alerts

    async def serves(self, target: Target) -> bool | None:
        return self.up


def one_service() -> Topology:
    """mon1 watches, web1 and web2 serve nginx; nothing waits longer than it must."""
    whole = topology(web=2, cooldown=0.0, owner_settled=0.0)
    rungs = (replace(RESTART, wait_seconds=0.0, attempts=3), CALL)
    services = {name: one for name, one in whole.services.items() if name != "app"}
    ladder = Ladder("restart-service", Mode.ACT, rungs)
    return replace(whole, services=services, ladders={ladder.name: ladder})


def over(incident: Incident) -> bool:
    """Whether the healer will do no more about it by itself."""
    if incident.hold is not None and incident.hold.reason == "pre_existing":
        return True
    return incident.state in (State.CLOSED, State.ESCALATED)


@dataclass
class Healer:
    """Everything that survives the lives: journal file, node, clock, neighbours."""

    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.node = RealNode(self.folder)
        self.settings = StoreSettings(self.folder / "journal.db", 64 * 1024, 10.0)
        SqliteStore.init(self.settings.path, 1)
        self.nginx = Nginx(self.node, self.clock, alert(began=self.clock.wall() + 1))

    def break_nginx(self, **properties: str) -> None:
        self.node.nginx(
            ActiveState="failed",
            SubState="failed",
            InvocationID="a" * 32,
            Result="signal",
            StateChangeTimestampMonotonic="1000000",
            **properties,
        )

    async def live(self, dies_at: int | None = None, *, after_commit: bool = False) -> list[Record]:
        """Run until the incident is in nobody's hands or the healer is killed; return the journal."""
        store = await SqliteStore.open(self.settings, self.clock, self.clock.sleep)
        mortal = MortalStore(store, dies_at, after_commit)
        connector = PipeConnector(self.node)
        try:
            with contextlib.suppress(Killed):
                await self._live(mortal, connector)
        except BaseExceptionGroup as group:
            if group.split(Killed)[1] is not None:
                raise
        finally:
            records = await store.read()
            await connector.end()
            if not mortal.dead:  # a killed healer gives nothing back: its lease runs out
                await store.release()
        self.clock.pass_by(20)
        return records

    async def _live(self, store: MortalStore, connector: PipeConnector) -> None:
        cluster, journal, metrics = one_service(), Journal(store), Metrics("test")
        await journal.replay()
        journal.listen(Narrator(journal.board, metrics))
        token = store.token
        await journal.write(
            ev.HealerStarted("test", cluster.digest, cluster.modes, token.era, token.term)
        )
        gates = SshGates(
            connector,
            cluster="first",
            token=token,
            lease_seconds=lambda: 10.0,
            timing=Timing(grace=1.0),
        )
        watch = Watch(journal, self.clock, cluster.numbers)
        gatherer = Gatherer(cluster, journal, self.nginx, gates, self.nginx, self.clock)
        engine = Engine(
            topology=cluster,
            journal=journal,
            watch=watch,
            alertmanagers=self.nginx,
            intake=Intake(cluster, journal, watch, gatherer, self.nginx, metrics, self.clock),
            gatherer=gatherer,
            runner=Runner(journal, gates, gatherer, self.clock),
            herald=Herald(journal, watch, self.nginx, None, metrics, self.clock, "http://mon1"),
            metrics=metrics,
            clock=self.clock,
        )
        async with asyncio.TaskGroup() as tasks:
            engine.resume(tasks)
            for _ in range(CYCLES):
                await engine.cycle(tasks)
                await engine.idle()
                self.clock.pass_by(2)
                await store.renew()
                found = journal.board.incidents.values()
                if found and all(over(one) for one in found):
                    return
            raise AssertionError(f"nothing came to an end: {journal.board.incidents}")
