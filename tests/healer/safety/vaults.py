"""What gates may put back in the simulated cluster: one backup on one node, as hale-backup keeps it there.

Formats and words: docs/backups.md and docs/gate.md.
"""

from dataclasses import dataclass, field

from healer.core.look import BackupLook

WAYS = ("hangs", "not_mounted", "failing_disk")
"""What is wrong with a restore, where something is. The first goes on by itself, and its end is not heard."""


@dataclass
class Vault:
    """One backup on one node.

    Attributes:
        number: Of its newest snapshot that a drill proved; a new one voids what was agreed to.
        unproved_since: Since when no drill's proof is within its period; None while one is.
        way: One of WAYS, or empty where a restore does what it should.
    """

    number: int = 1
    unproved_since: float | None = None
    way: str = ""

    @property
    def snapshot(self) -> str:
        """What may be put back; empty where nothing may."""
        return "" if self.unproved_since is not None else f"snapshot-{self.number}"

    def look(self) -> BackupLook:
        """Say what the gate says of it."""
        return (
            BackupLook(self.snapshot, f"then-{self.number}", "lately")
            if self.snapshot
            else BackupLook()
        )


@dataclass
class Vaults:
    """All of them, and the disks that they are on.

    Attributes:
        kept: By node and the backup's name.
        failing: Nodes of which a disk fails, as their kernel says, each with since when.
    """

    kept: dict[tuple[str, str], Vault] = field(default_factory=dict)
    failing: dict[str, float] = field(default_factory=dict)

    def mend(self) -> None:
        """Have disks replaced, mounts mounted, and everything drilled anew."""
        self.failing.clear()
        for one in self.kept.values():
            one.unproved_since, one.way = None, ""
