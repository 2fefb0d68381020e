"""`hale-backup drill`: restore the newest backup into a scratch place, hold it against its manifest, and clean up.

Rule: it is always the newest snapshot up to now, good or not. One that cannot be proved is found here, and not when it
is needed.
"""

import hashlib
import time
from pathlib import Path

from backup import manifest, moment, report
from backup.job import Job, outcome, told_of
from backup.moment import SKEW
from backup.places import scratch
from backup.report import MOST_PROOFS, Proof
from backup.restic import Snapshot
from backup.room import enough
from backup.saving import MANIFEST
from backup.words import Failed, Reason


def run(job: Job) -> Failed | None:
    """Do the drill and write its report; return why it failed, or None."""
    before = report.read(job.places.report(job.name, "drill"))
    proven = report.proofs(job.places, job.name)
    job.told.update(verified=False, verified_at=before.get("verified_at"))
    failure = outcome(job, _drill)
    if failure is None:
        job.told.update(verified=True, verified_at=job.told["ended_at"])
        told = job.told
        at, ended = (moment.seconds(told[key]) for key in ("snapshot_at", "ended_at"))
        proof = Proof(told["snapshot"], at, ended, None, told["bytes"])
        others = tuple(one for one in proven if one.snapshot != proof.snapshot)
        proven = (proof, *others)[:MOST_PROOFS]
    job.told.update(proven=[one.told() for one in proven])
    return told_of(job, "drill", job.told, failure)


def _drill(job: Job) -> None:
    with scratch(job.backup.scratch, job.name) as place:
        job.restic.open()
        snapshot = _newest(job)
        job.told.update(snapshot=snapshot.id, snapshot_at=moment.text(snapshot.at))
        wanted = fetched(job, snapshot, place)
        enough(place, wanted.size)
        target = place / "restored"
        target.mkdir()
        started = time.monotonic()
        job.restic.restore(snapshot.id, target)
        job.told.update(restore_seconds=round(time.monotonic() - started, 3))
        found = manifest.compare(wanted, target)
        manifest.judge(found)
        job.told.update(files=found.proved, bytes=found.size, moving=found.moving)
        job.told.update(links_not_kept=found.links_not_kept or None)


def _newest(job: Job) -> Snapshot:
    snapshots = job.restic.snapshots()
    if not snapshots:
        raise Failed(Reason.NO_SNAPSHOT, f"{job.backup.repository} has none of {job.name}")
    # One of a time that is still to come would be the newest until then, and all that is newer would never be proved.
    for one in reversed(snapshots):
        if one.at <= job.wall() + SKEW:
            return one
    first = moment.text(snapshots[0].at)
    raise Failed(
        Reason.NO_SNAPSHOT,
        f"all of {job.name} are of {first} or later, after now: look at the clock",
    )


def fetched(job: Job, snapshot: Snapshot, place: Path) -> manifest.Manifest:
    """Return a snapshot's manifest as the repository has it.

    Raises:
        Failed: no_manifest, or manifest_changed; it is not the one that this node made.
    """
    file = place / MANIFEST
    job.restic.fetch_manifest(snapshot, file)
    wanted = manifest.read(file)
    if wanted.run != snapshot.run:
        raise Failed(Reason.MANIFEST_CHANGED, f"it is of the run {wanted.run:.20}")
    own = job.places.of(job.name) / MANIFEST
    try:
        ours = manifest.read(own)
    except Failed:
        return wanted  # a node that was made anew has none
    if ours.run == snapshot.run and _digest(own) != _digest(file):
        raise Failed(Reason.MANIFEST_CHANGED, "the repository's is not the one that this node made")
    return wanted


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
