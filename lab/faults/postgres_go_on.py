"""postgres.go_on: not a fault but its end: what postgres.stall stopped receives again."""

from dataclasses import dataclass

from lab.faults.postgres_stall import signal
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class PostgresGoOn:
    """SIGCONT to the process that receives."""

    node: str

    def inject(self, lab: Lab) -> str:
        """Let it go on."""
        said = (
            "receives again" if signal(lab, self.node, "CONT") else "has nothing that was stopped"
        )
        return f"{self.node}: PostgreSQL {said}"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back."""
