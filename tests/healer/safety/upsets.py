"""What goes wrong with the databases of one schedule, and what people do to them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.healer.safety.replicas import WAYS, Database, Member
from tests.healer.safety.site import MAX_LAG

if TYPE_CHECKING:
    from tests.healer.safety.simulation import Simulation

Undo = Callable[[], None]


class Upsets:
    """Draws what is upset."""

    def __init__(self, sim: "Simulation") -> None:
        self.sim, self.rng = sim, sim.rng
        self.database: Database = next(iter(sim.world.databases.values()))

    def begins(self) -> Undo:
        """Of some schedules one thing is so for long: a copy lags, strays or is barred, or Patroni is paused."""
        if self.rng.random() < 0.6:
            self.database.waits(wanted=True)
            self.database.waited_since = -100.0
            self.database.tick()
        draws = (self.lags, self.strays, self.pauses, self.bars, lambda _: lambda: None)
        undo = self.rng.choice(draws)(-100.0)
        for node in self.database.nodes:
            if not self.database.good(node):
                self.database.goods[node] = (False, -100.0)
        return undo

    def _replica(self) -> str:
        return self.rng.choice([one for one in self.database.nodes if one != self.database.leader])

    def copy_breaks(self) -> None:
        """PostgreSQL does not start any more on a copy: only one that is made anew does."""
        self.breaks(self._replica())

    def breaks(self, node: str) -> None:
        place, world = self.database.place(node), self.sim.world
        if world.well(place):
            world.set_unit(place, "failed", wedged=False, cures=False, damaged=True)

    def leader_hangs(self) -> None:
        """The kernel of who leads says something, so that another one had better lead."""
        if self.database.leader:
            with self.sim.world.change(self.database.leader) as machine:
                machine.sick = True

    def lags(self, _: float | None = None) -> Undo:
        member = self.database.members[self._replica()]
        member.lag = 10 * MAX_LAG

        def caught_up() -> None:
            member.lag = 0

        return caught_up

    def strays(self, _: float | None = None) -> Undo:
        """A copy has a timeline of its own."""
        member: Member = self.database.members[self._replica()]
        member.astray, member.timeline = True, 0

        def follows() -> None:
            member.astray = False

        return follows

    def pauses(self, since: float | None = None) -> Undo:
        self.database.paused_since = self.sim.world.now if since is None else since

        def resumes() -> None:
            self.database.paused_since = None

        return resumes

    def bars(self, since: float | None = None) -> Undo:
        """A person bars a copy by hand."""
        node = self._replica()
        gate, name = self.sim.gates[node], next(iter(self.sim.world.databases))
        gate.mark("database.bar", name, "person:ann")
        self.database.barred[node] = self.sim.world.now if since is None else since
        return lambda: gate.unmark("database.bar", name, "person:ann") and None

    def switches(self) -> None:
        """A person has another member lead, or Patroni does."""
        database = self.database
        able = [one for one in database.nodes if database.good(one) and one not in database.barred]
        if database.synchronous:
            able = [one for one in able if one == database.standby]
        if able:
            self.database.leads(self.rng.choice(able))

    def standby_fails(self) -> None:
        """The standby for which commits wait stops, so that they wait for another one, or for none."""
        place = self.database.place(self.database.standby or self._replica())
        if self.sim.world.well(place):
            self.sim.world.set_unit(place, "failed", wedged=False, cures=self.rng.random() < 0.5)

    def rethinks(self) -> Undo:
        """A person has commits wait for a standby, or for none any more."""
        database, before = self.database, self.database.synchronous
        database.waits(wanted=not before)
        return lambda: database.waits(wanted=before)

    def hears_late(self) -> Undo:
        """The Patroni of some nodes, or their gates, tell of the standby that was."""
        some = set(self.rng.sample(self.database.nodes, self.rng.choice((1, 2))))
        self.database.late |= some
        return lambda: self.database.late.difference_update(some)

    def goes_wrong(self) -> Undo:
        """Patroni does not do as it is told."""
        self.database.way = self.rng.choice(WAYS)

        def well() -> None:
            self.database.way = ""

        return well

    def mutes(self) -> Undo:
        """Gates get no answer of Patroni's."""
        some = set(self.rng.sample(self.database.nodes, self.rng.choice((1, 2, 3))))
        self.database.mute |= some

        def tell() -> None:
            self.database.mute.difference_update(some)
            self.database.unmuted_at = self.sim.world.now

        return tell
