"""disk.release_files: what disk.fill_files took is free again, as when a person tidied up."""

from dataclasses import dataclass

from lab.faults import filling
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class DiskReleaseFiles:
    """The files below `path` are gone."""

    node: str
    path: str

    def inject(self, lab: Lab) -> str:
        """Remove them."""
        filling.release_files(lab, self.node, self.path)
        return f"{self.node}: {self.path} has room again"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back."""
