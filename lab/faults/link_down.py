"""link.down: the network cable is pulled."""

from dataclasses import dataclass

from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class LinkDown:
    """A node without carrier, until the end of the drill or a link.up."""

    node: str

    def inject(self, lab: Lab) -> str:
        """Pull it."""
        lab.link_down(self.node)
        return f"{self.node}: cable pulled"

    def undo(self, lab: Lab) -> None:
        """Plug it in."""
        lab.link_up(self.node)
