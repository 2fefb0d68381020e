"""unit.restart: somebody restarts a unit in order."""

from dataclasses import dataclass

from lab.faults import systemd
from lab.faults.fault import run
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class UnitRestart:
    """`systemctl restart`."""

    node: str
    unit: str

    def inject(self, lab: Lab) -> str:
        """Restart it."""
        run(lab, self.node, ["systemctl", "restart", self.unit], timeout=90.0)
        return f"{self.node}: {self.unit} restarted"

    def undo(self, lab: Lab) -> None:
        """Start it, should it not run."""
        systemd.start_again(lab, self.node, self.unit)
