"""backup.rot: a bit of a repository of restic changes where it is kept."""

from dataclasses import dataclass

from lab.faults import originals
from lab.faults.fault import run
from lab.ports import Lab

_LARGEST = "find \"$1/data\" -type f -printf '%s %p\\n' | sort -n | tail -n 1 | cut -d' ' -f2"
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
        """Keep a copy of all data, and flip it."""
        originals.keep(lab, self.node, f"{self.repository}/data")
        find = ["/bin/sh", "-ec", _LARGEST, "sh", self.repository]
        largest = run(lab, self.node, find).stdout.strip()
        run(lab, self.node, ["/usr/bin/python3", "-c", _FLIP, largest])
        return f"{self.node}: one bit of {largest[-70:]} is another one"

    def undo(self, lab: Lab) -> None:
        """Put the data back as it was; what was backed up meanwhile goes with it."""
        originals.put_back(lab, self.node, f"{self.repository}/data")
