"""unit.stop: a unit is stopped in order, so systemd does not restart it."""

from dataclasses import dataclass

from lab.faults import systemd
from lab.faults.fault import run
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class UnitStop:
    """`systemctl stop`, for example of Alertmanager or Prometheus."""

    node: str
    unit: str

    def inject(self, lab: Lab) -> str:
        """Stop it."""
        run(lab, self.node, ["systemctl", "stop", self.unit], timeout=90.0)
        return f"{self.node}: {self.unit} stopped"

    def undo(self, lab: Lab) -> None:
        """Start it."""
        systemd.start_again(lab, self.node, self.unit)
