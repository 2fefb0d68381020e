"""person.maintain: not a fault but a person's word: this node is taken out of service, or given back."""

from dataclasses import dataclass

from lab.faults.fault import run
from lab.ports import Lab

_HEALER = "/opt/hale/bin/hale-healer"


@dataclass(frozen=True, slots=True)
class PersonMaintain:
    """`hale-healer maintenance start NODE` or `end NODE` by root on the healer's node.

    Attributes:
        node: The healer's node.
        target: The node that is taken, or given back.
        do: start or end.
    """

    node: str
    target: str
    do: str = "start"

    def inject(self, lab: Lab) -> str:
        """Ask for it; a guard that holds is an error."""
        why = ["--reason", "drill"] if self.do == "start" else []
        command = [_HEALER, "maintenance", self.do, self.target, *why]
        said = run(lab, self.node, command, timeout=60.0).stdout
        return f"{self.node}: {said.splitlines()[0] if said else self.do}"

    def undo(self, lab: Lab) -> None:
        """Give it back, if it is away."""
        if self.do == "start":
            lab.exec(self.node, [_HEALER, "maintenance", "end", self.target], timeout=60.0)
