"""Nodes that update themselves and ask for a reboot lock, as Zincati does, and people who patch or take nodes away.

Protocol and words: docs/healer.md, "Nodes that reboot themselves". A request reaches the healer that leads.
"""

import asyncio
from typing import TYPE_CHECKING

from healer.core.roll_events import RollMove
from healer.core.upkeep_events import Kind
from healer.errors import LeaseLost, Refused, StoreFull
from tests.healer.safety.breakages import Breakages
from tests.healer.safety.drawing import Undo
from tests.healer.safety.lives import Killed, Life
from tests.healer.safety.site import address_of, machine_of

if TYPE_CHECKING:
    from tests.healer.safety.simulation import Simulation

PATCHES = ("patched", "patched_needs_reboot", "patched_needs_reboot", "patch_failed")


class Updaters:
    """Draws who asks for what.

    Attributes:
        owing: Nodes that may have a lock, and say that they are well once they are.
        asking: Those that have not given up yet.
    """

    def __init__(self, sim: "Simulation", breakages: Breakages) -> None:
        self.sim, self.rng, self._about = sim, sim.rng, breakages
        self.owing: dict[str, None] = {}
        self.asking: set[str] = set()
        sim.spawn(self._announce())

    def begins(self) -> None:
        """Of most schedules somebody is away before anything else happens, so that it happens beside that."""
        draws = (
            self.asks,
            self.asks,
            self.dies_with_it,
            self.takes_away,
            self.takes_away,
            self.rolls,
        )

        async def early() -> None:
            await asyncio.sleep(3.0 + 3.0 * self.rng.random())
            for draw in self.rng.sample(draws, self.rng.choice((0, 1, 1, 2))):
                draw()

        self.sim.spawn(early())

    # --- What nodes do ---

    def _asker(self) -> str:
        alone = self.rng.random() < 0.15
        return self.rng.choice(self.sim.site.healers) if alone else self._about.node()

    def asks(self) -> None:
        """A node wants to reboot, and does once it may."""
        self.sim.spawn(self._updates(self._asker(), dies=False))

    def dies_with_it(self) -> None:
        """A node gets its lock, and never comes back from the boot, until people look."""
        self.sim.spawn(self._updates(self._about.node(), dies=True))

    def asks_twice(self) -> None:
        """The same request comes a second time, at once or later, even when the node has its answer or is back."""
        node = self._asker()
        self.sim.spawn(self._updates(node, dies=False))
        self.sim.spawn(self._again(node))

    def says_twice(self) -> None:
        """A node says that it is well, whatever it has."""
        self.sim.spawn(self.asked(self._asker(), back=True))

    async def _again(self, node: str) -> None:
        await asyncio.sleep(self.rng.choice((0.0, 0.5, 4.0, 12.0)))
        self.owing[node] = None
        await self.asked(node)

    async def _updates(self, node: str, *, dies: bool) -> None:
        if node in self.asking:
            return
        self.asking.add(node)
        self.owing[node] = None
        for _ in range(self.rng.randint(1, 5)):
            if self.sim.world.nodes[node].up and await self.asked(node):
                await self._reboots(node, dies=dies)
                break
            await asyncio.sleep(1 + 3 * self.rng.random())
        self.asking.discard(node)

    async def _reboots(self, node: str, *, dies: bool) -> None:
        world, gate = self.sim.world, self.sim.gates[node]
        if gate.busy or not world.nodes[node].up:
            return
        self.sim.diary.append((world.now, f"{node} reboots by its lock"))
        world.power_off(node)
        await asyncio.sleep(1 + 2 * self.rng.random())
        if not (dies or world.nodes[node].up or node in world.off):
            world.power_on(node)

    async def _announce(self) -> None:
        """Say of every node that is up, and asks for nothing, that it is well, until it is heard."""
        while True:
            await asyncio.sleep(1.5)
            for node in [one for one in self.owing if one not in self.asking]:
                if not self.sim.world.dark(node) and await self.asked(node, back=True):
                    self.owing.pop(node, None)

    async def asked(self, node: str, *, back: bool = False) -> bool:
        """Ask the healer that leads for a node's lock, or give it back; say whether that was answered with yes."""
        life = self.sim.leader
        if life is None or life.locks is None or self.sim.world.dark(node):
            return False
        if back:
            self.sim.oracle.upkeeps.says_so(node)
        work = self.sim.spawn(self._heard(life, node, back=back))
        while not work.done():
            await asyncio.sleep(0.3)
            if life.dead or self.sim.world.dark(node):
                return False  # the connection ended; what was asked for goes on where it was heard
        return bool(work.result()) and self.rng.random() >= self.sim.loses / 2

    async def _heard(self, life: Life, node: str, *, back: bool) -> bool:
        """Do what the healer's web server does with a request."""
        locks = life.locks
        assert locks is not None
        try:
            found = await locks.who(address_of(node), machine_of(node), "default")
            if back:
                await locks.unlock(found)
                return True
            upkeep = await locks.lock(found, machine_of(node))
        except (Refused, StoreFull, LeaseLost, Killed):
            return False
        if life.dead or life.frozen or not self.sim.leads(life):
            return False  # its answer does not leave it any more
        self.sim.oracle.upkeeps.granted(node, upkeep.id)
        return True

    # --- What people do ---

    def takes_away(self) -> Undo:
        """A person takes a node out of service, and gives it back."""
        node = self._about.node()
        self.sim.spawn(self._taken(node))
        return lambda: self.sim.spawn(self.given_back(node)) and None

    async def _taken(self, node: str) -> None:
        life = self.sim.leader
        if life is not None and life.upkeeper is not None:
            try:
                await life.upkeeper.begin(node, Kind.PERSON, "a fan", "ann", 600.0)
            except (Refused, StoreFull, LeaseLost, Killed):
                pass

    async def given_back(self, node: str) -> None:
        """A person says that a node may come back."""
        life = self.sim.leader
        if life is not None and life.upkeeper is not None:
            self.sim.oracle.upkeeps.says_so(node)
            try:
                await life.upkeeper.end(node, "ann")
            except (Refused, StoreFull, LeaseLost, Killed):
                pass

    def rolls(self) -> Undo:
        """A person has a group patched, node by node, and stops that."""
        for gate in self.sim.gates.values():
            gate.patch = self.rng.choice(PATCHES)
        site, rng = self.sim.site, self.rng
        group = rng.choice([name for name, crew in site.crews.items() if not crew.control])
        at_once, soak = rng.choice(("1", "2", "50%")), rng.choice((0.0, 4.0))
        self.sim.spawn(self._rolled(group, at_once, soak))
        return lambda: self.sim.spawn(self.stopped(group, RollMove.STOP)) and None

    async def _rolled(self, group: str, at_once: str, soak: float) -> None:
        life = self.sim.leader
        if life is not None and life.roller is not None:
            try:
                await life.roller.begin(group, "ann", at_once=at_once, soak=soak)
            except (Refused, StoreFull, LeaseLost, Killed):
                pass

    async def stopped(self, group: str, move: RollMove) -> None:
        """A person stops a roll, or ends it."""
        life = self.sim.leader
        if life is not None and life.roller is not None:
            try:
                await life.roller.move(group, move, "ann")
            except (Refused, StoreFull, LeaseLost, Killed):
                pass
