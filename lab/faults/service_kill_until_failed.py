"""service.kill_until_failed: killed as often as systemd restarts it, until systemd gives up."""

from dataclasses import dataclass

from lab.faults import systemd
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class ServiceKillUntilFailed:
    """SIGKILL to the main process of a unit until its ActiveState is failed."""

    node: str
    unit: str

    def inject(self, lab: Lab) -> str:
        """Kill it until it stays down."""
        systemd.kill_until_failed(lab, self.node, self.unit)
        return f"{self.node}: {self.unit} killed until systemd gave up"

    def undo(self, lab: Lab) -> None:
        """Start it, should it not run."""
        systemd.start_again(lab, self.node, self.unit)
