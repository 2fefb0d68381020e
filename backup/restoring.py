"""`hale-backup restore`: put a proven backup in the place of what is there, and keep that.

All of it is restored beside the old, on the same file system, and held against its manifest before anything is touched.
A run that was killed leaves the old one in place, or the new one; the next run goes on from there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backup import manifest, moment, report, swap
from backup.disk import sound
from backup.drilling import fetched
from backup.job import Job
from backup.manifest import Manifest
from backup.places import remove, write
from backup.report import Proof
from backup.restic import Snapshot
from backup.room import enough
from backup.units import stopped
from backup.words import Failed, Reason

PLAN = "restoring.json"


@dataclass(frozen=True, slots=True)
class Move:
    """One path and what becomes of it.

    Attributes:
        place: Where it belongs.
        kept: Where the old one goes.
        inode: Of the new one, once it is whole; None before that.
    """

    place: Path
    kept: Path
    inode: swap.Inode | None = None

    def stage(self, name: str) -> Path:
        """Return the folder beside it that a backup of this name is restored to; each path has its own."""
        return self.place.parent / f".hale-restore-{name}-{self.place.name}"

    def staged(self, name: str) -> Path:
        """Return where restic puts it below that folder."""
        return Path(f"{self.stage(name)}{self.place}")

    @property
    def switched(self) -> bool:
        """Whether the new one is in its place."""
        return self.inode is not None and swap.inode(self.place) == self.inode


@dataclass(frozen=True, slots=True)
class Plan:
    """A restore that was begun; on disk before each step, so that the next run can tell how far it came."""

    snapshot: str
    moves: tuple[Move, ...]


def run(job: Job, wanted: str | None = None) -> None:
    """Restore the newest snapshot that a drill proved within its period, or the one that is named, if it is such.

    Raises:
        Failed: not_proven, other_snapshot, mount_point, failing_disk, no_room or anything of the restore: what was
            there is there. not_switched after a part of the paths, or service_stuck: run it again.
    """
    proof = proven(job, wanted)
    job.told.update(snapshot=proof.snapshot, snapshot_at=moment.text(proof.snapshot_at))
    plan = _begun(job, proof)
    for move in plan.moves:
        swap.may_be_switched(move.place)
        sound(move.place.parent)
    job.restic.open()
    whole = _manifest(job, proof)
    for at, move in enumerate(plan.moves):
        staged = _stage(job, plan.snapshot, whole, move)
        plan = replace(plan, moves=(*plan.moves[:at], staged, *plan.moves[at + 1 :]))
        _write(job, plan)
    with stopped(job.backup.units):
        for move in plan.moves:
            _switch(job, move)
    for move in plan.moves:
        remove(move.stage(job.name))
    (job.places.of(job.name) / PLAN).unlink()
    kept = [str(one.kept) for one in plan.moves if swap.inode(one.kept) is not None]
    job.told.update(files=whole.files, bytes=whole.size, kept=kept)


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


def _begun(job: Job, proof: Proof) -> Plan:
    """Return the plan of a run that was cut off, or a new one.

    Raises:
        Failed: other_snapshot; a part of another one is in place already.
    """
    earlier = _read(job)
    if earlier is not None and earlier.snapshot == proof.snapshot:
        return earlier
    if earlier is not None:
        done = [str(move.place) for move in earlier.moves if move.switched]
        if done:
            raise Failed(
                Reason.OTHER_SNAPSHOT,
                f"{', '.join(done)} of {earlier.snapshot[:8]} is in place, the rest is not: "
                f"hale-backup restore {job.name} --snapshot {earlier.snapshot[:8]}",
            )
        for move in earlier.moves:
            remove(move.stage(job.name))
    stamp = moment.text(job.wall()).partition(".")[0].replace(":", "").replace("-", "")
    moves = [
        Move(place, place.with_name(f".{place.name}.hale-old-{stamp}Z"))
        for place in map(Path, job.backup.paths)
    ]
    return Plan(proof.snapshot, tuple(moves))


def _manifest(job: Job, proof: Proof) -> Manifest:
    folder = job.places.of(job.name) / "restoring"
    remove(folder)
    folder.mkdir(mode=0o700)
    try:
        return fetched(job, _snapshot(job, proof.snapshot), folder)
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
    if move.inode is None or swap.inode(move.staged(job.name)) != move.inode:
        remove(stage)
        size = sum(
            e.size for e in whole.entries.values() if e.path == top or e.path.startswith(f"{top}/")
        )
        enough(stage.parent, size)
        stage.mkdir(mode=0o700)
        job.restic.restore(snapshot, stage, top)
    # Of one path alone there may be nothing to prove: a drill has judged the whole.
    manifest.alike(manifest.compare(whole, stage, [top]))
    swap.written_out(stage)
    return replace(move, inode=swap.inode(move.staged(job.name)))


def _switch(job: Job, move: Move) -> None:
    staged = move.staged(job.name)
    if not move.switched:
        swap.switch(staged, move.place, move.kept)
    if swap.inode(staged) is not None:
        swap.set_aside(staged, move.kept)


def _write(job: Job, plan: Plan) -> None:
    moves = [{"place": str(m.place), "kept": str(m.kept), "inode": m.inode} for m in plan.moves]
    text = json.dumps({"snapshot": plan.snapshot, "moves": moves})
    write(job.places.of(job.name) / PLAN, text, 0o600)


def _read(job: Job) -> Plan | None:
    try:
        told: Mapping[str, Any] = json.loads((job.places.of(job.name) / PLAN).read_text())
    except FileNotFoundError:
        return None
    moves = tuple(
        Move(Path(m["place"]), Path(m["kept"]), None if m["inode"] is None else tuple(m["inode"]))
        for m in told["moves"]
    )
    return Plan(told["snapshot"], moves)
