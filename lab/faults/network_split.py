"""network.split: two parts of a network do not hear each other, and everybody else hears both."""

from dataclasses import dataclass

from lab.faults import switch
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class NetworkSplit:
    """Every frame between a node and some others is lost. It ends with a network.mend, as a network.cut does.

    Attributes:
        node: On the one side.
        others: On the other side; nodes that are not named, and the lab host, hear both.
    """

    node: str
    others: tuple[str, ...]

    def inject(self, lab: Lab) -> str:
        """Split the network."""
        switch.split(lab, (self.node,), self.others)
        return f"{self.node} and {', '.join(self.others)}: no longer hear each other"

    def undo(self, lab: Lab) -> None:
        """Mend it."""
        switch.mend(lab)
