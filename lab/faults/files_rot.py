"""files.rot: a disk gives other bytes than were written to it, and nobody is told."""

from dataclasses import dataclass

from lab.faults import originals
from lab.faults.fault import run
from lab.ports import Lab, LabError

_WHERE = "filefrag -e -b1 \"$1\" | sed -n 's/^ *0: *0\\.\\. *[0-9]*: *\\([0-9]*\\)\\.\\..*/\\1/p'"
_FORGET = (
    "import os,sys; f=os.open(sys.argv[1],os.O_RDONLY); os.fsync(f); "
    "os.posix_fadvise(f,0,0,os.POSIX_FADV_DONTNEED)"
)
_BYTES = b"\0rotten\0" * 8


@dataclass(frozen=True, slots=True)
class FilesRot:
    """Other bytes at the beginning of a file on /data, written below the node's kernel: no time of the file changes.

    Attributes:
        returns: `whole` where every byte has to be right again when the drill ends, or the drill did not hold.
    """

    node: str
    path: str
    returns: str = ""

    def inject(self, lab: Lab) -> str:
        """Keep a copy, find the file on the disk, write there, and have the node forget what it had read."""
        originals.keep(lab, self.node, self.path, self.returns)
        forget = ["/usr/bin/python3", "-c", _FORGET, self.path]
        run(lab, self.node, forget)
        where = run(lab, self.node, ["/bin/sh", "-ec", _WHERE, "sh", self.path]).stdout.strip()
        if not where.isdecimal():
            raise LabError(f"{self.node}: filefrag does not say where {self.path} lies: {where!r}")
        with lab.disk(self.node, "data").open("r+b") as disk:
            disk.seek(int(where))
            disk.write(_BYTES)
        run(lab, self.node, forget)
        return f"{self.node}: {len(_BYTES)} bytes of {self.path} changed on its disk"

    def undo(self, lab: Lab) -> None:
        """Put the file back as it was.

        Raises:
            LabError: It had to be right again, and was not; now it is.
        """
        originals.undo(lab, self.node, self.path, self.returns)
