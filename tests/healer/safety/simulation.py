"""One schedule: a cluster, its monitoring, its healers, what goes wrong, and the oracle that watches."""

import asyncio
from collections.abc import Coroutine, Mapping
from random import Random
from typing import Any

from healer.core import events as ev
from healer.core.actions import Args
from healer.core.board import Board
from healer.core.order import OwnAlert
from healer.core.topology import Topology
from healer.errors import LeaseLost
from tests.healer.safety.chaos import Chaos
from tests.healer.safety.charters import Charter
from tests.healer.safety.described import topology_of
from tests.healer.safety.endings import ends
from tests.healer.safety.gates import Gate
from tests.healer.safety.known import SCRAPE
from tests.healer.safety.lives import Killed, Life
from tests.healer.safety.loop import VirtualLoop
from tests.healer.safety.monitoring import EPOCH, Alertmanager, Prometheus
from tests.healer.safety.oracle import Oracle
from tests.healer.safety.outcomes import final, found, lost
from tests.healer.safety.power import Switch
from tests.healer.safety.site import Site
from tests.healer.safety.sites import drawn
from tests.healer.safety.store import Shared
from tests.healer.safety.updaters import Updaters
from tests.healer.safety.world import World

TROUBLED = 22.0
"""Seconds in which things go wrong."""

CALM = 20.0
"""Seconds after that, in which everything is reachable and everybody gets an answer."""


LOST = 20.0
"""Seconds for which a rack is lost after that."""

BACK = 110.0
"""Seconds after its return, in which its incident is closed: it has to stay clear for 30, none of them within a minute
of a clock that jumped."""


class Simulation:
    """Everything of one schedule.

    Attributes:
        restarts: Whether lives are killed by chance.
        pause: Seconds between two looks of a healer where nothing wakes it.
        loses: Probability with which a request or its answer is lost.
        skews: By how much each healer's wall clock is wrong.
        silenced: Fingerprints that a person silenced.
        hushed: Silences of the healer's own, by name: the node, and until when.
        mended_at: When people mended what was broken.
        updaters: What asks for reboot locks, and who takes nodes away; None in schedules where nobody does.
        charters: What cluster.yml said so far, the first first.
        loses_rack: Whether a whole rack is lost in it, and once more after the calm.
        told: What the healers tell people by alerts of their own, by labels, with the time of the last word.
    """

    def __init__(
        self,
        seed: int,
        site: Site,
        topologies: Mapping[str, Topology],
        loop: VirtualLoop,
    ) -> None:
        self.seed, self.site, self.topologies = seed, site, dict(topologies)
        self.rng = Random(seed)  # noqa: S311 - the same schedule again is what it is for
        start, numbers = loop.time(), next(iter(topologies.values())).numbers
        self.restarts = True
        self.silenced: dict[str, float] = {}
        self.hushed: dict[str, tuple[str, float]] = {}
        self.updaters: Updaters | None = None
        self.mended_at = 0.0
        self.pause = self.rng.choice((2.0, 3.0, 5.0))
        self.diary: list[tuple[float, str]] = []
        self.world = World(site, lambda: loop.time() - start, self._tell)
        digest = next(iter(topologies.values())).digest
        self.charters = [Charter(digest, site, numbers)]
        self.oracle = Oracle(site, self.world, numbers, self.charters)
        self.shared = Shared(self.oracle)
        self.switch = Switch(self.world, self.duration)
        self.gates = {
            node: Gate(node, site, self.world, self.oracle, self.spawn, self.duration, self.switch)
            for node in site.racks
        }
        self.prometheus = Prometheus(site, self.world, self.gates)
        self.oracle.prometheus = self.prometheus
        self.oracle.silenced = self.silenced
        self.peers = [Alertmanager(), Alertmanager()]
        self.skews = dict.fromkeys(site.healers, 0.0)
        self.loses = 0.0
        self.loses_rack = False
        self.told: dict[Args, tuple[OwnAlert, float]] = {}
        self.lives: dict[str, Life] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    @classmethod
    def of(cls, seed: int, loop: VirtualLoop) -> "Simulation":
        """The schedule of a seed."""
        site, numbers = drawn(seed)
        return cls(seed, site, {one: topology_of(site, one, numbers) for one in site.healers}, loop)

    # --- What the parts need of each other ---

    def _tell(self, what: str) -> None:
        self.diary.append((self.world.now, what))

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._fell_over(task.exception())

    def _fell_over(self, error: BaseException | None) -> None:
        if not isinstance(error, Killed | LeaseLost):
            self.oracle.says(f"something fell over: {error!r}")

    def duration(self) -> float:
        return 0.2 + 2 * self.rng.random()

    @property
    def leader(self) -> Life | None:
        """The life that leads now and can be spoken to."""
        holder = self.shared.holder
        if holder is None or holder.dead or holder.frozen or self.world.now >= self.shared.until:
            return None
        return holder if holder.operators is not None else None

    def leads(self, life: Life) -> bool:
        """Whether a life is the one that leads now."""
        return self.shared.holder is life and self.world.now < self.shared.until

    @property
    def board(self) -> Board | None:
        """What the leader knows; None where nobody leads who can be spoken to."""
        leader = self.leader
        return leader.journal.board if leader is not None and leader.journal is not None else None

    def fenced(self) -> list[str]:
        """Nodes that wait for a person who admits them, in order: a gate has them marked, or the healer says so."""
        marked = {
            subject
            for gate in self.gates.values()
            for verb, subject in gate.marks
            if verb == "node.fence"
        }
        asked = {
            one.target.node
            for one in (self.board.open if self.board is not None else ())
            if one.hold is not None and one.hold.reason == "not_admitted"
        }
        return sorted(marked | asked)

    async def journal(self, *events: ev.Event) -> None:
        """Have the leader write something, as a webhook or a person's command does."""
        leader = self.leader
        if leader is None or leader.journal is None:
            return
        try:
            await leader.journal.write(*events)
        except Exception:  # noqa: BLE001, S110 - full, lost, or too late: whoever asked is told so
            pass
        except Killed:
            pass

    # --- The schedule ---

    def begin(self) -> None:
        """Start everything that runs by itself."""
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: self._fell_over(context.get("exception"))
        )
        self.prometheus.scrape()
        for node in self.site.healers:
            self.spawn(self._supervise(node))
        self.spawn(self._scrape())

    async def run(self) -> list[str]:
        """Let everything happen, and return what was broken of all promises."""
        chaos = Chaos(self)  # it says how alerts are labelled, so it comes before the first of them
        self.begin()
        try:
            self.spawn(chaos.run(TROUBLED))
            await self.until(TROUBLED)
            chaos.calm()
            await self.until(TROUBLED + CALM)
            if not self.oracle.violations:
                final(self)
            if self.loses_rack and not self.oracle.violations:
                await self._without_a_rack(chaos)
            await ends(self)
        finally:
            await self.stop()
        return self.oracle.violations

    async def _without_a_rack(self, chaos: Chaos) -> None:
        """Lose a rack while nothing else goes wrong, and see that it is one incident, and over when it is back."""
        rack = self.rng.choice(list(self.site.lost_together()))
        back = chaos.breakages.loses_rack(rack)
        await self.until(self.world.now + LOST)
        lost(self, rack)
        if back is not None:
            back()
        await self.until(self.world.now + BACK)
        found(self, rack)

    async def until(self, at: float) -> None:
        """Let time go by until then, or until a promise is broken."""
        while self.world.now < at and not self.oracle.violations:
            await asyncio.sleep(1.0)

    async def stop(self) -> None:
        """End everything at once."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _scrape(self) -> None:
        while True:
            await asyncio.sleep(SCRAPE / 2)
            self._tick()
            await asyncio.sleep(SCRAPE / 2)
            self._tick()
            self.prometheus.scrape()
            if not self.prometheus.silent:
                for peer in self.peers:
                    peer.push(self.prometheus.active, EPOCH + self.world.now)

    def _tick(self) -> None:
        for database in self.world.databases.values():
            database.tick()

    async def _supervise(self, node: str) -> None:
        """Start a healer whenever there is none, as systemd does."""
        while True:
            if not self.world.dark(node):
                life = self.lives[node] = Life(self, node, self.rng, self.topologies[node])
                if self.restarts and self.rng.random() < 0.5:
                    life.dies_at = self.rng.randint(1, 14)
                    life.dies_after = self.rng.random() < 0.5
                    if self.world.now > TROUBLED - 5:
                        life.dies_at = 0
                try:
                    await life.run()
                except BaseExceptionGroup as group:
                    _, others = group.split((Killed, LeaseLost, asyncio.CancelledError))
                    if others is not None:
                        self._fell_over(others.exceptions[0])
                except (Killed, LeaseLost):
                    pass
                life.dead = True
            await asyncio.sleep(1 + 2 * self.rng.random())
