"""What somebody looks for in the history, from the address of the page."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from healer.core.ended import Query
from healer.errors import Malformed

LONGEST = 200
"""Characters of each field."""

MOST_PAGES = 1_000_000


def query_of(given: Mapping[str, str]) -> tuple[Query, int]:
    """Return what is looked for, and the page of it, from 1.

    Raises:
        Malformed: A time or a page is none; the message says which.
    """
    fields = {name: value.strip()[:LONGEST] for name, value in given.items()}
    page = fields.get("page") or "1"
    if not page.isdecimal() or not page.isascii() or not 1 <= int(page) <= MOST_PAGES:
        raise Malformed(f"page: {page!r} is no number from 1 on")
    query = Query(
        text=fields.get("text", ""),
        node=fields.get("node", ""),
        service=fields.get("service", ""),
        outcome=fields.get("outcome", ""),
        since=_time("since", fields.get("since", ""), after=False),
        until=_time("until", fields.get("until", ""), after=True),
    )
    return query, int(page)


def _time(name: str, text: str, *, after: bool) -> float | None:
    """Return a day or a time as epoch seconds, UTC where it names no zone; of a day its start, or what is after it."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        if len(text) == len("2027-01-15") and after:
            found += timedelta(days=1)
        return found.replace(tzinfo=found.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError) as exc:
        raise Malformed(f"{name}: {text!r} is no day like 2027-01-15") from exc
