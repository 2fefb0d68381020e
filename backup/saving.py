"""`hale-backup run`: hash the source, back it up, look again, store the manifest, and only then call it a backup."""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from backup import manifest, moment, plan, report
from backup.entry import Entry
from backup.job import Job
from backup.manifest import Manifest
from backup.mounting import mounted
from backup.places import write
from backup.restic import Snapshot
from backup.words import Failed, Reason

MANIFEST = "manifest.jsonl"
"""The last good backup's, kept on the node too: to see what changed since, and what should not have."""

FOREVER = float("inf")
"""Seconds for which a proof keeps its snapshot in the repository; for how long it counts is another thing."""


def run(job: Job, *, accept_drop: bool = False) -> None:
    """Make one backup.

    Raises:
        Failed: any reason; what was good before is still there, and still the newest good one.
    """
    earlier = report.read(job.places.report(job.name, "run"))
    # Also a run that finds nothing any more tells it: whoever agrees to a restore wants to know.
    kept = ("newest_change_at", "newest_change_seen_at")
    job.told.update({name: earlier.get(name) for name in kept})
    for top in job.backup.paths:
        mounted(Path(top))
    job.restic.open()
    known = last(job)
    entries: Mapping[str, Entry] = {} if known is None else known.entries
    looked_at = moment.text(job.wall())
    found = manifest.scan(job.backup, entries)
    job.told.update(files=found.files, bytes=found.size)
    job.told.update(newest_change_at=_newest(job, found), newest_change_seen_at=looked_at)
    name = secrets.token_hex(8)
    job.restic.save(name)
    whole = manifest.after(found, name)
    job.told.update(moving=sum(one.moving for one in whole.entries.values()))
    if found.unreadable:
        raise Failed(Reason.SOURCE_UNREADABLE, "; ".join(found.unreadable[: manifest.TOLD]))
    if not accept_drop:
        _big_enough(job, known, whole)
    _keep(job, whole)
    snapshots = job.restic.snapshots()
    job.told.update(snapshot=next((one.id for one in snapshots if one.run == name), None))
    _list(job, snapshots)
    if job.backup.keep:
        _list(job, job.restic.forget(snapshots, _needed(job), job.wall() + moment.SKEW))


def _needed(job: Job) -> list[str]:
    """Return the snapshots that stay whatever `keep` says: the newest that is proved, and one that is half in place."""
    proven = report.current(job.places, job.name, FOREVER, job.wall())
    begun = plan.read(job)
    return [one.snapshot for one in proven[:1]] + ([begun.snapshot] if begun is not None else [])


def _newest(job: Job, found: Manifest) -> str | None:
    """Return when a file was written last. Its owner may set a time as they like: one after now says nothing."""
    latest = job.wall() * 1e9
    times = [one.mtime for one in found.entries.values() if one.kind == "f"]
    newest = max((one for one in times if 0 <= one <= latest), default=None)
    return None if newest is None else moment.text(newest / 1e9)


def last(job: Job) -> Manifest | None:
    """Return the manifest of the last good backup as the node has it; None where it has none that can be read."""
    try:
        return manifest.read(job.places.of(job.name) / MANIFEST)
    except Failed:
        return None


def _stored(job: Job) -> Manifest | None:
    """Return the manifest of the last good backup as the repository has it; None where there is no backup yet.

    A node that was made anew has nothing of its own, and its first backups must not push out those of before.

    Raises:
        Failed: repository_unusable or no_manifest.
    """
    good = [one for one in job.restic.snapshots() if one.manifest]
    if not good:
        return None
    file = job.places.of(job.name) / f"stored-{MANIFEST}"
    try:
        job.restic.fetch_manifest(good[-1], file)
        return manifest.read(file)
    finally:
        file.unlink(missing_ok=True)


def _big_enough(job: Job, own: Manifest | None, now: Manifest) -> None:
    """See that not more is gone than may be.

    Raises:
        Failed: size_dropped; the snapshot is there, and has no manifest. As of `_stored` where the node has none.
    """
    before = _stored(job) if own is None else own
    if before is None:
        return
    share = 1 - job.backup.size_drop
    for what, had, has in (("bytes", before.size, now.size), ("files", before.files, now.files)):
        if has < had * share:
            raise Failed(
                Reason.SIZE_DROPPED,
                f"{has} {what}, and {had} in the last good one. If that is right: "
                f"hale-backup run {job.name} --accept-drop",
            )


def _keep(job: Job, whole: Manifest) -> None:
    fresh = job.places.of(job.name) / f"new-{MANIFEST}"
    manifest.save(whole, fresh)
    job.restic.keep_manifest(whole.run, fresh)
    fresh.replace(job.places.of(job.name) / MANIFEST)


def _list(job: Job, found: tuple[Snapshot, ...]) -> None:
    """Write what restic says of the good ones, word for word: others would make the backup look younger than it is."""
    text = json.dumps([one.told for one in found if one.manifest])
    write(job.places.report(job.name, "restic"), f"{text}\n")
