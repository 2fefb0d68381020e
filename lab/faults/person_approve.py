"""person.approve: not a fault but a person's word: what the healer asks for may be done."""

from dataclasses import dataclass

from lab.faults.fault import insist, run
from lab.faults.person_adopt import incident
from lab.ports import Lab

_HEALER = "/opt/hale/bin/hale-healer"
PATIENCE = 30.0
"""Seconds in which it must still be asked for: a fact that changed meanwhile asks anew."""


@dataclass(frozen=True, slots=True)
class PersonApprove:
    """`hale-healer approve ID` by root on the healer's node, who counts as an owner.

    Attributes:
        node: The healer's node.
        target: Whose incident: `web1/nginx`.
    """

    node: str
    target: str

    def inject(self, lab: Lab) -> str:
        """Find the open incident by its name and agree to what it asks for."""

        def ask() -> str:
            listed = run(lab, self.node, [_HEALER, "incidents", "--output", "json"]).stdout
            done = lab.exec(self.node, [_HEALER, "approve", incident(listed, self.target)])
            return (done.stderr.strip() or "refused") if done.code else ""

        insist(ask, PATIENCE, f"{self.node}: approve {self.target}")
        return f"{self.node}: agreed to what the incident of {self.target} asks for"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back."""
