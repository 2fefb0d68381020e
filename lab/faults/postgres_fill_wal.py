"""postgres.fill_wal: PostgreSQL wants the next file of its write-ahead log, again and again, as under many writes."""

from dataclasses import dataclass

from lab.ports import Lab

# Each switch needs a file that was not there before, so a full disk is found at once and not after an hour of writes.
_SWITCH = "SELECT txid_current(); SELECT pg_switch_wal();"


@dataclass(frozen=True, slots=True)
class PostgresFillWal:
    """Switches of the write-ahead log in a row, or as many as PostgreSQL survives; nothing is taken back.

    Attributes:
        switches: How many; each takes the rest of a file of 16 MiB, so that a replica that receives nothing is behind.
    """

    node: str
    switches: str = "24"

    def inject(self, lab: Lab) -> str:
        """Switch; that it fails may be the point."""
        argv = ["runuser", "-u", "postgres", "--", "psql", "-qAtv", "ON_ERROR_STOP=1"]
        text = _SWITCH * int(self.switches)
        done = lab.exec(self.node, argv, timeout=60.0, input=text.encode())
        said = "done" if done.code == 0 else (done.stderr.strip().splitlines() or ["failed"])[-1]
        return f"{self.node}: the write-ahead log switched on and on: {said[:120]}"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back."""
