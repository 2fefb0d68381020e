"""Times as people read them: the moment itself, and how long ago it was.

The script keeps the second part going; without it, it was right when the page was made.
"""

from datetime import datetime

from healer.web.markup import Markup, element, join

UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def moment(text: str | None) -> Markup:
    """Return a time of day with its date, to the second; a dash where there is none."""
    if not text:
        return join(["-"])
    return element("time", text[:19].replace("T", " ") + "Z", datetime=text, title=text)


def clock(text: str | None) -> Markup:
    """Return a time of day alone, to the millisecond."""
    if not text:
        return join(["-"])
    return element("time", text[11:].removesuffix("Z"), datetime=text, title=text)


def ago(text: str | None, now: str | None) -> Markup:
    """Return how long ago it was at `now`."""
    seconds = between(text, now)
    if text is None or seconds is None:
        return join(["-"])
    return element("time", duration(seconds), datetime=text, title=text, class_="age")


def between(start: str | None, end: str | None) -> float | None:
    """Return the seconds between two times; None where one is missing."""
    if not start or not end:
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def duration(seconds: float) -> str:
    """Return a length of time in its two largest units: `2 h 10 min`."""
    left, parts = int(max(0.0, seconds)), list[str]()
    for size, name in UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {name}")
    # After a day nobody asks for minutes: the two that follow each other.
    return " ".join(parts[:2]) or "0 s"
