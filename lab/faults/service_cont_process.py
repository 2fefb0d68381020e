"""service.cont_process: what service.stop_process stopped goes on as if nothing had been."""

from dataclasses import dataclass

from lab.faults import systemd
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class ServiceContProcess:
    """SIGCONT to every process of a unit."""

    node: str
    unit: str

    def inject(self, lab: Lab) -> str:
        """Let its processes go on."""
        systemd.signal_all(lab, self.node, self.unit, "CONT")
        return f"{self.node}: SIGCONT to all of {self.unit}"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back."""
