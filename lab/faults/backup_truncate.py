"""backup.truncate: half of a file of a repository of restic is gone, as after a copy that was cut off."""

from dataclasses import dataclass

from lab.faults import packs
from lab.ports import Lab

_CUT = (
    "import os,sys; p=sys.argv[1]; m=os.stat(p).st_mode; os.chmod(p,0o600); "
    "os.truncate(p,os.path.getsize(p)//2); os.chmod(p,m)"
)


@dataclass(frozen=True, slots=True)
class BackupTruncate:
    """The second half of the largest file with data.

    Attributes:
        node: Where the repository is.
        repository: Its directory.
    """

    node: str
    repository: str

    def inject(self, lab: Lab) -> str:
        """Keep a copy of the file, and cut it off."""
        largest = packs.spoil(lab, self.node, self.repository, _CUT)
        return f"{self.node}: half of {largest[-70:]} is gone"

    def undo(self, lab: Lab) -> None:
        """Put the file back as it was."""
        packs.put_back(lab, self.node, self.repository)
