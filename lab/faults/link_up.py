"""link.up: the network cable is plugged in again."""

from dataclasses import dataclass

from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class LinkUp:
    """A node has its carrier back."""

    node: str

    def inject(self, lab: Lab) -> str:
        """Plug it in."""
        lab.link_up(self.node)
        return f"{self.node}: cable plugged in"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back."""
