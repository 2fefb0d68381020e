"""The healers: each start of one is a life, put together as app.py does it, that may be killed or stopped anywhere."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING

from healer.adapters.intake import refusal
from healer.admission import Admission
from healer.core import events as ev
from healer.core.actions import Args
from healer.core.alert import Alert, Target
from healer.core.attempt import Outcome
from healer.core.facts import Evidence, Reading
from healer.core.look import Look
from healer.core.order import Ended, Order, OwnAlert, Sight
from healer.core.picture import Picture
from healer.core.topology import Topology
from healer.engine import Engine
from healer.errors import Busy, LeaseLost, OutcomeUnknown, StoreFull, Unreachable
from healer.gatherer import Gatherer
from healer.herald import Herald
from healer.intake import Intake
from healer.journal import Journal
from healer.metrics import Metrics
from healer.operators import Operators
from healer.runner import Runner
from healer.standing import Watch
from tests.healer.safety.gates import Entry
from tests.healer.safety.known import LEASE
from tests.healer.safety.monitoring import EPOCH, merged
from tests.healer.safety.store import Handle

if TYPE_CHECKING:
    from tests.healer.safety.simulation import Simulation

METRICS = Metrics("simulation")


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
        engine = self._engine(journal, watch, peers)
        token = store.token
        started = (self.topology.digest, self.topology.modes, token.era, token.term)
        await journal.write(ev.HealerStarted("sim", *started), closing=True)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._renew(store))
            engine.resume(tasks)
            while True:
                await engine.turn(tasks)  # until it is told to reload
                engine = await self._reloaded(engine, journal, watch, peers)

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
        gatherer = Gatherer(self.topology, journal, self, self, self, self)
        self.operators = Operators(journal, gatherer, watch, self)
        self.admission = Admission(journal, gatherer, watch, self.operators)
        self.herald = Herald(journal, watch, peers, None, METRICS, self, "http://mon1")
        self.engine = Engine(
            topology=self.topology,
            journal=journal,
            watch=watch,
            alertmanagers=peers,
            intake=Intake(self.topology, journal, watch, gatherer, self, METRICS, self),
            gatherer=gatherer,
            runner=Runner(journal, self, gatherer, self),
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

    # --- Prometheus and probes ---

    async def _ask(self) -> None:
        await self.pass_by(0.3)
        if self.blind or self.sim.prometheus.silent:
            await asyncio.sleep(0.5)
            raise Unreachable("prometheus: no answer")

    async def evidence(self, alert: Alert, metric: str) -> Evidence:
        if alert.target.domain or alert.name in self.sim.site.fencing_alerts:
            await self._ask()
            prometheus = self.sim.prometheus
            known = prometheus.active.get(alert.fingerprint)
            firing = known is not None and known.labels == alert.labels
            return Evidence(firing, Reading(float(firing), prometheus.judged_at, prometheus.now))
        reading = await self.reading(alert.target, metric)
        if alert.name not in ("ServiceDown", "KernelHang", "NodeDown"):
            return Evidence(None, reading)
        sample = self.sim.prometheus.sample(alert.target.node)
        well = None if sample is None else sample.wells.get(alert.target)
        firing = alert.name != "NodeDown" and well is False
        labels = next(
            (
                one.labels
                for one in self.sim.prometheus.active.values()
                if one.fingerprint == alert.fingerprint
            ),
            None,
        )
        return Evidence(firing and labels == alert.labels, reading)

    async def reading(self, target: Target, metric: str, labels: Args = ()) -> Reading:
        await self._ask()
        now, sample, told = (
            self.sim.prometheus.now,
            self.sim.prometheus.sample(target.node),
            dict(labels),
        )
        if sample is None:
            return Reading(None, None, now)
        if metric == "hale:pool_member_up":
            out = any(one.subject == f"{told['pool']}/{told['member']}" for one in sample.marks)
            pool = self.sim.site.pools[told["pool"]]
            inside = self.sim.prometheus.sample(told["member"])
            serves = inside is not None and inside.wells[Target(told["member"], pool[2])]
            return Reading(float(serves and not out), sample.at, now)
        if metric == "hale_virtual_address_held":
            has = sample.held.get(told["address"])
            return Reading(None if has is None else float(has), sample.at, now)
        if metric in ("patroni_primary", "database_member_good"):
            seen = sample.leads if metric == "patroni_primary" else sample.good
            value = seen.get(told.get("scope", ""))
            return Reading(None if value is None else float(value), sample.at, now)
        if metric == "up":
            return Reading(1.0, sample.at, now)
        place = Target(target.node) if metric == "node_sick" else target
        well = sample.wells.get(place)
        value = None if well is None else float(well) if place.service else float(not well)
        return Reading(value, sample.at if value is not None else None, now)

    async def still_told(self, alert: Alert) -> bool | None:
        await self._ask()
        sample = self.sim.prometheus.sample(alert.target.node)
        if alert.name == "NodeDown":
            return True
        return sample is not None and alert.target in sample.wells

    async def looks_back(self, names: Iterable[str]) -> dict[str, float]:
        await self._ask()
        return dict.fromkeys(names, 0.0)

    async def samples(self, node: str, names: str) -> list[tuple[Mapping[str, str], float]]:
        """Return when a node has booted; nothing else is asked for."""
        await self._ask()
        assert names == "node_boot_time_seconds"
        seen = self.sim.prometheus.sample(node)
        return [] if seen is None else [({}, EPOCH + self.sim.world.nodes[node].booted_at)]

    async def picture(self, *, services: bool = True) -> Picture:
        await self._ask()
        seen = self.sim.prometheus.picture()
        return seen if services else replace(seen, services={})

    async def pending(self) -> tuple[Alert, ...]:
        await self._ask()
        return tuple(self.sim.prometheus.active.values())

    async def serves(self, target: Target) -> bool | None:
        await self.pass_by(0.2)
        return (
            target.node not in self.apart
            and self.sim.world.well(target)
            and not self.sim.world.dark(target.node)
        )

    # --- Gates ---

    def _reach(self, node: str) -> None:
        if node in self.apart or self.sim.world.dark(node) or node not in self.sim.gates:
            raise Unreachable(f"{node}: no route to host")

    async def look(self, node: str, names: Sequence[str]) -> Look:
        await self.pass_by(0.3)
        self._reach(node)
        gate = self.sim.gates[node]
        if gate.busy and gate.busy.split(".")[1] == str(self._term):
            raise Busy(f"{node}: busy with {gate.busy}")
        return gate.look(tuple(names))

    @property
    def _term(self) -> int:
        return self.handle.token.term if self.handle is not None else 0

    async def act(self, order: Order) -> Ended:
        assert self.handle is not None
        await self.pass_by(0.3)
        self._reach(order.node)
        gate, said = self.sim.gates[order.node], self.now
        boot = gate.boot
        await self.pass_by(0.2)
        if self.handle.lease_seconds() <= 0:
            raise LeaseLost("it ran out")
        token, fate = self.handle.token, self.rng.random()
        await self.pass_by(0.1)  # here a process may be stopped with the request in its hands
        if fate < self.sim.loses / 3:  # lost on the way, or late: it comes, but nobody waits for it
            self.sim.spawn(self._late(gate, order, token, said, boot))
            raise OutcomeUnknown(f"{order.node}: the session ended")
        try:
            self._reach(order.node)
        except Unreachable as exc:
            raise OutcomeUnknown(str(exc)) from exc
        entry = gate.receive(order, token, said, boot)
        if self.rng.random() < self.sim.loses / 4:  # the network says it twice
            gate.receive(order, token, said, boot)
        if isinstance(entry, Ended):
            return entry
        if fate < self.sim.loses:
            raise OutcomeUnknown(f"{order.node}: the answer was lost")
        return await self._wait(gate.node, entry)

    async def _late(
        self, gate: object, order: Order, token: object, said: float, boot: int
    ) -> None:
        wait = self.rng.choice((0.2, 1.0, 1.9, 3.0, 30.0, 1000.0))
        await asyncio.sleep(wait)
        if not self.sim.world.dark(order.node):
            self.sim.gates[order.node].receive(order, token, said, boot)  # type: ignore[arg-type]

    async def _wait(self, node: str, entry: Entry) -> Ended:
        while entry.ended is None:
            await asyncio.sleep(0.2)
            await self.pass_by()
            if node in self.apart or self.sim.world.dark(node):
                raise OutcomeUnknown(f"{node}: the session ended")
        return entry.ended

    async def settle(self, node: str, action_id: str, ledger_id: str) -> Ended | None:
        await self.pass_by(0.3)
        self._reach(node)
        if ledger_id and ledger_id != f"ledger-{node}":
            return Ended(Outcome.UNKNOWN, "other_ledger", "")
        assert self.handle is not None
        found = self.sim.gates[node].settle(action_id, self.handle.token)
        if found is not None and found.reason == "lower_token":
            raise Unreachable(f"{node}: its gate cannot settle: lower_token")
        return found


@dataclass
class Peers:
    """Every Alertmanager, as one life reaches them."""

    life: Life

    async def read(self, missed: frozenset[str] = frozenset()) -> Sight:
        life, sim = self.life, self.life.sim
        await life.pass_by(0.3)
        answered = [] if life.blind else [one for one in sim.peers if not one.away]
        if not answered:
            raise Unreachable("alertmanager: no peer answers")
        alerts = merged(answered, sim.world.now, sim.silenced, sim.rng.shuffle)
        judged = [(one, refusal(one, life.topology)) for one in alerts]
        heard = [one.watchdog_at for one in answered if one.watchdog_at is not None]
        return Sight(
            alerts=tuple(one for one, why in judged if why is None),
            rejected=tuple((one, why) for one, why in judged if why is not None),
            silent=() if len(answered) == len(sim.peers) else ("elsewhere",),
            watchdog_at=max(heard, default=None),
        )

    async def post(self, alerts: Sequence[OwnAlert]) -> None:
        await self.life.pass_by()
        if self.life.blind:
            raise Unreachable("alertmanager: no peer answers")
        for one in alerts:
            self.life.sim.told.pop(one.labels, None)
            if not one.over:
                self.life.sim.told[one.labels] = (one, self.life.now)
