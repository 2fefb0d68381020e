"""What came of a job of hale-backup: NAME.run.json, NAME.check.json and NAME.restore.json (docs/backups.md)."""

import re
from typing import NamedTuple

from exporter.backups import count, document, unix
from exporter.collector import Malformed

VERSION = 1
# backup/words.py has them all; what a later version adds is shown as well.
REASON = re.compile(r"[a-z]+(_[a-z]+){0,3}")


class Done(NamedTuple):
    """One job; times in Unix seconds.

    Attributes:
        ended_at: When it was over, whatever came of it.
        reason: Why it failed; empty where it did not.
        succeeded_at: When one was last well; None for never.
        first_succeeded_at: When one was well for the first time; None for never, and of an older hale-backup.
        seconds: How long it took.
        corrupt: Files of the source that a disk changed; of a check alone.
        archived_at: Until when all that a database wrote is in its archive; of a check where it leads alone.
    """

    ended_at: float
    reason: str
    succeeded_at: float | None
    seconds: float
    corrupt: int | None
    archived_at: float | None
    first_succeeded_at: float | None = None


def parse(data: bytes) -> Done:
    """Read such a report; keys that we do not know are passed over.

    Raises:
        Malformed: It is none of version 1, or something in it cannot be.
    """
    match document(data):
        case {
            "v": int(version),
            "ok": bool(ok),
            "ended_at": ended,
            "seconds": int(seconds) | float(seconds),
            **rest,
        } if version == VERSION:
            last, corrupt = rest.get("succeeded_at"), rest.get("corrupt_files")
            archived, first = rest.get("archived_at"), rest.get("first_succeeded_at")
            done = Done(
                unix(ended),
                _reason(rest.get("reason"), ok=ok),
                None if last is None else unix(last),
                float(seconds),
                None if corrupt is None else count(corrupt),
                None if archived is None else unix(archived),
                None if first is None else unix(first),
            )
        case other:
            raise Malformed(
                f'wanted "v": {VERSION}, "ok", "ended_at" and "seconds", saw {str(other)[:80]}'
            )
    times = (done.succeeded_at, done.archived_at, done.first_succeeded_at)
    late = any(at is not None and at > done.ended_at for at in times)
    if late or not 0 <= done.seconds < 1e9:
        raise Malformed("a time in it cannot be")
    return done


def _reason(value: object, *, ok: bool) -> str:
    if ok and value is None:
        return ""
    if not ok and isinstance(value, str) and REASON.fullmatch(value) and len(value) <= 40:
        return value
    raise Malformed(f"ok is {ok}, and reason {str(value)[:40]!r}")
