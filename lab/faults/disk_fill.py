"""disk.fill: a file system without a free byte, or with little left."""

from dataclasses import dataclass

from lab.faults import filling
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class DiskFill:
    """One file of zeros that takes the room of the file system under `path`, a directory.

    Attributes:
        leave: What stays free, in MiB.
    """

    node: str
    path: str
    leave: str = "0"

    def inject(self, lab: Lab) -> str:
        """Fill it."""
        if leave := int(self.leave):
            free = filling.fill_but(lab, self.node, self.path, leave)
        else:
            free = filling.fill(lab, self.node, self.path)
        return f"{self.node}: {self.path} filled, {free} bytes free"

    def undo(self, lab: Lab) -> None:
        """Remove the file."""
        filling.release(lab, self.node, self.path)
