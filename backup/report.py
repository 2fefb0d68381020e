"""The reports in /var/lib/hale-backups, which the exporter, the gate and people read (docs/backups.md)."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backup import moment
from backup.moment import SKEW
from backup.places import Places, write

VERSION = 1
MOST_BYTES = 1 << 20
MOST_PROOFS = 20
"""So many of the newest snapshots that a drill proved are remembered."""


def save(places: Places, name: str, kind: str, told: Mapping[str, Any]) -> None:
    """Replace a report; what is None is left out.

    Raises:
        OSError: it cannot be written.
    """
    content = {"v": VERSION, **{key: value for key, value in told.items() if value is not None}}
    write(places.report(name, kind), json.dumps(content, indent=2) + "\n")


def read(path: Path) -> Mapping[str, Any]:
    """Return a report of ours; an empty one where there is none, or none that could be of any use.

    One that others than root could have written is none: it says what may be restored.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as file:
            seen = os.fstat(fd)
            data = file.read(MOST_BYTES + 1)
        if seen.st_uid not in (0, os.geteuid()) or seen.st_mode & 0o022 or len(data) > MOST_BYTES:
            return {}
        told = json.loads(data)
    except (OSError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) and told.get("v") == VERSION else {}


@dataclass(frozen=True, slots=True)
class Proof:
    """That a drill restored a snapshot and found it right.

    Attributes:
        snapshot: Its whole id.
        snapshot_at: As of when it is; Unix seconds, as below.
        proved_at: When the drill ended.
        newest_record_at: Of when the newest record in it was; None where it has no such thing.
        size: Bytes that were restored.
    """

    snapshot: str
    snapshot_at: float
    proved_at: float
    newest_record_at: float | None
    size: int

    def told(self) -> Mapping[str, Any]:
        """Return it as a report has it."""
        record = self.newest_record_at
        return {
            "snapshot": self.snapshot,
            "snapshot_at": moment.text(self.snapshot_at),
            "proved_at": moment.text(self.proved_at),
            "newest_record_at": None if record is None else moment.text(record),
            "bytes": self.size,
        }


def proofs(places: Places, name: str) -> tuple[Proof, ...]:
    """Return what drills proved of a backup, newest snapshot first; nothing where that cannot be read."""
    told = read(places.report(name, "drill")).get("proven", [])
    try:
        found = [_proof(one) for one in told]
    except (ValueError, KeyError, TypeError):
        return ()
    return tuple(sorted(found, key=lambda one: one.snapshot_at, reverse=True))


def current(places: Places, name: str, period: float, now: float) -> list[Proof]:
    """Return the proofs that count now, newest snapshot first.

    They are of the last `period` seconds, and none is of a time to come, nor its snapshot: a clock set back must not
    make one last, nor what was backed up while it ran ahead the newest.
    """
    found, latest = proofs(places, name), now + SKEW
    return [
        one
        for one in found
        if now - period <= one.proved_at <= latest and one.snapshot_at <= latest
    ]


def _proof(told: Mapping[str, Any]) -> Proof:
    record = told.get("newest_record_at")
    return Proof(
        str(told["snapshot"]),
        moment.seconds(told["snapshot_at"]),
        moment.seconds(told["proved_at"]),
        None if record is None else moment.seconds(record),
        int(told["bytes"]),
    )
