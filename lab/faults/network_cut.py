"""network.cut: a switch fails, and the nodes behind it are heard by nobody, not even by each other."""

from dataclasses import dataclass

from lab.faults import switch
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class NetworkCut:
    """Every frame from and to some nodes is lost. A lab has one such switch.

    Attributes:
        node: One of the nodes behind it.
        others: The rest of them.
    """

    node: str
    others: tuple[str, ...] = ()

    def inject(self, lab: Lab) -> str:
        """Cut them off."""
        nodes = (self.node, *self.others)
        switch.cut(lab, nodes)
        return f"{', '.join(nodes)}: behind a switch that failed"

    def undo(self, lab: Lab) -> None:
        """Mend it."""
        switch.mend(lab)
