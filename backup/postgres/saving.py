"""`hale-backup run` of a database: on the node that leads a backup, on every node the news of it.

Patroni says who leads, so the timer is on every member and a failover needs no change. Rule: the report of what is
there comes from the repository, so whoever leads next tells the same.
"""

from backup.places import write
from backup.postgres.info import Copy
from backup.postgres.job import StanzaJob
from backup.postgres.repository import DIFFERENTIAL, FULL
from backup.postgres.role import leads
from backup.words import Failed, Reason


def init(job: StanzaJob) -> None:
    """Make the stanza, from when on the write-ahead log is taken.

    Raises:
        Failed: not_leader, role_unknown or repository_unusable; nothing was made.
    """
    if not leads(job.stanza.leader_url):
        raise Failed(Reason.NOT_LEADER, f"another member of {job.name} leads: run it there")
    job.repository.create()


def run(job: StanzaJob, *, accept_drop: bool = False) -> None:
    """Make one backup where this node leads, and list what there is.

    Raises:
        Failed: any reason; what was good before is still there.
    """
    leader = leads(job.stanza.leader_url)
    job.told.update(left_to=None if leader else "the node that leads")
    found = job.repository.info()
    if leader:
        kind = _kind(job, found.copies)
        job.repository.backup(kind, accept_drop=accept_drop)
        found = job.repository.info()
    believed = found.believed(job.stanza.size_drop)
    write(job.places.report(job.name, "pgbackrest"), found.report(believed))
    if not found.copies:
        return  # a follower, before the first backup
    newest = found.copies[-1]
    job.told.update(snapshot=newest.label, bytes=newest.size, kind=newest.kind)
    judge(job, newest, believed)


def judge(job: StanzaJob, newest: Copy, believed: tuple[Copy, ...]) -> None:
    """Accept a backup.

    Raises:
        Failed: size_dropped or damaged.
    """
    if newest not in believed:
        raise Failed(
            Reason.SIZE_DROPPED,
            f"{newest.label} has {newest.size} bytes, and {believed[-1].label} has {believed[-1].size}. "
            f"If that is right: hale-backup run {job.name} --accept-drop",
        )
    if newest.damaged:
        raise Failed(
            Reason.DAMAGED, f"pgBackRest found pages in {newest.label} whose checksum is wrong"
        )


def _kind(job: StanzaJob, copies: tuple[Copy, ...]) -> str:
    """Return what is due: what depends on a full backup is as good as that, so there is a new one now and then."""
    newest = max((one.began for one in copies if one.kind == FULL), default=0.0)
    return FULL if job.wall() - newest >= job.stanza.full_every else DIFFERENTIAL
