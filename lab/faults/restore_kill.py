"""restore.kill: what puts a backup back dies half way."""

from dataclasses import dataclass

from lab.faults.fault import run
from lab.ports import Lab, LabError

PATIENCE = 120.0
# What an earlier restore left behind is no sign that this one writes.
_HALF_WAY = (
    "mark=$(mktemp); for _ in $(seq $2); do "
    'if find "$1" -mindepth 2 -maxdepth 2 -path \'*/.hale-restore-*\' -newer "$mark" | grep -q .; then '
    "systemctl kill --kill-whom=all --signal=KILL 'hale-backup-restore@*' && echo killed; exit; fi; "
    "sleep 0.02; done; exit 1"
)


@dataclass(frozen=True, slots=True)
class RestoreKill:
    """SIGKILL to all of hale-backup's restore, once it has begun to write.

    Attributes:
        folder: The directory beside which it writes, so that is known how far it is.
    """

    node: str
    folder: str

    def inject(self, lab: Lab) -> str:
        """Wait until it writes, and kill it."""
        words = ["/bin/sh", "-c", _HALF_WAY, "sh", self.folder, str(int(PATIENCE / 0.02))]
        done = lab.exec(self.node, words, timeout=PATIENCE + 60)
        # A node that boots meanwhile ends the command without a word.
        if done.stdout.strip() != "killed":
            raise LabError(f"{self.node}: no restore wrote into {self.folder} in {PATIENCE:g} s")
        return f"{self.node}: SIGKILL to the restore while it wrote into {self.folder}"

    def undo(self, lab: Lab) -> None:
        """Have nothing to take back: the next run finishes it."""
        run(lab, self.node, ["systemctl", "reset-failed", "hale-backup-restore@*"])
