"""person.approve: not a fault but a person's word: what the healer asks for may be done."""

import time
from dataclasses import dataclass

from lab.faults.fault import run
from lab.faults.person_adopt import incident
from lab.ports import Lab, LabError

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
        until = time.monotonic() + PATIENCE
        while True:
            listed = run(lab, self.node, [_HEALER, "incidents", "--output", "json"]).stdout
            found = incident(listed, self.target)
            done = lab.exec(self.node, [_HEALER, "approve", found])
            if not done.code:
                return f"{self.node}: agreed to what incident {found}, {self.target}, asks for"
            if time.monotonic() > until:
                raise LabError(f"{self.node}: approve {found}: {done.stderr.strip()[-300:]}")
            time.sleep(0.5)

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back."""
