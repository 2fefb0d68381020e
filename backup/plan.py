"""A restore that was begun: on disk before each of its steps, so that the next run can tell how far it came."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backup import swap
from backup.job import Job
from backup.places import write
from backup.words import Failed, Reason

NAME = "restoring.json"


@dataclass(frozen=True, slots=True)
class Move:
    """One path and what becomes of it.

    Attributes:
        place: Where it belongs.
        kept: Where the old one goes.
        inode: Of the new one, once it is whole; None before that, and all that is staged is ours then.
        before: Where runs that were cut off put what was there.
    """

    place: Path
    kept: Path
    inode: swap.Inode | None = None
    before: tuple[Path, ...] = ()

    def stage(self, name: str) -> Path:
        """Return the folder beside it that a backup of this name is restored to; each path of each backup has its own.

        No backup has a colon in its name, so `a` with the path b-c is another than `a-b` with the path c.
        """
        return self.place.parent / f".hale-restore-{name}:{self.place.name}"

    def staged(self, name: str) -> Path:
        """Return where restic puts it below that folder."""
        return Path(f"{self.stage(name)}{self.place}")

    @property
    def switched(self) -> bool:
        """Whether the new one is in its place."""
        return self.inode is not None and swap.inode(self.place) == self.inode

    def olds(self) -> tuple[Path, ...]:
        """Return where what was there is kept by now."""
        return tuple(one for one in (*self.before, self.kept) if swap.inode(one) is not None)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is restored from, and to where.

    Attributes:
        snapshot: Its whole id.
        snapshot_at: As of when it is; Unix seconds.
        again: The units that ran before anything was stopped, to be started again.
    """

    snapshot: str
    snapshot_at: float
    moves: tuple[Move, ...]
    again: tuple[str, ...] = ()

    @property
    def done(self) -> tuple[Path, ...]:
        """The paths of which the new one is in place."""
        return tuple(move.place for move in self.moves if move.switched)

    def having(self, at: int, move: Move) -> "Plan":
        """Return it with another move in the place of one."""
        return replace(self, moves=(*self.moves[:at], move, *self.moves[at + 1 :]))


def path(job: Job) -> Path:
    """Return where the plan of a backup lies while its restore is not over."""
    return job.places.of(job.name) / NAME


def save(job: Job, plan: Plan) -> None:
    """Write it durably.

    Raises:
        OSError: the one before is there.
    """
    moves = [
        {
            "place": str(move.place),
            "kept": str(move.kept),
            "inode": move.inode,
            "before": list(map(str, move.before)),
        }
        for move in plan.moves
    ]
    told: dict[str, Any] = {
        "snapshot": plan.snapshot,
        "snapshot_at": plan.snapshot_at,
        "moves": moves,
    }
    told["again"] = list(plan.again)
    write(path(job), json.dumps(told), 0o600)


def read(job: Job) -> Plan | None:
    """Return the plan of a run that was cut off; None where none was.

    Raises:
        Failed: other_snapshot; nobody can tell any more how far it came.
    """
    file = path(job)
    try:
        told: Mapping[str, Any] = json.loads(file.read_bytes())
        moves = tuple(
            Move(
                *(Path(one["place"]), Path(one["kept"]), _inode(one["inode"])),
                tuple(map(Path, one.get("before", ()))),
            )
            for one in told["moves"]
        )
        again = tuple(map(str, told.get("again", ())))
        return Plan(str(told["snapshot"]), float(told["snapshot_at"]), moves, again)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise Failed(
            Reason.OTHER_SNAPSHOT,
            f"{file} cannot be read ({error!r:.80}), so nobody knows how far a restore came: look at what is in place, "
            f"and beside it at .*.hale-old-* and .hale-restore-{job.name}:*, where what was there may be alone, and "
            "move away what is worth it; then remove that file",
        ) from error


def _inode(told: Any) -> swap.Inode | None:
    # An older release wrote the device before it.
    return None if told is None else int(told[1] if isinstance(told, list) else told)
