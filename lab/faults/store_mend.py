"""store.mend: what store.cut kept apart hears of each other again."""

from dataclasses import dataclass

from lab.faults import storeway
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class StoreMend:
    """Everything passes again."""

    node: str

    def inject(self, lab: Lab) -> str:
        """Mend it."""
        storeway.mend(lab, self.node)
        return f"{self.node}: reaches etcd on other nodes again"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back."""
