"""backup.empty: nothing is left in a repository of restic, as after somebody emptied it, or with another disk there."""

from dataclasses import dataclass

from lab.faults.fault import run
from lab.faults.originals import FOLDER
from lab.ports import Lab

KEPT = f"{FOLDER}/repository"

# By renaming: a copy made while a backup runs could have a snapshot without all of its data.
_EMPTY = 'mkdir -p "$3" && mv "$1" "$2" && mkdir -m 700 "$1" && chown --reference="$2" "$1"'
_BACK = '[ ! -e "$2" ] || { rm -rf "$1" && mv "$2" "$1"; }'


@dataclass(frozen=True, slots=True)
class BackupEmpty:
    """The directory is there, and has nothing in it.

    Attributes:
        node: Where the repository is.
        repository: Its directory.
    """

    node: str
    repository: str

    def inject(self, lab: Lab) -> str:
        """Put the repository aside, and an empty directory in its place."""
        self._shell(lab, _EMPTY)
        return f"{self.node}: {self.repository} is empty"

    def undo(self, lab: Lab) -> None:
        """Put it back as it was, unless that was done already."""
        self._shell(lab, _BACK)

    def _shell(self, lab: Lab, text: str) -> None:
        run(lab, self.node, ["/bin/sh", "-ec", text, "sh", self.repository, KEPT, FOLDER])
