"""person.admit: not a fault but a person's word: this node may come back."""

from dataclasses import dataclass

from lab.faults.fault import run
from lab.ports import Lab

_HEALER = "/opt/hale/bin/hale-healer"


@dataclass(frozen=True, slots=True)
class PersonAdmit:
    """`hale-healer admit NODE` by root on the healer's node.

    Attributes:
        node: The healer's node.
        back: The node that comes back.
    """

    node: str
    back: str

    def inject(self, lab: Lab) -> str:
        """Admit it."""
        said = run(lab, self.node, [_HEALER, "admit", self.back]).stdout
        return f"{self.node}: {said.splitlines()[0] if said else 'admitted'}"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back."""
