"""`hale-backup restore`: put a proven backup in the place of what is there, and keep that.

All of it is restored beside the old, on the same file system, and held against its manifest before anything is touched.
A run that was killed leaves the old one in place, or the new one; the next run goes on from there.
"""

from dataclasses import replace
from pathlib import Path

from backup import kept, manifest, moment, report, swap, turn
from backup import plan as plans
from backup.disk import sound
from backup.drilling import fetched
from backup.job import Job
from backup.manifest import Manifest
from backup.mounting import mounted
from backup.places import remove
from backup.plan import Move, Plan
from backup.report import Proof
from backup.restic import Snapshot
from backup.room import enough
from backup.turn import Turn
from backup.units import stopped, to_start
from backup.words import Failed, Reason


def run(job: Job, wanted: str | None = None, agreed: str | None = None) -> None:
    """Restore the newest snapshot that a drill proved within its period, or the one that is named, if it is such.

    Args:
        job: Of which backup.
        wanted: A snapshot's id, or how that begins.
        agreed: The whole id of the one that somebody agreed to as the newest, so that it has to be the newest still.

    Raises:
        Failed: not_proven, other_snapshot, mount_point, not_mounted, failing_disk, no_room or anything of the restore:
            what was there is there. not_switched after a part of the paths, or service_stuck: run it again.
    """
    if agreed is not None:
        _newest_still(job, agreed)
        turn.tell(job.places, job.name, Turn.BEGUN)
    plan = _begun(job, wanted or agreed)
    job.told.update(snapshot=plan.snapshot, snapshot_at=moment.text(plan.snapshot_at))
    for move in plan.moves:
        mounted(move.place)
        swap.may_be_switched(move.place)
        sound(move.place.parent)
    job.restic.open()
    whole = _manifest(job, plan)
    for at in range(len(plan.moves)):
        # First it is on disk that all that is staged is ours, and only then anything of it is removed.
        plan = plan.having(at, _spared(job, plan.moves[at]))
        plans.save(job, plan)
        plan = plan.having(at, _stage(job, plan.snapshot, whole, plan.moves[at]))
        plans.save(job, plan)
    # Those that an earlier run stopped before it was cut off are down now, and ran before.
    ran = to_start(job.backup.units)
    plan = replace(
        plan, again=tuple(one for one in job.backup.units if one in ran or one in plan.again)
    )
    plans.save(job, plan)
    with stopped(job.backup.units, plan.again):
        for move in plan.moves:
            _switch(job, move)
    for move in plan.moves:
        remove(move.stage(job.name))
    plans.path(job).unlink()
    if left := [one for one in job.backup.units if one not in plan.again]:
        job.told.update(left_stopped=left)
    old = [str(one) for move in plan.moves for one in move.olds()]
    job.told.update(files=whole.files, bytes=whole.size, kept=old)


def proven(job: Job, wanted: str | None) -> Proof:
    """Return the proof of what may be restored.

    Raises:
        Failed: not_proven; no drill proved such a snapshot within the period that was promised.
    """
    good = report.current(job.places, job.name, job.backup.drill_period, job.wall())
    if wanted is not None:
        good = [one for one in good if one.snapshot.startswith(wanted)]
    if not good:
        what = "no snapshot" if wanted is None else f"{wanted:.12} was not"
        raise Failed(
            Reason.NOT_PROVEN,
            f"{what} proved by a drill in the last {job.backup.drill_period:g} seconds: "
            f"hale-backup drill {job.name}",
        )
    return good[0]


def _newest_still(job: Job, agreed: str) -> None:
    newest = proven(job, None)
    if newest.snapshot != agreed:
        raise Failed(
            Reason.OTHER_SNAPSHOT,
            f"{agreed:.12} was agreed to, and {newest.snapshot[:12]} is the newest that is proved now; "
            "nothing was touched",
        )


def _begun(job: Job, wanted: str | None) -> Plan:
    """Return the plan of a run that was cut off, or a new one.

    Raises:
        Failed: not_proven; or other_snapshot, a part of another one is in place already.
    """
    earlier = plans.read(job)
    if earlier is not None and earlier.done and wanted and earlier.snapshot.startswith(wanted):
        return earlier  # it was proved when it was begun, and nothing else can end it
    proof = proven(job, wanted)
    if earlier is not None and earlier.snapshot == proof.snapshot:
        return earlier
    if earlier is not None and earlier.done:
        raise Failed(
            Reason.OTHER_SNAPSHOT,
            f"{', '.join(map(str, earlier.done))} of {earlier.snapshot[:8]} is in place, the rest is not: "
            f"hale-backup restore {job.name} --snapshot {earlier.snapshot[:8]}",
        )
    before: dict[Path, tuple[Path, ...]] = {}
    for move in earlier.moves if earlier is not None else ():
        before[move.place] = _spared(job, move).olds()
        remove(move.stage(job.name))
    now = job.wall()
    moves = [
        Move(place, kept.name(place, now), before=before.get(place, ()))
        for place in map(Path, job.backup.paths)
    ]
    return Plan(proof.snapshot, proof.snapshot_at, tuple(moves))


def _spared(job: Job, move: Move) -> Move:
    """Keep what a run that was cut off had exchanged for the new one, where that has left its place since.

    It may be all that there is of what was there. The move is begun anew then, with nothing of it staged.

    Raises:
        Failed: not_switched; it stays where it is.
    """
    staged = move.staged(job.name)
    lies = swap.inode(staged)
    if move.inode is None or move.switched or lies == move.inode:
        return move
    if lies is not None:
        swap.set_aside(staged, move.kept)
    return Move(move.place, kept.name(move.place, job.wall()), before=move.olds())


def _manifest(job: Job, plan: Plan) -> Manifest:
    folder = job.places.of(job.name) / "restoring"
    remove(folder)
    folder.mkdir(mode=0o700)
    try:
        return fetched(job, _snapshot(job, plan.snapshot), folder)
    finally:
        remove(folder)


def _snapshot(job: Job, wanted: str) -> Snapshot:
    for one in job.restic.snapshots():
        if one.id == wanted:
            return one
    raise Failed(Reason.NO_SNAPSHOT, f"{wanted[:8]} is no more in {job.backup.repository}")


def _stage(job: Job, snapshot: str, whole: Manifest, move: Move) -> Move:
    """Restore one path beside the old one, unless that was done already, and hold it against the manifest."""
    top, stage = str(move.place), move.stage(job.name)
    if move.switched:
        return move
    if top not in whole.paths:
        raise Failed(Reason.DIFFERS, f"{top} is not in {snapshot[:8]}")
    if move.inode is None:
        remove(stage)
        size = sum(
            e.size for e in whole.entries.values() if e.path == top or e.path.startswith(f"{top}/")
        )
        enough(stage.parent, size)
        stage.mkdir(mode=0o700)
        job.restic.restore(snapshot, stage, top)
    # Of one path alone there may be nothing to prove: a drill has judged the whole.
    found = manifest.compare(whole, stage, [top])
    manifest.alike(found)
    if found.links_not_kept:
        job.told.setdefault("links_not_kept", []).extend(found.links_not_kept)
    swap.written_out(stage)
    return replace(move, inode=swap.inode(move.staged(job.name)))


def _switch(job: Job, move: Move) -> None:
    staged = move.staged(job.name)
    if not move.switched:
        swap.switch(staged, move.place, move.kept)
    if swap.inode(staged) is not None:
        swap.set_aside(staged, move.kept)
