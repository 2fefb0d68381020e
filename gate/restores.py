"""What may be put back of a backup: what hale-backup's reports say that a drill proved.

Formats: docs/collectors/backups.md and docs/backups.md. Rule: a report that others than root could have written says
nothing, and neither does one of which anything cannot be.
"""

import os
import re
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gate import strict_json
from gate.clock import NANO, Clock
from gate.restore_rule import RestoreRule
from gate.strict_json import Json, JsonObject

MOST_BYTES = 1 << 20
SKEW = 300.0
"""Seconds by which a report may be from after now; whoever set a clock back must not make a proof last, nor what was
backed up while it ran ahead the newest."""

SNAPSHOT = re.compile(r"[0-9A-Za-z_-]{8,64}")
"""restic's ids and pgBackRest's labels; they become a part of a unit's name."""


TURN = Path("/run/hale-backup")
"""Where hale-backup says how far a restore is that we had systemd start."""


class Unreadable(Exception):
    """The report cannot be read or believed; the message says why."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A snapshot that a drill restored and found right.

    Attributes:
        snapshot_at: As of when it is, RFC 3339 as the report has it; the others likewise.
        newest_record_at: Of when the newest record in it is; None where it has no such thing.
    """

    snapshot: str
    snapshot_at: str
    proved_at: str
    newest_record_at: str | None


def newest(rule: RestoreRule, clock: Clock) -> Proof | None:
    """Return the newest snapshot that was proved within its period; None where there is none.

    Raises:
        Unreadable: the report is not there, or cannot be believed.
    """
    now = clock.wall() / NANO
    told = read(rule.drill).get("proven", [])
    if not isinstance(told, list):
        raise Unreadable(f"{rule.drill}: proven is no list")
    proofs = [_proof(one, rule.drill) for one in told]
    good = [
        one
        for one in proofs
        if now - rule.period_seconds <= _seconds(one.proved_at, rule.drill) <= now + SKEW
        and _seconds(one.snapshot_at, rule.drill) <= now + SKEW
    ]
    return max(good, key=lambda one: _seconds(one.snapshot_at, rule.drill), default=None)


def newest_change(rule: RestoreRule) -> tuple[str | None, str | None]:
    """Return when a file was written last, and as of when that is: as a run saw it, which knows of nothing later.

    Each is None where nobody knows.
    """
    try:
        told = read(rule.run)
    except Unreadable:
        return None, None
    return _time(told.get("newest_change_at")), _time(told.get("newest_change_seen_at"))


def _time(value: Json) -> str | None:
    return value if isinstance(value, str) and len(value) < 40 else None


def read(path: str) -> JsonObject:
    """Read a report of hale-backup's.

    Raises:
        Unreadable: as above.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as file:
            seen = os.fstat(fd)
            data = file.read(MOST_BYTES + 1) if stat.S_ISREG(seen.st_mode) else b""
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from error
    if seen.st_uid not in (0, os.geteuid()) or seen.st_mode & 0o022 or len(data) > MOST_BYTES:
        raise Unreadable(f"{path}: others than root could have written it, or it is too long")
    try:
        told = strict_json.object_of(data)
    except ValueError as error:
        raise Unreadable(f"{path}: {error}") from error
    if told.get("v") != 1:
        raise Unreadable(f"{path}: want version 1")
    return told


def waits(backup: str, run: str) -> bool:
    """Whether this run of the unit that restores a backup still waits for its turn, so that it has touched nothing.

    Where it has begun, where nobody knows, and where hale-backup is of before it said so, that is a no.
    """
    try:
        with (TURN / f"{backup}.turn").open("rb") as file:
            return file.read(256) == f"waits {run}\n".encode()
    except OSError:
        return False


def _proof(value: Json, where: str) -> Proof:
    match value:
        case {
            "snapshot": str(snapshot),
            "snapshot_at": str(snapshot_at),
            "proved_at": str(proved_at),
            **rest,
        } if SNAPSHOT.fullmatch(snapshot):
            record = rest.get("newest_record_at")
            return Proof(
                snapshot, snapshot_at, proved_at, record if isinstance(record, str) else None
            )
    raise Unreadable(f"{where}: {str(value)[:80]} is no proof")


def _seconds(text: str, where: str) -> float:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Unreadable(f"{where}: {error}") from error
    if at.tzinfo is None:
        raise Unreadable(f"{where}: {text:.40} has no zone")
    return at.timestamp()
