"""gate.decline: a person asks a balancer not to hold a virtual address if another can."""

from dataclasses import dataclass

from lab.faults.fault import run
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class GateDecline:
    """`hale-gate decline ADDRESS` on a candidate.

    Attributes:
        address: The virtual address's name in cluster.yml.
    """

    node: str
    address: str

    def inject(self, lab: Lab) -> str:
        """Decline it."""
        run(lab, self.node, ["hale-gate", "decline", self.address])
        return f"{self.node}: {self.address} declined by a person"

    def undo(self, lab: Lab) -> None:
        """Accept it."""
        run(lab, self.node, ["hale-gate", "accept", self.address])
