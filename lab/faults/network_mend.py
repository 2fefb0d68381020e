"""network.mend: the switch that network.cut broke works again."""

from dataclasses import dataclass

from lab.faults import switch
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class NetworkMend:
    """Frames pass again, for all nodes that were cut off."""

    node: str

    def inject(self, lab: Lab) -> str:
        """Mend it."""
        switch.mend(lab)
        return f"{self.node}: its switch works again"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back."""
