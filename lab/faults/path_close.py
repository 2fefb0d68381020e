"""path.close: a directory that its owner can no longer read, as after a wrong chmod or on a failing disk."""

from dataclasses import dataclass

from lab.faults.fault import run
from lab.ports import Lab

_CLOSE = '[ -e "$1.mode" ] || stat -c %a "$1" > "$1.mode"; chmod 000 "$1"'
_OPEN = '[ ! -e "$1.mode" ] || { chmod "$(cat "$1.mode")" "$1" && rm "$1.mode"; }'


@dataclass(frozen=True, slots=True)
class PathClose:
    """The mode of a directory is 000 until the end of the drill; root could still read it."""

    node: str
    path: str

    def inject(self, lab: Lab) -> str:
        """Close it, and remember its mode beside it."""
        run(lab, self.node, ["/bin/sh", "-ec", _CLOSE, "sh", self.path])
        return f"{self.node}: {self.path} can no longer be read by its owner"

    def undo(self, lab: Lab) -> None:
        """Open it as it was."""
        run(lab, self.node, ["/bin/sh", "-ec", _OPEN, "sh", self.path])
