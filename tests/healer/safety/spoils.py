"""What goes wrong with files and their backups in one schedule, and what their owner says."""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from healer.core.actions import RESTORE
from healer.core.alert import Target
from healer.errors import HaleError
from tests.healer.safety.lives import Killed
from tests.healer.safety.site import OWNER
from tests.healer.safety.vaults import WAYS, Vault

if TYPE_CHECKING:
    from tests.healer.safety.simulation import Simulation


class Spoils:
    """Draws what is spoiled."""

    def __init__(self, sim: "Simulation") -> None:
        self.sim, self.rng, self.vaults = sim, sim.rng, sim.world.vaults

    def begins(self) -> Callable[[], None]:
        """Of some schedules a disk fails from the first, or a backup was not proved for long."""
        draw = self.rng.choice((self.unproves, self.disk_fails, lambda _: lambda: None))
        return draw(-100.0)

    def _one(self) -> tuple[str, Vault]:
        (node, _), vault = self.rng.choice(list(self.vaults.kept.items()))
        return node, vault

    def damages(self) -> None:
        """The files of a job are gone on one node: no start helps, and what was put back does."""
        world = self.sim.world
        able = [
            Target(node, self.sim.site.backups[name].job)
            for node, name in self.vaults.kept
            if world.nodes[node].up
        ]
        well = [one for one in able if world.well(one)]
        if well:
            place = self.rng.choice(well)
            world.set_unit(place, "failed", wedged=False, cures=False, damaged=True)

    def unproves(self, since: float | None = None) -> Callable[[], None]:
        """No drill proves a backup within its period any more."""
        _, vault = self._one()
        vault.unproved_since = self.sim.world.now if since is None else since

        def proved() -> None:
            vault.unproved_since = None

        return proved

    def disk_fails(self, since: float | None = None) -> Callable[[], None]:
        node, _ = self._one()
        self.vaults.failing.setdefault(node, self.sim.world.now if since is None else since)
        return lambda: self.vaults.failing.pop(node, None) and None

    def goes_wrong(self) -> Callable[[], None]:
        """A restore ends otherwise than it should."""
        _, vault = self._one()
        vault.way = self.rng.choice((WAYS[0], *WAYS))

        def well() -> None:
            vault.way = ""

        return well

    def cuts_short(self) -> Callable[[], None] | None:
        """The power of a node goes while something is put back there."""
        gates, world = self.sim.gates, self.sim.world
        busy = [
            node
            for node, gate in gates.items()
            if gate.busy and gate.ledger[gate.busy].order.verb == RESTORE and world.nodes[node].up
        ]
        if not busy:
            return None
        node = self.rng.choice(busy)
        world.power_off(node)

        def on() -> None:
            if not world.nodes[node].up:
                world.power_on(node)

        return on

    def backs_up(self) -> None:
        """There is a newer snapshot, which a drill proved."""
        _, vault = self._one()
        vault.number += 1

    def owner_agrees(self) -> None:
        """An owner agrees to every restore that waits for one."""
        sim = self.sim
        waiting = [
            one.id
            for one in (sim.board.open if sim.board is not None else ())
            if one.asked is not None and one.asked.action == RESTORE
        ]
        for incident in waiting:
            sim.spawn(self._agrees(incident))

    async def _agrees(self, incident: str) -> None:
        leader = self.sim.leader
        if leader is not None and leader.operators is not None:
            with suppress(HaleError, Killed):
                await leader.operators.approve(incident, OWNER, action=RESTORE, owner=True)
