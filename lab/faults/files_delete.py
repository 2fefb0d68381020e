"""files.delete: somebody removes a directory that a service needs."""

from dataclasses import dataclass

from lab.faults import originals
from lab.faults.fault import run
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class FilesDelete:
    """`rm -r` of a directory or file.

    Attributes:
        returns: `whole` where every byte of it has to be there again when the drill ends, or the drill did not hold.
    """

    node: str
    path: str
    returns: str = ""

    def inject(self, lab: Lab) -> str:
        """Keep a copy for the end, and remove it."""
        originals.keep(lab, self.node, self.path, self.returns)
        run(lab, self.node, ["rm", "-r", "--", self.path])
        return f"{self.node}: {self.path} is deleted"

    def undo(self, lab: Lab) -> None:
        """Put it back as it was.

        Raises:
            LabError: It had to be back, and was not as it was; now it is.
        """
        originals.undo(lab, self.node, self.path, self.returns)
