"""`hale-backup check` of a database: whether what is written comes into the archive, which bounds what can be lost."""

from backup import moment, report
from backup.postgres.job import StanzaJob
from backup.postgres.role import leads


def run(job: StanzaJob) -> None:
    """Have PostgreSQL hand over what it wrote so far, where this node leads.

    Raises:
        Failed: archive_failed or role_unknown; the report keeps until when all was archived.
    """
    earlier = report.read(job.places.report(job.name, "check"))
    job.told.update(archived_at=earlier.get("archived_at"))
    leader = leads(job.stanza.leader_url)
    job.told.update(left_to=None if leader else "the node that leads")
    if not leader:
        job.told.update(archived_at=None)  # the one that leads tells
        return
    began = job.wall()
    job.repository.check()
    job.told.update(archived_at=moment.text(began))
