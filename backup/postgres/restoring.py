"""`hale-backup restore` of a database: into a new folder beside the old one, for a person to take from.

Rule: nothing here touches a data directory that somebody uses. Whoever puts an older state of a database in place
takes back what was acknowledged, and that is a person's to decide (docs/backups.md).
"""

import os
import shutil
import time
from pathlib import Path

from backup import moment
from backup.postgres.drilling import before, given, looked_at
from backup.postgres.info import Copy, Info
from backup.postgres.job import StanzaJob
from backup.postgres.server import AUTO, as_its_user, recovered
from backup.program import account
from backup.room import enough
from backup.words import Failed, Reason


def run(job: StanzaJob, into: Path | None, moment_text: str | None) -> None:
    """Restore and recover into a folder that is not there yet, and look at all of it.

    Raises:
        Failed: by_a_person without a folder; any other, and the folder is gone again.
    """
    into = new_folder(job, into)
    found = job.repository.info()
    if not found.copies:
        raise Failed(Reason.NO_SNAPSHOT, f"the repository has no backup of {job.name}")
    copy = found.copies[-1] if moment_text is None else before(found, moment_text)
    job.told.update(snapshot=copy.label, snapshot_at=moment.text(copy.ended), into=str(into))
    enough(into.parent, copy.size)
    try:
        _restored(job, found, copy, into, moment_text)
    except BaseException:
        shutil.rmtree(into, ignore_errors=True)
        raise


def new_folder(job: StanzaJob, into: Path | None) -> Path:
    """Return the folder to restore into.

    Raises:
        Failed: by_a_person; none was named, or one that is not new.
    """
    if into is None:
        raise Failed(
            Reason.BY_A_PERSON,
            f"no database is put in place by itself: hale-backup restore {job.name} --into DIR, with --to TIME "
            "for a point in time; docs/backups.md says how to go on",
        )
    if not into.is_absolute() or into.exists() or not into.parent.is_dir():
        raise Failed(Reason.BY_A_PERSON, f"{into} has to be a new folder in one that is there")
    return into


def _restored(job: StanzaJob, found: Info, copy: Copy, into: Path, moment_text: str | None) -> None:
    user = account(job.stanza.user)
    with given(job) as (place, work):
        into.mkdir(mode=0o700)
        os.chown(into, user.uid, user.gid, follow_symlinks=False)  # its parent may be that user's
        started = time.monotonic()
        job.repository.restore(copy.label, into)
        own = place / AUTO
        as_its_user(("cat", "--", str(into / AUTO)), user, target=own)
        with recovered(job.repository, place, work, into, moment_text) as server:
            job.told.update(restore_seconds=round(time.monotonic() - started, 3), bytes=copy.size)
            looked_at(job, server, found, moment_text)
        as_its_user(("tee", "--", str(into / AUTO)), user, source=own)
