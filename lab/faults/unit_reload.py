"""unit.reload: somebody reloads a unit, as after any change of its configuration."""

from dataclasses import dataclass

from lab.faults.fault import run
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class UnitReload:
    """`systemctl reload`."""

    node: str
    unit: str

    def inject(self, lab: Lab) -> str:
        """Reload it."""
        run(lab, self.node, ["systemctl", "reload", self.unit], timeout=90.0)
        return f"{self.node}: {self.unit} reloaded"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back."""
