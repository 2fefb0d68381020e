"""Backups: promises that the schedules cannot keep, and backups that would be lost with what they protect."""

from collections.abc import Iterator

from cluster.backups import Backup
from cluster.errors import Path
from cluster.finding import Code, Finding
from cluster.quantity import duration_text
from cluster.stanzas import DatabaseBackup
from cluster.subject import Check, Subject

READ_WITHIN = 92 * 86400.0
"""Seconds in which all of a repository should have been read: a quarter."""


def _files(subject: Subject) -> Iterator[tuple[Backup, Path]]:
    for one in subject.cluster.backups.values():
        yield one, ("backups", one.name)


def _databases(subject: Subject) -> Iterator[tuple[DatabaseBackup, Path]]:
    for database in subject.cluster.databases.values():
        if database.backup is not None:
            yield database.backup, ("databases", database.name, "backup")


def _all(subject: Subject) -> Iterator[tuple[Backup | DatabaseBackup, Path]]:
    yield from _files(subject)
    yield from _databases(subject)


def beside(subject: Subject) -> Iterator[Finding]:
    """Find repositories on the machine that they protect."""
    for one, at in _all(subject):
        if one.repository.startswith("/") and one.mount is None:
            reason = (
                f"{one.repository} is a directory of the node itself, and is lost with its disk."
            )
            remedy = "Write a repository elsewhere, or the mount point that it is on as mount."
            yield subject.finding(Code.BACKUP_BESIDE, (*at, "repository"), reason, remedy)


def too_seldom(subject: Subject) -> Iterator[Finding]:
    """Find recovery points that are shorter than what lies between two backups, or two looks at the archive."""
    for database, at in _databases(subject):
        gap = database.check.schedule.gap
        if database.recovery_point < gap:
            reason = (
                f"{duration_text(database.recovery_point)} is promised to be lost at the most, and only "
                f"every {duration_text(gap)} it is seen whether the log is archived."
            )
            remedy = "Check more often, or promise less."
            yield subject.finding(Code.SLOW_BACKUPS, (*at, "recovery_point"), reason, remedy)
    for one, at in _files(subject):
        if one.recovery_point < one.schedule.gap:
            reason = (
                f"{duration_text(one.recovery_point)} is promised to be lost at the most, "
                f"and {duration_text(one.schedule.gap)} lie between two backups."
            )
            remedy = "Back up more often, or promise less."
            yield subject.finding(Code.SLOW_BACKUPS, (*at, "recovery_point"), reason, remedy)


def unproved(subject: Subject) -> Iterator[Finding]:
    """Find backups that nobody knows to restore, or not for all of the time."""
    for one, at in _all(subject):
        if one.drill is None:
            reason = "nothing ever restores it to see whether that can be done."
            remedy = 'Write drill: {schedule: {at: "04:30"}, period: 2d}.'
            yield subject.finding(Code.NO_DRILL, at, reason, remedy)
        elif one.drill.period <= one.drill.schedule.gap:
            reason = (
                f"a proof counts for {duration_text(one.drill.period)}, and the next drill may be "
                f"{duration_text(one.drill.schedule.gap)} later: in between nothing may be put back."
            )
            remedy = "Drill more often, or lengthen period to more than one drill may miss."
            yield subject.finding(Code.SLOW_DRILLS, (*at, "drill", "period"), reason, remedy)


def old_proofs(subject: Subject) -> Iterator[Finding]:
    """Find backups of which what Hale may put back is older than promised."""
    for one, at in _files(subject):
        if not one.restore or one.drill is None:
            continue
        age = one.schedule.gap + one.drill.schedule.gap
        if age > one.recovery_point:
            reason = (
                f"what a drill proved last may be of {duration_text(age)} ago, and "
                f"{duration_text(one.recovery_point)} is promised; Hale puts back nothing else."
            )
            remedy = "Drill more often, or promise less."
            yield subject.finding(Code.OLD_PROOFS, (*at, "drill", "schedule"), reason, remedy)


def one_key(subject: Subject) -> Iterator[Finding]:
    """Find keys that are lost with the nodes."""
    for one, at in _all(subject):
        if one.key_kept is None:
            key = "password_file" if isinstance(one, Backup) else "secrets"
            file = one.password_file if isinstance(one, Backup) else one.secrets
            reason = f"{file} may be the only copy of the key, and is lost with the nodes."
            remedy = "Keep a copy apart from them, and write where as key_kept."
            yield subject.finding(Code.KEY_ON_HOSTS, (*at, key), reason, remedy)


def slowly_read(subject: Subject) -> Iterator[Finding]:
    """Find repositories of which a part is not looked at for very long."""
    for one, at in _files(subject):
        period = one.check.parts * one.check.schedule.gap
        if period > READ_WITHIN:
            reason = f"all of the repository is read once in {duration_text(period)}."
            remedy = "Check more often, or in fewer parts."
            yield subject.finding(Code.SLOW_CHECK, (*at, "check", "parts"), reason, remedy)


def starts_alone(subject: Subject) -> Iterator[Finding]:
    """Find backups whose restore by hand stops and starts what only one node may run, without a look at the others."""
    cluster = subject.cluster
    for one, at in _files(subject):
        service = cluster.services[one.service] if one.service is not None else None
        if service is None or not service.exclusive:
            continue
        if len(cluster.groups[service.group].nodes) > 1:
            reason = (
                f"{service.name} runs on one node at a time, and `hale-backup restore {one.name}` by hand starts "
                f"{service.unit} again where it ran or had failed, without asking the other nodes."
            )
            remedy = "Restore on the node that runs it; elsewhere `systemctl stop` and `reset-failed` the unit before."
            yield subject.finding(Code.BACKUP_STARTS_ALONE, (*at, "service"), reason, remedy)


BACKUPS: tuple[Check, ...] = (
    *(beside, too_seldom, unproved, old_proofs, one_key, slowly_read),
    starts_alone,
)
