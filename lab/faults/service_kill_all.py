"""service.kill_all: every process of a unit dies at once, those too that would outlive the main one."""

from dataclasses import dataclass

from lab.faults import systemd
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class ServiceKillAll:
    """SIGKILL to every process of a unit, once."""

    node: str
    unit: str

    def inject(self, lab: Lab) -> str:
        """Kill them."""
        systemd.signal_all(lab, self.node, self.unit, "KILL")
        return f"{self.node}: SIGKILL to every process of {self.unit}"

    def undo(self, lab: Lab) -> None:
        """Start it, should it not run."""
        systemd.start_again(lab, self.node, self.unit)
