"""node.thaw: a hung node goes on where it stood."""

from dataclasses import dataclass

from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class NodeThaw:
    """The processes of a frozen node go on."""

    node: str

    def inject(self, lab: Lab) -> str:
        """Thaw it."""
        lab.thaw(self.node)
        return f"{self.node}: thawed"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back."""
