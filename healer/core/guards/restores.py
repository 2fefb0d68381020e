"""What may be put back: a backup that a drill proved, a package as it was installed; never onto a disk that fails."""

from healer.core.actions import REINSTALL, RESTORE
from healer.core.facts import Facts, Proposal
from healer.core.look import BackupLook
from healer.core.verdict import Verdict, allow, hold

NAME = "restore_proven"

NEED = "a backup that a drill proved within its period, and a disk of which nothing tells that it fails"

NEED_DISK = "a disk of which nothing tells that it fails"


def restore_proven(proposal: Proposal, facts: Facts) -> Verdict:
    """Hold a restore unless the node's own gate knows a proven backup, and no disk of the node is known to fail.

    What is proven of a package its gate asks of the package file itself.
    """
    if proposal.rung.action not in (RESTORE, REINSTALL):
        return allow(NAME, have="puts nothing back", need="-")
    if (held := _sound(proposal.target.node, facts)) is not None:
        return held
    if proposal.rung.action == REINSTALL:
        return allow(NAME, have="nothing tells of a disk that fails", need=NEED_DISK)
    return _proven(proposal, facts)


def _sound(node: str, facts: Facts) -> Verdict | None:
    """Hold unless the node says how its disks are, and none of them fails."""
    health = facts.picture.nodes.get(node) if facts.picture is not None else None
    if facts.picture is None or health is None or not health.scraped:
        return _held(
            "disk_unknown",
            f"{node} does not say how its disks are",
            f"Nobody knows whether a disk of {node} fails.",
        )
    if node in facts.picture.failing:
        return _held(
            "disk_failing",
            f"a disk or file system of {node} fails",
            f"What is restored to a failing disk of {node} would be lost again: replace it first.",
        )
    return None


def _proven(proposal: Proposal, facts: Facts) -> Verdict:
    node, seen = proposal.target.node, found(proposal, facts)
    if seen is None:
        return _held(
            "backup_unknown",
            "its gate does not say",
            f"Nobody knows what may be put back on {node}.",
        )
    if not seen.snapshot:
        sentence = (
            "No drill proved a backup within its period, so nothing is put back: hale-backup drill"
        )
        return _held("not_proven", "nothing proved", sentence)
    return allow(NAME, have=said(seen), need=NEED)


def found(proposal: Proposal, facts: Facts) -> BackupLook | None:
    """Return what the gate that would restore says of the backup; None where it does not."""
    look = facts.heard(proposal.gate).look
    return None if look is None else look.backup(proposal.look)


def said(seen: BackupLook) -> str:
    """Say what is put back and what would be left out by it, for whoever has to agree."""
    run = f"the run at {seen.changed_seen_at}" if seen.changed_seen_at else "a run of unknown time"
    changed = f"last change {seen.changed_at} as of {run}, of later ones nobody knows"
    if not seen.changed_at:
        changed = "last change unknown"
    return f"backup {seen.snapshot[:8]} of {seen.snapshot_at}, proved {seen.proved_at}; {changed}"


def _held(reason: str, have: str, sentence: str) -> Verdict:
    return hold(NAME, reason, have=have, need=NEED, sentence=sentence)
