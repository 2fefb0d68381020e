"""pacemaker.move: not a fault but a person's word: what Pacemaker runs goes to a node, and nothing of it stays."""

from dataclasses import dataclass

from lab.faults.fault import run
from lab.ports import Lab

PATIENCE = 60.0
"""Seconds in which it has to be there; crm_resource itself waits for Pacemaker to come to rest."""

# A move leaves a constraint that keeps the resource there for good, so it is taken away again.
_MOVE = """
if crm_resource --resource "$1" --locate 2>&1 | grep --quiet --word-regexp "running on: $2"; then exit 0; fi
crm_resource --resource "$1" --move --node "$2"
crm_resource --wait --timeout 30
crm_resource --resource "$1" --clear
crm_resource --resource "$1" --locate 2>&1 | grep --word-regexp "running on: $2"
"""


@dataclass(frozen=True, slots=True)
class PacemakerMove:
    """A resource is moved to a node; nothing happens where it runs already.

    Attributes:
        node: Where it has to run.
        resource: Pacemaker's name of it.
    """

    node: str
    resource: str

    def inject(self, lab: Lab) -> str:
        """Have it moved, and wait until it runs there."""
        argv = ["/bin/sh", "-ec", _MOVE, "sh", self.resource, self.node]
        run(lab, self.node, argv, timeout=PATIENCE)
        return f"{self.node}: {self.resource} was moved there"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back."""
