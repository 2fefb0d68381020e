"""node.freeze: a hung node; the kernel still answers ping and TCP SYN, nothing else does."""

from dataclasses import dataclass

from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class NodeFreeze:
    """Every process of a node stands still, until the end of the drill or a node.thaw."""

    node: str

    def inject(self, lab: Lab) -> str:
        """Freeze it."""
        lab.freeze(self.node)
        return f"{self.node}: frozen"

    def undo(self, lab: Lab) -> None:
        """Thaw it."""
        lab.thaw(self.node)
