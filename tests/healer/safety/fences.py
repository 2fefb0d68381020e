"""What goes wrong with the power of nodes that can be fenced, and what people do to it."""

from typing import TYPE_CHECKING

from tests.healer.safety.drawing import Undo, flag, said
from tests.healer.safety.power import WAYS

if TYPE_CHECKING:
    from tests.healer.safety.simulation import Simulation


class Fences:
    """Draws what is fenced, and what does not obey."""

    def __init__(self, sim: "Simulation") -> None:
        self.sim, self.rng = sim, sim.rng

    def misbehaves(self) -> Undo:
        return flag(self.sim.switch, "way", self.rng.choice(WAYS), "")

    def presses(self) -> None:
        """Somebody switches a node on that is off, and asks nobody."""
        if self.sim.world.off:
            self.sim.world.switch_on(self.rng.choice(sorted(self.sim.world.off)))

    def fences(self) -> Undo:
        """A person fences a node by hand, and lets it go again."""
        node = self.rng.choice(list(self.sim.site.fencing))
        gate = self.sim.gates[self.rng.choice(self.sim.site.fencing[node])]
        if gate.busy or self.sim.gates[node].busy:
            return None
        gate.mark("node.fence", node, "person:ann")
        self.sim.world.cut_off(node)

        def lets_go() -> None:
            if not gate.unmark("node.fence", node, "person:ann"):
                self.sim.world.switch_on(node)

        return lets_go

    def admits(self) -> None:
        """A person has a fenced node come back."""
        leader, fenced = self.sim.leader, self.sim.fenced()
        if fenced and leader is not None and leader.admission is not None:
            self.sim.spawn(said(leader.admission.admit, self.rng.choice(fenced)))
