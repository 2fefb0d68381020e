"""disk.fill: a file system without a free byte."""

from dataclasses import dataclass

from lab.faults import filling
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class DiskFill:
    """One file of zeros that takes all room of the file system under `path`, a directory."""

    node: str
    path: str

    def inject(self, lab: Lab) -> str:
        """Fill it."""
        free = filling.fill(lab, self.node, self.path)
        return f"{self.node}: {self.path} filled, {free} bytes free"

    def undo(self, lab: Lab) -> None:
        """Remove the file."""
        filling.release(lab, self.node, self.path)
