"""person.adopt: not a fault but a person's word: this old failure is the healer's now."""

import json
from dataclasses import dataclass

from lab.faults.fault import run
from lab.ports import Lab, LabError

_HEALER = "/opt/hale/bin/hale-healer"


@dataclass(frozen=True, slots=True)
class PersonAdopt:
    """`hale-healer adopt ID` by root on the healer's node.

    Attributes:
        node: The healer's node.
        target: Whose incident is adopted, by name: `web1/nginx`, or `web1` for the node itself.
    """

    node: str
    target: str

    def inject(self, lab: Lab) -> str:
        """Find the open incident by its name and adopt it."""
        listed = run(lab, self.node, [_HEALER, "incidents", "--output", "json"]).stdout
        found = incident(listed, self.target)
        run(lab, self.node, [_HEALER, "adopt", found])
        return f"{self.node}: adopted incident {found}, {self.target}"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back."""


def incident(text: str, target: str) -> str:
    """Return the id of the open incident about `target`."""
    try:
        listed = json.loads(text)
        items = listed["incidents"] if isinstance(listed, dict) else listed
        for one in items:
            names = (
                one.get("target"),
                "/".join(filter(None, (one.get("node"), one.get("service")))),
            )
            if target in names and str(one.get("state", "")).lower() != "closed":
                return str(one["id"])
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise LabError(f"hale-healer incidents: {exc}: {text[:200]}") from exc
    raise LabError(f"no open incident about {target}; hale-healer incidents lists what there is")
