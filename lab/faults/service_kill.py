"""service.kill: the main process dies once; systemd's own restart should bring it back."""

from dataclasses import dataclass

from lab.faults import systemd
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class ServiceKill:
    """SIGKILL to the main process of a unit, once."""

    node: str
    unit: str

    def inject(self, lab: Lab) -> str:
        """Kill it."""
        pid = systemd.kill_main(lab, self.node, self.unit)
        return f"{self.node}: SIGKILL to {self.unit}, process {pid}"

    def undo(self, lab: Lab) -> None:
        """Start it, should it not run."""
        systemd.start_again(lab, self.node, self.unit)
