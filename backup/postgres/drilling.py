"""`hale-backup drill` of a database: restore the newest backup, recover it, look at all of it, and clean up.

It is done by members that follow, since the one that leads has other things to do. Rule: it is always the newest
backup and all of the log after it; what is missing is found here, and not when it is needed.
"""

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backup import moment, report
from backup.job import outcome, told_of
from backup.places import scratch
from backup.postgres import looking
from backup.postgres.info import Copy, Info
from backup.postgres.job import StanzaJob
from backup.postgres.live import newest_transaction
from backup.postgres.looking import Reached
from backup.postgres.role import leads
from backup.postgres.saving import judge
from backup.postgres.server import Server, recovered
from backup.program import account
from backup.report import MOST_PROOFS, Proof
from backup.room import enough
from backup.words import Failed, Reason

# Times of the promised recovery time after which a drill gives up: by then it has shown that the promise is broken, and
# a restore_command that hangs would hold every other job of the database off.
_PATIENCE = 3


def run(job: StanzaJob) -> Failed | None:
    """Do the drill and write its report; return why it failed, or None.

    Where this node leads nothing is done, and nothing is reported.
    """
    before = report.read(job.places.report(job.name, "drill"))
    proven = report.proofs(job.places, job.name)
    job.told.update(verified=False, verified_at=before.get("verified_at"))
    failure = outcome(job, _turn)
    if failure is None and "left_to" in job.told:
        return None
    failure = failure or outcome(job, _newest)
    if failure is None:
        job.told.update(verified=True, verified_at=job.told["ended_at"])
        proof = _proof(job)
        others = tuple(one for one in proven if one.snapshot != proof.snapshot)
        proven = (proof, *others)[:MOST_PROOFS]
    job.told.update(proven=[one.told() for one in proven])
    return told_of(job, "drill", job.told, failure)


def until(job: StanzaJob, moment_text: str) -> Failed | None:
    """Recover to a point in time and tell what was there. It proves nothing of the newest, so no report is written."""
    return outcome(job, lambda one: _at(one, moment_text))


def _turn(job: StanzaJob) -> None:
    if not job.stanza.alone and leads(job.stanza.leader_url):
        job.told.update(left_to="the nodes that follow")


def _newest(job: StanzaJob) -> None:
    alive = newest_transaction(job.stanza)
    found = job.repository.info()
    if not found.copies:
        raise Failed(Reason.NO_SNAPSHOT, f"the repository has no backup of {job.name}")
    copy = found.copies[-1]
    judge(job, copy, found.believed(job.stanza.size_drop))
    _restored(job, found, copy, None)
    record = job.told.get("newest_record_at")
    restored = moment.seconds(record) if record is not None else copy.ended
    if alive is not None and restored < alive - job.stanza.recovery_point:
        raise Failed(
            Reason.TOO_OLD,
            f"the newest record is of {moment.text(restored)}, and this member had one of "
            f"{moment.text(alive)} before: {job.stanza.recovery_point:g} s were promised",
        )


def _at(job: StanzaJob, moment_text: str) -> None:
    found = job.repository.info()
    _restored(job, found, before(found, moment_text), moment_text)


def before(found: Info, moment_text: str) -> Copy:
    """Return the newest backup that was over at a point in time, from which one can go on to it.

    Raises:
        Failed: no_snapshot; the oldest was made later.
    """
    at = moment.seconds(moment_text)
    copies = [one for one in found.copies if one.ended <= at]
    if not copies:
        oldest = moment.text(found.copies[0].ended) if found.copies else "never"
        raise Failed(
            Reason.NO_SNAPSHOT, f"none is as old as {moment_text}; the oldest is of {oldest}"
        )
    return copies[-1]


def _restored(job: StanzaJob, found: Info, copy: Copy, moment_text: str | None) -> None:
    with given(job) as (place, work):
        job.told.update(snapshot=copy.label, snapshot_at=moment.text(copy.ended))
        enough(place, copy.size)
        data = work / "data"
        started = time.monotonic()
        job.repository.restore(copy.label, data)
        patience = _PATIENCE * job.stanza.recovery_time
        with recovered(job.repository, place, work, data, moment_text, patience) as server:
            job.told.update(restore_seconds=round(time.monotonic() - started, 3), bytes=copy.size)
            came = looked_at(job, server, found, moment_text)
            job.told.update(timeline=came.timeline)


@contextmanager
def given(job: StanzaJob) -> Iterator[tuple[Path, Path]]:
    """Give an empty folder that everybody may pass through, and one in it of PostgreSQL's user; remove both at the end.

    Raises:
        Failed: misconfigured; others than root may write to the scratch place.
    """
    user, folder = account(job.stanza.user), Path(job.stanza.scratch)
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True)
        folder.chmod(0o711)  # to pass through, and to list nothing
    seen = folder.stat()
    if seen.st_uid != os.geteuid() or stat.S_IMODE(seen.st_mode) & 0o022:
        raise Failed(
            Reason.MISCONFIGURED,
            f"{folder}: others than root may write there, and could lead root's writes elsewhere; "
            "chown root, chmod 711",
        )
    with scratch(str(folder), job.name) as place:
        place.chmod(0o711)
        work = place / "pg"
        work.mkdir(mode=0o700)
        os.chown(work, user.uid, user.gid)
        yield place, work


def looked_at(job: StanzaJob, server: Server, found: Info, moment_text: str | None) -> Reached:
    """Look at all of a recovered copy and tell.

    Raises:
        Failed: wal_missing, damaged or nothing_proven.
    """
    came = looking.reached(server)
    looking.newest_record(job.told, came)
    if moment_text is None:
        looking.whole(came, found.newest_wal)
    looking.tell(server, job.told)
    return came


def _proof(job: StanzaJob) -> Proof:
    told = job.told
    record = told.get("newest_record_at")
    return Proof(
        told["snapshot"],
        moment.seconds(told["snapshot_at"]),
        moment.seconds(told["ended_at"]),
        None if record is None else moment.seconds(record),
        told["bytes"],
    )
