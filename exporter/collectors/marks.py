"""What Hale or a person has taken out of service here, from the gate's marks.json.

The gate replaces the file whole, so it is opened at each scrape; /run is memory, and waits for no disk.
"""

import json
import os
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from exporter.collector import Absent, Malformed, OnScrape
from exporter.exposition import Family, Kind, block, line
from exporter.files import opened

FAMILY = Family(
    "hale_mark_timestamp_seconds",
    Kind.GAUGE,
    "Since when a mark takes the subject out of service here, in unixtime, for each kind of owner.",
)

VERSION = 1
OWNER_KINDS = ("incident", "lock", "person")
MARK = re.compile(r"[a-z_]+(\.[a-z_]+)+")
# Far more than a node can have marks for.
MAX_BYTES = 1024 * 1024

Stamp = tuple[int, int, int]


class Mark(NamedTuple):
    """One mark on one subject; `since` in Unix seconds, `owner_kinds` sorted."""

    mark: str
    subject: str
    owner_kinds: tuple[str, ...]
    since: float


def parse(data: bytes) -> list[Mark]:
    """Read the whole file; keys that we do not know are passed over.

    Raises:
        Malformed: It is no marks.json of version 1, something in it is of the wrong kind, a mark is there
            twice, or the gate itself could not know its marks.
    """
    try:
        whole = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"marks: not JSON: {error}") from error
    match whole:
        case {"v": int(version), "marks": list(found)} if version == VERSION:
            marks = [_mark(one) for one in found]
        case {"v": int(version), "marks": None} if version == VERSION:
            raise Malformed("marks: the gate cannot read its own")
        case _:
            raise Malformed(f'marks: wanted "v": {VERSION} and "marks", saw {str(whole)[:80]}')
    if len({(one.mark, one.subject) for one in marks}) != len(marks):
        raise Malformed("marks: a mark is there twice")
    return marks


def _mark(value: object) -> Mark:
    match value:
        case {"mark": str(mark), "subject": str(subject), "owners": [*owners], "since": str(since)}:
            kinds = {_kind(owner) for owner in owners}
            if MARK.fullmatch(mark) and _shown(subject) and kinds and kinds <= {*OWNER_KINDS}:
                return Mark(mark, subject, tuple(sorted(kinds)), _unix(since))
    raise Malformed(f"marks: wanted mark, subject, owners and since, saw {str(value)[:160]}")


def _shown(subject: str) -> bool:
    """Tell whether it can be a label that no other subject has; halves of characters all become `?`."""
    return bool(subject) and subject.isprintable()


def _kind(owner: object) -> str:
    kind, colon, name = str(owner).partition(":")
    return kind if colon and name else ""


def _unix(text: str) -> float:
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise Malformed(f"marks: since: {error}") from error
    if when.tzinfo is None:
        raise Malformed(f"marks: since: wanted a time with its zone, saw {text!r}")
    return when.timestamp()


class Marks(OnScrape):
    """Serves hale_mark_timestamp_seconds."""

    name = "marks"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: tuple[Stamp, bytes] | None = None

    def collect(self) -> bytes:
        """Read the file, if it is another than last time.

        Raises:
            Absent: There is no gate here, or it never wrote one.
            Malformed: It could not be understood, or is far too large.
            OSError: It could not be read.
        """
        try:
            with os.fdopen(opened(self._path), "rb") as file:
                seen = os.fstat(file.fileno())
                stamp = (seen.st_mtime_ns, seen.st_ino, seen.st_size)
                if self._last is None or self._last[0] != stamp:
                    data = file.read(MAX_BYTES + 1)
                    if len(data) > MAX_BYTES:
                        raise Malformed(f"marks: more than {MAX_BYTES} bytes")
                    self._last = stamp, _block(parse(data))
        except FileNotFoundError:
            raise Absent(f"{self._path} does not exist") from None
        return self._last[1]


def _block(marks: Iterable[Mark]) -> bytes:
    return block(
        FAMILY,
        [
            line(FAMILY.series(mark=one.mark, owner_kind=kind, subject=one.subject), one.since)
            for one in marks
            for kind in one.owner_kinds
        ],
    )
