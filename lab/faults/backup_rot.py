"""backup.rot: a bit of a repository of restic changes where it is kept."""

from dataclasses import dataclass

from lab.faults import packs
from lab.ports import Lab

_FLIP = (
    "import os,sys; p=sys.argv[1]; m=os.stat(p).st_mode; os.chmod(p,0o600); f=open(p,'r+b'); "
    "f.seek(os.path.getsize(p)//2); b=f.read(1); f.seek(-1,1); f.write(bytes([b[0]^1])); f.close(); os.chmod(p,m)"
)


@dataclass(frozen=True, slots=True)
class BackupRot:
    """One bit in the middle of the largest file with data.

    Attributes:
        node: Where the repository is.
        repository: Its directory.
    """

    node: str
    repository: str

    def inject(self, lab: Lab) -> str:
        """Keep a copy of the file, and flip it."""
        largest = packs.spoil(lab, self.node, self.repository, _FLIP)
        return f"{self.node}: one bit of {largest[-70:]} is another one"

    def undo(self, lab: Lab) -> None:
        """Put the file back as it was."""
        packs.put_back(lab, self.node, self.repository)
