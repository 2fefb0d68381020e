"""node.power_off: the power is cut; every process of the node dies at once."""

from dataclasses import dataclass

from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class NodePowerOff:
    """A power cut, until the end of the drill or a node.power_on."""

    node: str

    def inject(self, lab: Lab) -> str:
        """Cut it."""
        lab.power_off(self.node)
        return f"{self.node}: power cut"

    def undo(self, lab: Lab) -> None:
        """Boot the node."""
        lab.power_on(self.node)
