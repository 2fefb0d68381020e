"""files.return: a person puts back what files.delete removed, and starts nothing."""

from dataclasses import dataclass

from lab.faults import originals
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class FilesReturn:
    """The directory or file is there again as it was."""

    node: str
    path: str

    def inject(self, lab: Lab) -> str:
        """Put it back."""
        originals.put_back(lab, self.node, self.path)
        return f"{self.node}: a person put {self.path} back"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back."""
