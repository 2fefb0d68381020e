"""node.log: a program of the node writes a line to its log, as one does that sees a failure coming."""

from dataclasses import dataclass

from lab.faults.fault import run
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class NodeLog:
    """A line by a program, which the exporter reads as any other.

    Attributes:
        by: What the program calls itself.
        text: The line.
        user: Whose rights it has. Without root's the line is shown and nothing is done on its word.
    """

    node: str
    by: str
    text: str
    user: str = "nobody"

    def inject(self, lab: Lab) -> str:
        """Write it."""
        logger = ("logger", f"--tag={self.by}", "--", self.text)
        run(lab, self.node, ["runuser", "-u", self.user, "--", *logger])
        return f"{self.node}: {self.by} logs '{self.text}'"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back: what is written stays written."""
