"""What goes wrong with healers, their clocks and their store, and with what tells them of the cluster."""

from dataclasses import replace
from typing import TYPE_CHECKING

from healer.core.alert import Target
from tests.healer.safety.breakages import Breakages
from tests.healer.safety.drawing import Undo, flag
from tests.healer.safety.monitoring import EPOCH, alert_of, loss_of

if TYPE_CHECKING:
    from tests.healer.safety.simulation import Simulation


class Outages:
    """Draws who sees or does nothing any more, or is told what is not so."""

    def __init__(self, sim: "Simulation", breakages: Breakages) -> None:
        self.sim, self.rng, self._about = sim, sim.rng, breakages

    def _life(self) -> object:
        lives = [one for one in self.sim.lives.values() if not one.dead]
        leader = self.sim.leader
        return (
            leader
            if leader is not None and self.rng.random() < 0.7
            else self.rng.choice(lives)
            if lives
            else None
        )

    def _set(self, name: str, value: object, before: object) -> Undo:
        life = self._life()
        if life is None:
            return None
        setattr(life, name, value)
        return lambda: setattr(life, name, before)

    def kills_healer(self) -> None:
        life = self.sim.leader
        if life is not None:
            life.dies_at, life.dies_after = (
                life.commits + self.rng.randint(1, 3),
                self.rng.random() < 0.5,
            )

    def stops_healer(self) -> Undo:
        return self._set("frozen", True, False)

    def storeless(self) -> Undo:
        return self._set("storeless", True, False)

    def blinds(self) -> Undo:
        return self._set("blind", True, False)

    def apart(self) -> Undo:
        return self._set("apart", set(self.rng.sample(list(self.sim.site.racks), 2)), set())

    def jumps(self) -> Undo:
        node = self.rng.choice(self.sim.site.healers)
        self.sim.skews[node] += self.rng.choice((-3600.0, -200.0, -20.0, 20.0, 200.0, 3600.0))
        return None if self.rng.random() < 0.5 else lambda: self.sim.skews.update({node: 0.0})

    def fills(self) -> Undo:
        return flag(self.sim.shared, "full", True, False)

    def loses(self) -> Undo:
        return flag(self.sim, "loses", self.rng.choice((0.2, 0.5, 0.9)), 0.0)

    def silent(self) -> Undo:
        return flag(self.sim.prometheus, "silent", True, False)

    def stalls(self) -> Undo:
        return flag(self.sim.prometheus, "stalled", True, False)

    def unscraped(self) -> Undo:
        return flag(self.sim.prometheus, "cut", {self._about.node()}, set())

    def peer_away(self) -> Undo:
        return flag(self.rng.choice(self.sim.peers), "away", True, False)

    def peer_unlinked(self) -> Undo:
        return flag(self.rng.choice(self.sim.peers), "linked", False, True)

    def peer_late(self) -> Undo:
        return flag(self.rng.choice(self.sim.peers), "lag", self.rng.randint(2, 5), 1)

    def peer_shifts(self) -> Undo:
        shift = self.rng.choice((-30.0, -1.0, 1.0, 30.0))
        return flag(self.rng.choice(self.sim.peers), "shift", shift, 0.0)

    def stale(self) -> None:
        """A peer goes on showing what is over, or shows it again."""
        peer = self.rng.choice(self.sim.peers)
        if peer.alerts:
            one = self.rng.choice(list(peer.alerts.values()))
            newer = replace(one, began_at=one.began_at + self.rng.choice((0.0, 0.0, 20.0)))
            until = self.sim.world.now + 30 * self.rng.random()
            peer.stuck[one.fingerprint] = (newer, until)

    def forges(self) -> None:
        """Somebody posts an alert about what is well, unknown, or none of ours."""
        target = self.rng.choice(
            [
                self._about.place() or Target("nobody"),
                Target("nobody", "nginx"),
                Target(self._about.node(), "unheard"),
                Target("mon1"),
            ]
        )
        name = self.rng.choice(("ServiceDown", "KernelHang", "Invented"))
        heal = self.rng.choice(("restart-service", "reboot-node", "unheard-of", "none"))
        made = alert_of(self.sim.site, name, target, EPOCH + self.sim.world.now, heal)
        if self.rng.random() < 0.2:
            rack = self.rng.choice([*self.sim.site.lost_together(), "rack-z"])
            made = loss_of(self.sim.site, rack, EPOCH + self.sim.world.now)
        until = self.sim.world.now + 30 * self.rng.random()
        self.rng.choice(self.sim.peers).stuck[made.fingerprint] = (made, until)
