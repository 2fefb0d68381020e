"""What came of the last restore drill of a backup: a report of our own, NAME.drill.json.

Its fields and an example stand in docs/collectors/backups.md. Rule: who says that a backup was proven says of which.
"""

import math
from typing import NamedTuple

from exporter.backups import count, document, unix
from exporter.collector import Malformed

VERSION = 1


class Drill(NamedTuple):
    """One drill; times in Unix seconds.

    Attributes:
        ended_at: When it was over, whatever came of it.
        verified: Whether what was restored was found right.
        verified_at: When a drill last found so, perhaps an earlier one; None for never.
        snapshot_at: As of when the backup was that it restored; None, as all below, where it did not come so far.
        newest_record_at: Of what was restored; None also where it has no such thing, as files have not.
        restore_seconds: From the beginning of the restore until what was restored could be used.
        size: Bytes that were restored.
        files: How many were restored.
    """

    ended_at: float
    verified: bool
    verified_at: float | None
    snapshot_at: float | None
    newest_record_at: float | None
    restore_seconds: float | None
    size: int | None
    files: int | None


def parse(data: bytes) -> Drill:
    """Read such a report; keys that we do not know are passed over.

    Raises:
        Malformed: It is none of version 1, something in it is of the wrong kind or after the drill's end, or it
            tells of a proof without saying of what.
    """
    match document(data):
        case {"v": int(version), "ended_at": ended, "verified": bool(verified), **rest} if (
            version == VERSION
        ):
            ended_at = unix(ended)
            last = rest.get("verified_at")
            drill = Drill(
                ended_at,
                verified,
                ended_at if verified else _time(last),
                _time(rest.get("snapshot_at")),
                _time(rest.get("newest_record_at")),
                _seconds(rest.get("restore_seconds")),
                _whole(rest.get("bytes")),
                _whole(rest.get("files")),
            )
        case other:
            wanted = f'"v": {VERSION}, "ended_at" and "verified"'
            raise Malformed(f"wanted {wanted}, saw {str(other)[:80]}")
    _sound(drill, rest.get("snapshot"))
    return drill


def _sound(drill: Drill, snapshot: object) -> None:
    times = (drill.verified_at, drill.snapshot_at, drill.newest_record_at)
    if any(at is not None and at > drill.ended_at for at in times):
        raise Malformed("a time in it is after ended_at")
    named = isinstance(snapshot, str) and bool(snapshot)
    facts = (drill.snapshot_at, drill.restore_seconds, drill.size)
    if drill.verified and (not named or None in facts):
        raise Malformed(
            "verified, but without one of snapshot, snapshot_at, restore_seconds and bytes"
        )


def _time(value: object) -> float | None:
    return None if value is None else unix(value)


def _whole(value: object) -> int | None:
    return None if value is None else count(value)


def _seconds(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, float) and math.isfinite(value) and value >= 0:
        return value
    return count(value)
