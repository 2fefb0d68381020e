"""The healers: each start of one is a life, put together as app.py does it, that may be killed or stopped anywhere."""

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from healer.admission import Admission
from healer.core import events as ev
from healer.core.topology import Topology
from healer.engine import Engine
from healer.errors import StoreFull
from healer.gatherer import Gatherer
from healer.herald import Herald
from healer.intake import Intake
from healer.journal import Journal
from healer.metrics import Metrics
from healer.operators import Operators
from healer.roller import Roller
from healer.runner import Runner
from healer.standing import Watch
from healer.upkeep_runner import UpkeepRunner
from healer.upkeeper import Upkeeper
from healer.web.locks import Locks
from tests.healer.safety.known import LEASE
from tests.healer.safety.monitoring import EPOCH
from tests.healer.safety.reaching import Hands, Hushes, Peers, Senses
from tests.healer.safety.store import Handle

if TYPE_CHECKING:
    from tests.healer.safety.simulation import Simulation

METRICS = Metrics("simulation")

LOCK_SECONDS = 40.0
"""In which a node that got a reboot lock should be back; its silence ends then."""


class Killed(BaseException):
    """The process is gone. No `except Exception` sees it, as none would see SIGKILL."""


@dataclass
class Life:
    """One process, from its start to its end, and everything that it reaches others through.

    Attributes:
        dies_at: The commit at which it is killed, before it or after.
        frozen: It was stopped by SIGSTOP.
        storeless: It does not reach the store.
        apart: Nodes whose gates and services it does not reach.
        blind: It reaches neither Prometheus nor any Alertmanager.
    """

    sim: "Simulation"
    node: str
    rng: Random
    topology: Topology
    dies_at: int = 0
    dies_after: bool = False
    commits: int = 0
    dead: bool = False
    frozen: bool = False
    storeless: bool = False
    blind: bool = False
    apart: set[str] = field(default_factory=set)
    journal: Journal | None = None
    operators: Operators | None = None
    admission: Admission | None = None
    engine: Engine | None = None
    herald: Herald | None = None
    handle: Handle | None = None
    upkeep: UpkeepRunner | None = None
    upkeeper: Upkeeper | None = None
    roller: Roller | None = None
    locks: Locks | None = None
    watch: Watch | None = None

    # --- Time and being alive ---

    @property
    def now(self) -> float:
        return self.sim.world.now

    def wall(self) -> float:
        return EPOCH + self.now + self.sim.skews[self.node]

    def boottime(self) -> float:
        return 5000.0 + self.now

    @property
    def boot_id(self) -> str:
        return f"{self.node}-{self.sim.world.nodes[self.node].boot}"

    @property
    def term(self) -> int:
        return self.handle.token.term if self.handle is not None else 0

    async def pass_by(self, most: float = 0.0) -> None:
        """Let some time go by on the way, all of it where the process is stopped."""
        if most and self.rng.random() < 0.3:
            await asyncio.sleep(self.rng.random() * most)
        while self.frozen and not self.dead:
            await asyncio.sleep(0.25)
        if self.dead or self.sim.world.dark(self.node):
            self.dead = True
            raise Killed

    def kill(self) -> None:
        self.dead = True

    async def run(self) -> None:
        """Wait for the lead, then heal until killed."""
        sim = self.sim
        self.handle = store = await sim.shared.open(self)
        self.journal = journal = Journal(store)
        await journal.replay()
        self.topology = sim.topologies[self.node]
        watch, peers = Watch(journal, self, self.topology.numbers), Peers(self)
        self.watch, engine = watch, self._engine(journal, watch, peers)
        token = store.token
        started = (self.topology.digest, self.topology.modes, token.era, token.term)
        await journal.write(ev.HealerStarted("sim", *started), closing=True)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._renew(store))
            engine.resume(tasks)
            while True:
                await self._turn(engine, tasks)  # until it is told to reload
                engine = await self._reloaded(engine, journal, watch, peers)

    async def _turn(self, engine: Engine, tasks: asyncio.TaskGroup) -> None:
        """Run one configuration's engine, and what goes on beside it, as healer.leading does."""
        assert self.upkeep is not None and self.roller is not None  # noqa: PT018  # put together with the engine
        # Where nobody asks for any upkeep they would only count the seconds.
        both = (self.upkeep, self.roller) if self.sim.updaters is not None else ()
        beside = [tasks.create_task(one.run()) for one in both]
        try:
            await engine.turn(tasks)
        finally:
            for one in beside:
                one.cancel()

    async def _reloaded(
        self, before: Engine, journal: Journal, watch: Watch, peers: "Peers"
    ) -> Engine:
        """Go on under cluster.yml as it is now, or under the one before where that cannot be made durable."""
        changed, herald = self.sim.topologies[self.node], self.herald
        try:
            await journal.write(ev.ConfigReloaded(changed.digest, changed.modes, "ann"))
            self.topology, watch.numbers = changed, changed.numbers
        except StoreFull:
            pass
        engine = self._engine(journal, watch, peers)
        engine.follow(before)
        if self.herald is not None and herald is not None:
            self.herald.follow(herald)
        return engine

    def reload(self) -> None:
        """Read cluster.yml anew, as on SIGHUP."""
        if self.engine is not None:
            self.engine.stop()

    def _engine(self, journal: Journal, watch: Watch, peers: "Peers") -> Engine:
        """Put together what lives as long as one configuration, as healer.parts does."""
        senses, hands = Senses(self), Hands(self)
        gatherer = Gatherer(self.topology, journal, senses, hands, senses, self)
        self.operators = Operators(journal, gatherer, watch, self)
        self.admission = Admission(journal, gatherer, watch, self.operators)
        self.upkeep = UpkeepRunner(journal, gatherer, hands, Hushes(self), watch, self)
        self.upkeeper = Upkeeper(journal, gatherer, self.upkeep, watch, self)
        self.roller = Roller(journal, gatherer, self.upkeeper, watch, self)
        self.locks = Locks(self.upkeeper, gatherer, watch, LOCK_SECONDS, None)
        self.herald = Herald(journal, watch, peers, None, METRICS, self, "http://mon1")
        self.engine = Engine(
            topology=self.topology,
            journal=journal,
            watch=watch,
            alertmanagers=peers,
            intake=Intake(self.topology, journal, watch, gatherer, senses, METRICS, self),
            gatherer=gatherer,
            runner=Runner(journal, hands, gatherer, self),
            herald=self.herald,
            metrics=METRICS,
            clock=self,
            pause=self.sim.pause,
        )
        return self.engine

    async def _renew(self, store: Handle) -> None:
        while True:
            await asyncio.sleep(LEASE / 4)
            await store.renew()
