"""node.power_on: a node that was off boots."""

from dataclasses import dataclass

from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class NodePowerOn:
    """Power is back."""

    node: str

    def inject(self, lab: Lab) -> str:
        """Boot the node."""
        lab.power_on(self.node)
        return f"{self.node}: booted"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back: being on is how a node should be."""
