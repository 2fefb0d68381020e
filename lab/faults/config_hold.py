"""config.hold: whoever reads a service's configuration waits, as on a file system that hangs."""

from dataclasses import dataclass

from lab.faults import waiting
from lab.faults.fault import run
from lab.ports import Lab

_HOLD = 'rm --force "$1" && mkfifo "$1"'


@dataclass(frozen=True, slots=True)
class ConfigHold:
    """A pipe in place of one file of a configuration, which nobody writes to.

    Attributes:
        path: Of a file that is not there, and that the service would include.
    """

    node: str
    path: str

    def inject(self, lab: Lab) -> str:
        """Put the pipe there."""
        run(lab, self.node, ["/bin/sh", "-c", _HOLD, "sh", self.path])
        return f"{self.node}: whoever reads {self.path} waits"

    def undo(self, lab: Lab) -> None:
        """Let whoever waits go on, and remove it."""
        waiting.let(lab, self.node, self.path)
