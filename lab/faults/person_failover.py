"""person.failover: not a fault but a person's word: Redis' master goes to whom Sentinel prefers."""

from dataclasses import dataclass

from lab.faults.fault import insist, run
from lab.ports import Lab

PATIENCE = 30.0
"""Seconds in which Sentinel has to take it; it refuses while a failover is under way and while nobody follows."""


@dataclass(frozen=True, slots=True)
class PersonFailover:
    """`SENTINEL FAILOVER` by somebody on a node.

    Attributes:
        master: Sentinel's name of the master.
    """

    node: str
    master: str

    def inject(self, lab: Lab) -> str:
        """Ask until Sentinel takes it."""
        command = ["redis-cli", "-p", "26379", "SENTINEL", "FAILOVER", self.master]

        def ask() -> str:
            said = run(lab, self.node, command).stdout.strip()
            return "" if said == "OK" else said or "no answer"

        insist(ask, PATIENCE, f"{self.node}: SENTINEL FAILOVER {self.master}")
        return f"{self.node}: Sentinel was asked to move {self.master}"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back."""
