"""unit.start: a unit is started, for example one that a step before had stopped."""

from dataclasses import dataclass

from lab.faults import systemd
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class UnitStart:
    """`systemctl start`, also of a unit on which systemd had given up."""

    node: str
    unit: str

    def inject(self, lab: Lab) -> str:
        """Start it."""
        systemd.start_again(lab, self.node, self.unit)
        return f"{self.node}: {self.unit} started"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back: running is how a unit should be."""
