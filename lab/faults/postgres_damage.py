"""postgres.damage: one byte of PostgreSQL's control file is wrong, as after a bad write, so it will not start again."""

from dataclasses import dataclass

from lab.faults.fault import run
from lab.ports import Lab

# The byte stands where the file's own checksum covers it and nothing reads it for who the cluster is.
_DAMAGE = """
import os, signal, sys, time
folder = sys.argv[1]
pid = int(open(folder + "/postmaster.pid").readline())
os.kill(pid, signal.SIGKILL)
while os.path.exists(f"/proc/{pid}"):
    time.sleep(0.01)
with open(folder + "/global/pg_control", "r+b") as file:
    file.seek(200)
    byte = file.read(1)[0]
    file.seek(200)
    file.write(bytes([byte ^ 255]))
    file.flush()
    os.fsync(file.fileno())
"""
_MEND = """
/usr/lib/postgresql/15/bin/pg_controldata "$1" 2>&1 | grep --quiet "CRC checksum" || exit 0
exec patronictl -c "/etc/patroni/$2" reinit --force "$2" "$3"
"""


@dataclass(frozen=True, slots=True)
class PostgresDamage:
    """PostgreSQL dies, and what it would start from is damaged.

    Attributes:
        folder: Its data directory, as `/data/postgresql/main`; the last part is the database's name.
    """

    node: str
    folder: str

    def inject(self, lab: Lab) -> str:
        """Kill it first, so that it does not write the file once more."""
        run(lab, self.node, ["/usr/bin/python3", "-c", _DAMAGE, self.folder])
        return f"{self.node}: PostgreSQL killed, a byte of {self.folder}/global/pg_control is wrong"

    def undo(self, lab: Lab) -> None:
        """Have Patroni copy the member anew, if nobody did."""
        name = self.folder.rstrip("/").rpartition("/")[2]
        run(lab, self.node, ["/bin/sh", "-c", _MEND, "sh", self.folder, name, self.node], 60.0)
