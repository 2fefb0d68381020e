"""A healer put together as app.py does it, with stand-ins for all its neighbours, on virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from healer.core import events as ev
from healer.core.alert import Alert, Target
from healer.core.events import Event
from healer.core.incident import Incident
from healer.core.ladder import Mode
from healer.core.order import Token
from healer.core.topology import Topology
from healer.engine import Engine
from healer.gatherer import Gatherer
from healer.herald import Herald
from healer.intake import Intake
from healer.journal import Journal
from healer.metrics import Metrics
from healer.narrator import Narrator
from healer.operators import Operators
from healer.roller import Roller
from healer.runner import Runner
from healer.standing import Watch
from healer.upkeep_runner import UpkeepRunner
from healer.upkeeper import Upkeeper
from tests.healer.core.world import VERIFY, alert, topology
from tests.healer.fake_cluster import FakeCluster, FakeProbes, FakePrometheus
from tests.healer.fake_gates import FakeGates
from tests.healer.fakes import FakeSilences, FakeStore, LoopClock
from tests.healer.pager import FakeAlertmanagers, FakeSecondPath

ARMED = 3.0
"""Seconds after which a healer that starts in a quiet cluster is armed."""

TOLD = "gate web1 service.restart nginx.service"
"""The diary's line for a restart on web1."""

A_HEAL = [
    "IncidentOpened",
    "ActionIntended",
    "ActionEnded",
    "VerificationEnded",
    "IncidentClosed",
]
"""What the journal says of one that went well."""


def simple(
    *,
    web: int = 3,
    mode: Mode = Mode.ACT,
    fast: bool = True,
    soak: float = 3.0,
    lookback: float = 0.0,
    **numbers: float,
) -> Topology:
    """nginx alone on every web node, and nothing that waits without need."""
    whole = topology(web=web, mode=mode)
    numbers = {"cooldown": 0.0, "owner_settled": 0.0, **numbers}
    services = {name: one for name, one in whole.services.items() if name != "app"}
    ladder = whole.ladders["restart-service"]
    restart, call = ladder.rungs
    verify = replace(VERIFY, soak_seconds=soak, lookback_seconds=lookback)
    rungs = (replace(restart, fast=fast, verify=verify), call)
    ladders = {**whole.ladders, ladder.name: replace(ladder, rungs=rungs)}
    own = replace(whole.numbers, **numbers)  # type: ignore[arg-type]
    return replace(whole, services=services, ladders=ladders, numbers=own)


class Village:
    """The cluster, its pipeline and the healer in it."""

    def __init__(self, topology: Topology | None = None) -> None:
        self.topology = topology or simple()
        self.clock = LoopClock()
        self.store = FakeStore(self.clock)
        self.diary = self.store.diary
        self.cluster = FakeCluster(self.topology, self.clock)
        self.prometheus = FakePrometheus(self.cluster)
        self.gates = FakeGates(self.cluster, self.diary)
        self.alertmanagers = FakeAlertmanagers(self.cluster, self.diary)
        self.second_path = FakeSecondPath(self.diary)
        self.probes = FakeProbes(self.cluster)
        self.silences = FakeSilences(self.diary)
        self._put_together()

    def _put_together(self) -> None:
        """Make everything of the healer that does not outlive its process."""
        self.metrics = Metrics("test")
        self.journal = Journal(self.store)
        self.watch = Watch(self.journal, self.clock, self.topology.numbers)
        self.watch.leading = True
        self.gatherer = Gatherer(
            self.topology, self.journal, self.prometheus, self.gates, self.probes, self.clock
        )
        self.herald = Herald(
            self.journal,
            self.watch,
            self.alertmanagers,
            self.second_path,
            self.metrics,
            self.clock,
            "http://mon1:9595",
        )
        self.engine = Engine(
            topology=self.topology,
            journal=self.journal,
            watch=self.watch,
            alertmanagers=self.alertmanagers,
            intake=Intake(
                self.topology,
                self.journal,
                self.watch,
                self.gatherer,
                self.prometheus,
                self.metrics,
                self.clock,
            ),
            gatherer=self.gatherer,
            runner=Runner(self.journal, self.gates, self.gatherer, self.clock),
            herald=self.herald,
            metrics=self.metrics,
            clock=self.clock,
        )
        self.upkeep = UpkeepRunner(
            *(self.journal, self.gatherer, self.gates, self.silences, self.watch, self.clock)
        )
        self.upkeeper = Upkeeper(self.journal, self.gatherer, self.upkeep, self.watch, self.clock)
        self.roller = Roller(self.journal, self.gatherer, self.upkeeper, self.watch, self.clock)
        self.operators = Operators(self.journal, self.gatherer, self.watch, self.clock)

    @asynccontextmanager
    async def alive(self, topology: Topology | None = None) -> AsyncIterator[None]:
        """Run one life of the healer, from its start to its sudden end.

        Args:
            topology: Another configuration than the one before.
        """
        if topology is not None:
            self.topology = self.cluster.topology = topology
        self._put_together()
        await self.journal.replay()
        self.journal.listen(Narrator(self.journal.board, self.metrics))
        token = self.store.token = Token(1, self.store.token.term + 1, "store-1")
        modes = self.topology.modes
        started = ev.HealerStarted("test", self.topology.digest, modes, token.era, token.term)
        await self.journal.write(started, closing=True)
        async with asyncio.TaskGroup() as tasks:
            life = tasks.create_task(self.engine.run())
            calling = tasks.create_task(self.herald.keep_calling())
            upkeep = tasks.create_task(self.upkeep.run())
            rolls = tasks.create_task(self.roller.run())
            yield
            life.cancel()
            upkeep.cancel()
            rolls.cancel()
            calling.cancel()

    @asynccontextmanager
    async def armed(self) -> AsyncIterator[None]:
        """Run a life in which the healer was armed before anything failed."""
        async with self.alive():
            await asyncio.sleep(ARMED)
            yield

    def fail(self, at: str = "web1/nginx", **labels: str) -> Alert:
        """Let a service die; its alert begins now and ends when it serves again."""
        domain = self.topology.nodes[at.partition("/")[0]].failure_domain
        given = {"failure_domain": domain, **labels}
        fired = alert(at=at, began=self.clock.wall(), **given)
        self.cluster.down.add(fired.target)
        others = self.alertmanagers.alerts
        others[:] = [one for one in others if one.fingerprint != fired.fingerprint]
        others.append(fired)
        return fired

    def mend(self, at: str = "web1/nginx") -> None:
        """Let a service serve again without the healer."""
        node, _, service = at.partition("/")
        self.cluster.down.discard(Target(node, service or None))

    def vanish(self, *nodes: str) -> None:
        """Let nobody hear of nodes any more; what they exported is not there either."""
        self.cluster.dark |= set(nodes)

    def incident(self, number: int = 1) -> Incident:
        return self.journal.board.incidents[str(number)]

    def hold(self, number: int = 1) -> str | None:
        """Return the reason word that keeps an incident held."""
        held = self.incident(number).hold
        return held.reason if held is not None else None

    def written(self, kind: type[Event]) -> list[Event]:
        """Return every event of one kind that the journal has."""
        return [one.event for one in self.store.records if isinstance(one.event, kind)]

    @property
    def kinds(self) -> list[str]:
        """Every event's kind, but for the start and the arming of each life."""
        names = [type(one.event).__name__ for one in self.store.records]
        return [name for name in names if name not in ("HealerStarted", "Armed")]
