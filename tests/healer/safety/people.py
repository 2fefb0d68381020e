"""What people say and do in one schedule, to the healer, at gates and in cluster.yml."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from healer.core import events as ev
from healer.core.topology import Topology
from tests.healer.safety.breakages import Breakages
from tests.healer.safety.charters import amended
from tests.healer.safety.described import regrouped, topology_of
from tests.healer.safety.drawing import Undo, flag, said

if TYPE_CHECKING:
    from tests.healer.safety.simulation import Simulation


class People:
    """Draws who says what."""

    def __init__(self, sim: "Simulation", breakages: Breakages) -> None:
        self.sim, self.rng, self._about = sim, sim.rng, breakages
        self._first = dict(sim.topologies)

    def freezes(self) -> Undo:
        self.sim.spawn(self.sim.journal(ev.Frozen("moving racks", "ann")))
        return lambda: self.sim.spawn(self.sim.journal(ev.Unfrozen("ann"))) and None

    def holds(self) -> Undo:
        node = self._about.node()
        self.sim.spawn(self.sim.journal(ev.NodeHeld(node, "a fan", "ann", None)))
        return lambda: self.sim.spawn(self.sim.journal(ev.NodeReleased(node, "ann"))) and None

    def holds_gate(self) -> Undo:
        return flag(self.sim.gates[self._about.node()], "holds", ("a disk",), ())

    def takes_out(self) -> Undo:
        """A person takes a member out of a pool, or an address from a node, at one gate."""
        site = self.sim.site
        able = [
            (gate, "pool.drain", f"{pool}/{member}")
            for pool, (balancers, members, _) in site.pools.items()
            for gate in site.crews[balancers].nodes
            for member in site.crews[members].nodes
        ]
        able += [
            (gate, "address.decline", name)
            for name, (_, crew) in site.addresses.items()
            for gate in site.crews[crew].nodes
        ]
        if not able:
            return None
        gate, verb, subject = self.rng.choice(able)
        self.sim.gates[gate].mark(verb, subject, "person:ann")
        return lambda: self.sim.gates[gate].unmark(verb, subject, "person:ann") and None

    def silences(self) -> Undo:
        active = list(self.sim.prometheus.active)
        if not active:
            return None
        one = self.rng.choice(active)
        self.sim.silenced[one] = self.sim.world.now
        return lambda: self.sim.silenced.pop(one, None) and None

    def _say(self, word: str, *more: str) -> None:
        leader = self.sim.leader
        if leader is None or leader.journal is None:
            return
        ids = [one.id for one in leader.journal.board.open]
        if ids:
            self.sim.spawn(said(getattr(leader.operators, word), self.rng.choice(ids), *more))

    def approves(self) -> None:
        self._say("approve")

    def adopts(self) -> None:
        self._say("adopt")

    def denies(self) -> None:
        self._say("deny")

    def retries(self) -> None:
        self._say("retry")

    def closes(self) -> None:
        self._say("close", "replaced the disk")

    def reloads(self) -> Undo:
        """cluster.yml calls groups or failure domains otherwise, and every healer reads it anew."""
        groups, racks = self.rng.choice(((False, True), (False, True), (True, False), (True, True)))
        self._reload(
            {one: regrouped(top, groups=groups, racks=racks) for one, top in self._first.items()}
        )
        return lambda: self._reload(self._first)

    def rewrites(self) -> Undo:
        """People change cluster.yml, and every healer reads it anew; they may take it back."""
        charters = self.sim.charters
        charter = amended(charters[0], f"c{len(charters)}", self.rng)
        charters.append(charter)
        self._reload(
            {
                one: topology_of(charter.site, one, charter.numbers, charter.digest)
                for one in self._first
            }
        )
        return (lambda: self._reload(self._first)) if self.rng.random() < 0.5 else None

    def _reload(self, topologies: Mapping[str, Topology]) -> None:
        self.sim.topologies.update(topologies)
        for life in self.sim.lives.values():
            if not life.dead:
                life.reload()

    def hints(self) -> None:
        active = tuple(self.sim.prometheus.active.values())
        if active:
            self.sim.spawn(self.sim.journal(ev.AlertsReceived(active)))
            leader = self.sim.leader
            if leader is not None and leader.engine is not None:
                leader.engine.wake()
