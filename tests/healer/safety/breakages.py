"""What breaks by itself in one schedule: units, nodes, and whole racks."""

import asyncio
from typing import TYPE_CHECKING

from healer.core.alert import Target
from tests.healer.safety.drawing import Undo

if TYPE_CHECKING:
    from tests.healer.safety.simulation import Simulation


class Breakages:
    """Draws what breaks."""

    def __init__(self, sim: "Simulation") -> None:
        self.sim, self.rng = sim, sim.rng

    # --- Whom it may be ---

    def place(self, *, well: bool = True) -> Target | None:
        world = self.sim.world
        found = [
            one
            for one in self.sim.site.places()
            if world.well(one) is well and world.nodes[one.node].up
        ]
        return self.rng.choice(found) if found else None

    def node(self) -> str:
        return self.rng.choice(
            [one for one in self.sim.site.racks if one not in self.sim.site.healers]
        )

    def fails(self, place: Target | None = None, *, cures: bool | None = None) -> None:
        place = place or self.place()
        if place is not None:
            good = self.rng.random() < 0.8 if cures is None else cures
            self.sim.world.set_unit(place, "failed", wedged=False, cures=good)

    def fails_for_good(self) -> None:
        self.fails(cures=False)

    def fails_together(self) -> None:
        place = self.place()
        if place is not None:
            alike = [one for one in self.sim.site.places() if one.service == place.service]
            for one in self.rng.sample(alike, min(len(alike), 2)):
                if self.sim.world.well(one):
                    self.fails(one)

    def wedges(self) -> None:
        place = self.place()
        if place is not None:
            self.sim.world.set_unit(place, "active", wedged=True, cures=self.rng.random() < 0.8)

    def recovers(self) -> None:
        place = self.place(well=False)
        unit = self.sim.world.units[place] if place is not None else None
        if place is None or unit is None or self._given_away(place):
            return
        if unit.state in ("failed", "active"):
            self.sim.world.set_unit(place, "active", wedged=False, damaged=False)

    def settles_itself(self) -> None:
        """systemd starts a unit again by itself."""
        place = self.place(well=False)
        if place is None or self._given_away(place):
            return
        unit = self.sim.world.units[place]
        if unit.state == "failed" and not unit.damaged:
            self.sim.world.set_unit(place, "activating")

            async def goes_on(at: Target = place) -> None:
                await asyncio.sleep(0.2 + self.rng.random() * 3)
                if self.sim.world.units[at].state == "activating":
                    self.sim.world.set_unit(at, self.rng.choice(("active", "failed")))

            self.sim.spawn(goes_on())

    def _given_away(self, place: Target) -> bool:
        """Whether only one node may run it, and another one may have been given it: systemd starts it no more."""
        return bool(self.sim.site.fencing) and place.service in self.sim.world.turned

    def hangs(self) -> None:
        node = self.node() if self.rng.random() < 0.8 else self.rng.choice(self.sim.site.healers)
        with self.sim.world.change(node) as machine:
            machine.sick = True

    def moves(self) -> None:
        """What runs on one node only is moved by its native owner."""
        jobs = [name for name, job in self.sim.site.jobs.items() if job.exclusive]
        for job in jobs:
            nodes = list(self.sim.site.crews[self.sim.site.jobs[job].group].nodes)
            self.rng.shuffle(nodes)
            units = self.sim.world.units
            if all(units[Target(one, job)].state in ("active", "inactive") for one in nodes):
                self.sim.world.set_unit(Target(nodes[0], job), "inactive", wedged=False)
                self.sim.world.set_unit(Target(nodes[1], job), "active", wedged=False)

    def power(self) -> Undo:
        node = self.node() if self.rng.random() < 0.8 else self.rng.choice(self.sim.site.healers)
        if not self.sim.world.nodes[node].up or self.sim.gates[node].busy:
            return None
        self.sim.world.power_off(node)

        def on() -> None:
            if not self.sim.world.nodes[node].up and node not in self.sim.world.off:
                self.sim.world.power_on(node)

        return on

    def cut(self, node: str = "") -> Undo:
        node = node or self.node()
        with self.sim.world.change(node) as machine:
            machine.cut = True

        def back() -> None:
            with self.sim.world.change(node) as machine:
                machine.cut = False

        return back

    def storms(self) -> Undo:
        nodes = [one for one in self.sim.site.racks if one not in self.sim.site.healers]
        gone = self.rng.sample(nodes, min(len(nodes), 3))
        backs = [self.cut(one) for one in gone]
        return lambda: [back() for back in backs if back is not None] and None

    def loses_rack(self, rack: str = "") -> Undo:
        """All nodes of a rack are gone, at once or one after the other, and come back so."""
        racks = self.sim.site.lost_together()
        nodes = list(racks[rack or self.rng.choice(list(racks))])
        self.rng.shuffle(nodes)
        step = self.rng.choice((0.0, 0.0, 1.0, 3.0))
        backs: list[Undo] = []

        async def lose() -> None:
            for node in nodes:
                backs.append(self.cut(node))
                await asyncio.sleep(step)

        async def mend() -> None:
            for back in backs:
                if back is not None:
                    back()
                await asyncio.sleep(step)

        self.sim.spawn(lose())
        return lambda: self.sim.spawn(mend()) and None
