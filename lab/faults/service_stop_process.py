"""service.stop_process: every process of a unit stands still, so it hangs and does not die."""

from dataclasses import dataclass

from lab.faults import systemd
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class ServiceStopProcess:
    """SIGSTOP to every process of a unit: systemd sees it active, nobody gets an answer."""

    node: str
    unit: str

    def inject(self, lab: Lab) -> str:
        """Stop its processes."""
        systemd.signal_all(lab, self.node, self.unit, "STOP")
        return f"{self.node}: SIGSTOP to all of {self.unit}"

    def undo(self, lab: Lab) -> None:
        """Let what is stopped go on, and start it, should it not run."""
        systemd.go_on(lab, self.node, self.unit)
