"""gate.hold: a person on the node itself says no to everything."""

from dataclasses import dataclass

from lab.faults.fault import run
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class GateHold:
    """`hale-gate hold REASON` on a node; the gate then refuses every verb."""

    node: str
    reason: str = "drill"

    def inject(self, lab: Lab) -> str:
        """Hold it, for two hours at most, should undo never run."""
        run(lab, self.node, ["hale-gate", "hold", self.reason, "--for", "2h"])
        return f"{self.node}: gate held, reason {self.reason}"

    def undo(self, lab: Lab) -> None:
        """Release it."""
        run(lab, self.node, ["hale-gate", "release"])
