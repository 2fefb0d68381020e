"""path.close: a directory that its owner can no longer read, as after a wrong chmod or on a failing disk."""

from dataclasses import dataclass

from lab.faults.fault import run
from lab.ports import Lab

# Of directories, since files of a program that still runs come and go. What is made anew has other inodes.
_LISTED = 'find "$1" -maxdepth 2 -type d -printf "%i %p\\n" | sort'
_CLOSE = f"""
[ -e "$1.mode" ] || {{ {_LISTED} > "$1.was"; stat -c %a "$1" > "$1.mode"; }}
chmod 000 "$1"
"""
_OPEN = f"""
[ -e "$1.mode" ] || exit 0
gone=$({_LISTED} | comm -23 "$1.was" -)
chmod "$(cat "$1.mode")" "$1"
rm "$1.mode" "$1.was"
[ -z "$gone" ] || {{ echo "removed or made anew while it was closed: $gone" >&2; exit 1; }}
"""


@dataclass(frozen=True, slots=True)
class PathClose:
    """The mode of a directory is 000 until the end of the drill; root could still read it, or remove it."""

    node: str
    path: str

    def inject(self, lab: Lab) -> str:
        """Close it, and remember its mode beside it."""
        run(lab, self.node, ["/bin/sh", "-ec", _CLOSE, "sh", self.path])
        return f"{self.node}: {self.path} can no longer be read by its owner"

    def undo(self, lab: Lab) -> None:
        """Open it as it was.

        Raises:
            LabError: A directory in it was removed or made anew meanwhile. What is there is open.
        """
        run(lab, self.node, ["/bin/sh", "-ec", _OPEN, "sh", self.path])
