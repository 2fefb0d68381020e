"""config.let: whoever waited for the file of config.hold goes on, and finds it empty."""

from dataclasses import dataclass

from lab.faults import waiting
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class ConfigLet:
    """The pipe that config.hold made is opened and goes."""

    node: str
    path: str

    def inject(self, lab: Lab) -> str:
        """Open it."""
        waiting.let(lab, self.node, self.path)
        return f"{self.node}: {self.path} can be read again"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back."""
