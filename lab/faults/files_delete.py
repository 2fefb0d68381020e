"""files.delete: somebody removes a directory that a service needs."""

from dataclasses import dataclass

from lab.faults import originals
from lab.faults.fault import run
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class FilesDelete:
    """`rm -r` of a directory or file."""

    node: str
    path: str

    def inject(self, lab: Lab) -> str:
        """Keep a copy for the end, and remove it."""
        originals.keep(lab, self.node, self.path)
        run(lab, self.node, ["rm", "-r", "--", self.path])
        return f"{self.node}: {self.path} is deleted"

    def undo(self, lab: Lab) -> None:
        """Put it back as it was."""
        originals.put_back(lab, self.node, self.path)
