"""person.failover: not a fault but a person's word: Redis' master goes to whom Sentinel prefers."""

import time
from dataclasses import dataclass

from lab.faults.fault import run
from lab.ports import Lab, LabError

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
        ask = ["redis-cli", "-p", "26379", "SENTINEL", "FAILOVER", self.master]
        until = time.monotonic() + PATIENCE
        while (said := run(lab, self.node, ask).stdout.strip()) != "OK":
            if time.monotonic() > until:
                raise LabError(f"{self.node}: SENTINEL FAILOVER {self.master}: {said}")
            time.sleep(0.5)
        return f"{self.node}: Sentinel was asked to move {self.master}"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back."""
