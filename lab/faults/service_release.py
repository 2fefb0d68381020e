"""service.release: a new version of a file is rolled out to a service, and it may be a bad one."""

from dataclasses import dataclass

from lab.faults import original
from lab.faults.fault import run
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class ServiceRelease:
    """A file is replaced and the unit reloaded, with a configuration that passes every check.

    Attributes:
        path: The file; its original is kept beside it for undo.
        text: What it says from now on.
    """

    node: str
    unit: str
    path: str
    text: str

    def inject(self, lab: Lab) -> str:
        """Roll it out."""
        original.replace(lab, self.node, self.path, self.text.encode())
        run(lab, self.node, ["systemctl", "reload", self.unit])
        return f"{self.node}: a new {self.path}, {self.unit} reloaded"

    def undo(self, lab: Lab) -> None:
        """Roll it back."""
        original.put_back(lab, self.node, self.path)
        run(lab, self.node, ["systemctl", "reload-or-restart", self.unit])
