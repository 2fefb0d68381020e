"""Times as JSON has them."""

from datetime import UTC, datetime


def rfc3339(at: float | None) -> str | None:
    """Return a time as RFC 3339, UTC, with milliseconds; None for none and for what no calendar has."""
    if at is None:
        return None
    try:
        text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return None
    return text.replace("+00:00", "Z")
