"""pacemaker.kill: what Pacemaker runs dies, and whether and where it is started again is Pacemaker's to say."""

from dataclasses import dataclass

from lab.faults import systemd
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class PacemakerKill:
    """One SIGKILL to the main process of a unit that is a resource of Pacemaker's."""

    node: str
    unit: str

    def inject(self, lab: Lab) -> str:
        """Kill it."""
        process = systemd.kill_main(lab, self.node, self.unit)
        return f"{self.node}: SIGKILL to {self.unit}, process {process}"

    def undo(self, lab: Lab) -> None:
        """Start nothing: beside Pacemaker there would be a second one."""
