"""gate.drain: a person on a balancer takes a member out of a pool, the way that Hale knows of."""

from dataclasses import dataclass

from lab.faults.fault import run
from lab.ports import Lab


@dataclass(frozen=True, slots=True)
class GateDrain:
    """`hale-gate drain POOL/MEMBER` on a balancer.

    Attributes:
        member: As `web/web1`.
    """

    node: str
    member: str

    def inject(self, lab: Lab) -> str:
        """Drain it."""
        run(lab, self.node, ["hale-gate", "drain", self.member])
        return f"{self.node}: {self.member} drained by a person"

    def undo(self, lab: Lab) -> None:
        """Return it."""
        run(lab, self.node, ["hale-gate", "return", self.member])
