"""gate.go_on: the sessions of a gate that stood still go on where they were."""

from dataclasses import dataclass

from lab.faults import sessions
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class GateGoOn:
    """SIGCONT to every session of a gate."""

    node: str

    def inject(self, lab: Lab) -> str:
        """Let them go on."""
        sessions.go_on(lab, self.node)
        return f"{self.node}: its gate goes on"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back."""
