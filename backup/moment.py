"""Times as the reports write them: RFC 3339 in UTC."""

import re
from datetime import UTC, datetime

SKEW = 300.0
"""Seconds that something may be from after now; what is later was made while a clock ran ahead, and is not newest."""


def text(seconds: float) -> str:
    """Write Unix seconds."""
    return (
        datetime.fromtimestamp(seconds, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


def seconds(written: str) -> float:
    """Read what `text` or restic wrote, which has nanoseconds.

    Raises:
        ValueError: it is no time, or one without its zone.
    """
    short = re.sub(r"(\.\d{6})\d+", r"\1", written)
    when = datetime.fromisoformat(short)
    if when.tzinfo is None:
        raise ValueError(f"{written!r:.40} has no zone")
    return when.timestamp()


def exact(written: str) -> str:
    """Return a time as PostgreSQL reads it, to the microsecond and in UTC.

    Raises:
        ValueError: it is no time, or one without its zone.
    """
    when = datetime.fromisoformat(written)
    if when.tzinfo is None:
        raise ValueError(f"{written!r:.40} has no zone")
    return when.astimezone(UTC).isoformat(sep=" ")
