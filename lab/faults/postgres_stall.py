"""postgres.stall: a replica stands still where it receives, so that it falls behind and nobody hears why."""

from dataclasses import dataclass

from lab.ports import Lab, LabError

_SIGNAL = """
pids=$(pgrep --full "^postgres: .*walreceiver") || exit 3
kill "-$1" $pids
"""


def signal(lab: Lab, node: str, name: str) -> bool:
    """Send a signal to what receives the write-ahead log on a node; tell whether there was anything.

    Raises:
        LabError: It could not be sent.
    """
    done = lab.exec(node, ["/bin/sh", "-c", _SIGNAL, "sh", name])
    if done.code not in (0, 3):
        raise LabError(f"{node}: kill -{name}: {done.stderr.strip()[-200:]}")
    return done.code == 0


@dataclass(frozen=True, slots=True)
class PostgresStall:
    """SIGSTOP to the process that receives; all else of the replica goes on."""

    node: str

    def inject(self, lab: Lab) -> str:
        """Stop it.

        Raises:
            LabError: Nothing receives there.
        """
        if not signal(lab, self.node, "STOP"):
            raise LabError(f"{self.node}: no PostgreSQL there receives anything")
        return f"{self.node}: PostgreSQL receives nothing any more"

    def undo(self, lab: Lab) -> None:
        """Let it go on, if it is still there."""
        signal(lab, self.node, "CONT")
