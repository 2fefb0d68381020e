"""person.close: not a fault but a person's word: what an incident was about is settled."""

from dataclasses import dataclass

from lab.faults.fault import run
from lab.ports import Lab

CLOSE = """
number=$(/opt/hale/bin/hale-healer incidents |
    awk -v target="$1" '($2 == "mitigated" || $2 == "escalated") && $3 == target {print $1}')
/opt/hale/bin/hale-healer close "$number" --reason "$2"
"""
"""Finds what is out of harm's way there, or in a person's hands: a drill knows its target, and not its number."""


@dataclass(frozen=True, slots=True)
class PersonClose:
    """`hale-healer close` by root on the healer's node, of the mitigated or escalated incident of a target.

    Attributes:
        node: The healer's node.
        target: What the incident is about, as `hale-healer incidents` shows it.
        reason: How it was settled.
    """

    node: str
    target: str
    reason: str

    def inject(self, lab: Lab) -> str:
        """Close it."""
        said = run(lab, self.node, ["sh", "-ec", CLOSE, "sh", self.target, self.reason]).stdout
        return f"{self.node}: {said.splitlines()[0] if said else 'closed'}"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back."""
