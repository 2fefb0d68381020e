"""What goes wrong in one schedule: drawn from its seed, each with its end, and all of it over when calm comes."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.healer.safety.breakages import Breakages
from tests.healer.safety.drawing import Undo
from tests.healer.safety.fences import Fences
from tests.healer.safety.outages import Outages
from tests.healer.safety.people import People
from tests.healer.safety.spoils import Spoils
from tests.healer.safety.updaters import Updaters
from tests.healer.safety.upsets import Upsets

if TYPE_CHECKING:
    from tests.healer.safety.simulation import Simulation

UPDATING = 0.5
"""Of how many schedules nodes update themselves."""

Draw = Callable[[], Undo]


class Chaos:
    """Draws what happens next."""

    def __init__(self, sim: "Simulation") -> None:
        self.sim, self.rng = sim, sim.rng
        self._undo: list[Callable[[], None]] = []
        self.breakages = Breakages(sim)
        self.outages, self.people = Outages(sim, self.breakages), People(sim, self.breakages)
        # Trouble comes often, or there would be nothing to decide; of all else a few kinds at a time,
        # so that what is done under each of them is seen deeply.
        troubles, faults = self._of_all()
        for more, rarer in self._of_some():
            troubles += more
            faults += rarer
        some = self.rng.sample(faults, self.rng.choice((0, 1, 2, 3, 5, 9)))
        sim.loses_rack = self.breakages.loses_rack in some
        sim.prometheus.bare = sim.prometheus.bare or self.people.reloads in some
        self._draws: list[tuple[int, Draw]] = [*troubles, *((4, one) for one in some)]

    def _of_all(self) -> tuple[list[tuple[int, Draw]], list[Draw]]:
        """Return what may go wrong in every cluster: troubles with their weights, and all else."""
        own, far, folk = self.breakages, self.outages, self.people
        troubles: list[tuple[int, Draw]] = [
            *((4, one) for one in (own.fails, own.fails, own.wedges)),
            *((2, one) for one in (own.fails_for_good, own.fails_together, own.recovers)),
            *((2, one) for one in (own.hangs, own.settles_itself, own.moves)),
        ]
        faults: list[Draw] = [
            *(own.power, own.cut, own.storms, own.loses_rack, own.loses_rack),
            *(far.unscraped, far.silent, far.stalls, far.blinds),
            *(far.stops_healer, far.kills_healer, far.storeless, far.fills, far.jumps, far.apart),
            *(far.loses, far.loses, far.peer_away, far.peer_unlinked, far.peer_late),
            *(far.peer_shifts, far.stale, far.forges, folk.freezes, folk.holds, folk.holds_gate),
            *(folk.silences, folk.approves, folk.approves, folk.adopts, folk.hints),
            *(folk.denies, folk.retries, folk.closes, folk.reloads),
            *(5 * (folk.rewrites,)),
            *(folk.takes_out, folk.takes_out),
        ]
        return troubles, faults

    def _of_some(self) -> list[tuple[list[tuple[int, Draw]], list[Draw]]]:
        """Return the same of what only this cluster has; what is so from the first begins."""
        sim, own, folk, found = self.sim, self.breakages, self.people, []
        if sim.site.fencing:
            power = Fences(sim)
            twice = (power.misbehaves, power.misbehaves)
            rarer: list[Draw] = [*twice, power.admits, power.presses, power.fences]
            found.append(([(3, own.power), (3, own.cut)], rarer))
        if sim.site.backups:
            spoils = Spoils(sim)
            often: list[tuple[int, Draw]] = [(8, spoils.damages), (5, spoils.owner_agrees)]
            rarer = [spoils.unproves, spoils.disk_fails, spoils.goes_wrong, spoils.goes_wrong]
            rarer += [spoils.backs_up, spoils.cuts_short, spoils.cuts_short]
            found.append(([*often, (5, folk.approves)], rarer))
            self._undo.append(spoils.begins())
        if sim.site.databases:
            upsets = Upsets(sim)
            often = [(6, upsets.copy_breaks), (5, upsets.leader_hangs), (2, upsets.switches)]
            often.append((3, upsets.standby_fails))
            rarer = [upsets.lags, upsets.strays, upsets.pauses, upsets.bars, upsets.mutes]
            rarer += [upsets.rethinks, upsets.hears_late, upsets.hears_late]
            found.append((often, [*rarer, upsets.goes_wrong, upsets.goes_wrong]))
            self._undo.append(upsets.begins())
        if self.rng.random() < UPDATING:
            sim.updaters = asks = Updaters(sim, own)
            often = [(4, asks.asks), (2, asks.dies_with_it), (1, asks.asks_twice)]
            often.append((4, asks.takes_away))
            found.append((often, [asks.says_twice, asks.asks_twice, asks.rolls, asks.rolls]))
            asks.begins()
        return found

    async def run(self, until: float) -> None:
        """Let things go wrong until then."""
        weights = [weight for weight, _ in self._draws]
        draws = [draw for _, draw in self._draws]
        calm = self.rng.choice((0.5, 1.5, 3.0, 6.0))
        await asyncio.sleep(self.rng.random() * 6 if self.rng.random() < 0.2 else 6.0)
        while self.sim.world.now < until - 1:
            draw = self.rng.choices(draws, weights)[0]
            self.sim.diary.append((self.sim.world.now, draw.__name__))
            undo = draw()
            if undo is not None:
                self._later(undo)
            await asyncio.sleep(self.rng.expovariate(1 / calm))

    def _later(self, undo: Callable[[], None]) -> None:
        self._undo.append(undo)
        wait = self.rng.choice((1.0, 3.0, 8.0, 20.0)) * (0.5 + self.rng.random())

        async def end() -> None:
            await asyncio.sleep(wait)
            if undo in self._undo:
                self._undo.remove(undo)
                undo()

        self.sim.spawn(end())

    def goes_on(self, undo: Undo) -> None:
        """Have something that was begun elsewhere end with the calm."""
        if undo is not None:
            self._undo.append(undo)

    def calm(self) -> None:
        """End everything that keeps anybody from being heard."""
        for undo in self._undo:
            undo()
        self._undo.clear()
        self.sim.skews.update(dict.fromkeys(self.sim.skews, 0.0))
        for life in self.sim.lives.values():
            life.dies_at = 0
