"""disk.release: what disk.fill took is free again."""

from dataclasses import dataclass

from lab.faults import filling
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class DiskRelease:
    """The file of zeros is gone."""

    node: str
    path: str

    def inject(self, lab: Lab) -> str:
        """Remove it."""
        filling.release(lab, self.node, self.path)
        return f"{self.node}: {self.path} has room again"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back."""
