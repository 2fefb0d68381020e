"""person.roll: not a fault but a person's word: this group is patched, one node after the other."""

import json
from dataclasses import dataclass

from lab.faults.fault import run
from lab.ports import Lab

_HEALER = "/opt/hale/bin/hale-healer"


@dataclass(frozen=True, slots=True)
class PersonRoll:
    """`hale-healer roll GROUP` by root on the healer's node.

    Attributes:
        node: The healer's node.
        group: Which group.
        soak: Between two nodes.
    """

    node: str
    group: str
    soak: str = "5s"

    def inject(self, lab: Lab) -> str:
        """Begin."""
        run(lab, self.node, [_HEALER, "roll", self.group, "--soak", self.soak])
        return f"{self.node}: a roll of {self.group} has begun"

    def undo(self, lab: Lab) -> None:
        """End the roll, and give back whoever is away for it."""
        lab.exec(self.node, [_HEALER, "roll", self.group, "--do", "stop"])
        lab.exec(self.node, [_HEALER, "roll", self.group, "--do", "end"])
        said = run(lab, self.node, [_HEALER, "status", "--output", "json"]).stdout
        for one in json.loads(said or "{}").get("upkeep", []):
            lab.exec(self.node, [_HEALER, "maintenance", "end", one["node"]], timeout=60.0)
