"""person.maintain: not a fault but a person's word: this node is taken out of service, or given back."""

from dataclasses import dataclass

from lab.faults.fault import insist
from lab.ports import Lab

_HEALER = "/opt/hale/bin/hale-healer"
PATIENCE = 60.0
"""Seconds in which a guard may hold it, such as that a database's leader has just changed: a person says it again."""


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
        """Ask for it until no guard holds it."""
        why = ["--reason", "drill"] if self.do == "start" else []
        command = [_HEALER, "maintenance", self.do, self.target, *why]

        def ask() -> str:
            done = lab.exec(self.node, command, timeout=60.0)
            return ((done.stderr or done.stdout).strip() or "refused") if done.code else ""

        insist(ask, PATIENCE, f"{self.node}: maintenance {self.do} {self.target}")
        return f"{self.node}: maintenance {self.do} {self.target}"

    def undo(self, lab: Lab) -> None:
        """Give it back, if it is away."""
        if self.do == "start":
            lab.exec(self.node, [_HEALER, "maintenance", "end", self.target], timeout=60.0)
