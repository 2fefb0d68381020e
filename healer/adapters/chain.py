"""The journal's hash chain: each record holds the hash of the one before it.

The bytes that are hashed are the UTF-8 of one JSON array without spaces, nothing escaped that need not be:
`[seq,at_wall,boot_id,at_mono,incident,kind,version,body,prev_sha256]`, with body as the string that
is stored, incident null where there is none, and floats as Python's repr writes them (the shortest
digits that give the same double). The first record's prev_sha256 is 64 zeros; the newest record's own
hash stands in the table `store`, so that a journal cut short at its end does not pass either.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from healer.errors import ConfigError


class Row(NamedTuple):
    """One row of the table `events`, column by column."""

    seq: int
    at_wall: float
    boot_id: str
    at_mono: float
    incident: str | None
    kind: str
    version: int
    body: str
    prev_sha256: str


@dataclass(frozen=True, slots=True)
class Head:
    """Where the chain ends.

    Attributes:
        seq: Of the newest record; 0 where there is none.
        sha256: Of the newest record, in hex.
    """

    seq: int
    sha256: str


START = Head(0, "0" * 64)
"""The head of an empty journal."""


def link(row: Row) -> Head:
    """Return the head of a chain that ends with this row."""
    text = json.dumps(list(row), ensure_ascii=False, separators=(",", ":"))
    return Head(row.seq, hashlib.sha256(text.encode()).hexdigest())


def verify(rows: Iterable[Row], start: Head, stored: Head, name: str) -> Head:
    """Check that rows follow from `start` and end in `stored`; return the end.

    Args:
        rows: In order of seq.
        start: The head before the first row.
        stored: The head as the journal notes it.
        name: The journal, for the message.

    Raises:
        ConfigError: The chain is broken: someone or something changed the journal. Nothing was repaired.
    """
    head = start
    for row in rows:
        if row.seq != head.seq + 1:
            raise _broken(name, head.seq + 1, f"record {row.seq} follows record {head.seq}")
        if row.prev_sha256 != head.sha256:
            raise _broken(
                name,
                row.seq,
                f"it wants {row.prev_sha256[:12]} before it, record {head.seq} is {head.sha256[:12]}",
            )
        head = link(row)
    if head != stored:
        raise _broken(
            name,
            head.seq,
            f"the records end with {head.seq} ({head.sha256[:12]}), "
            f"the journal's note says {stored.seq} ({stored.sha256[:12]})",
        )
    return head


def _broken(name: str, seq: int, seen: str) -> ConfigError:
    return ConfigError(
        f"{name}: the hash chain breaks at seq {seq}: {seen}. The journal was changed by something "
        "other than hale-healer and is not repaired. Keep the file for whoever looks into it, settle by hand "
        "what it says was begun, move it away, and make a new one with `hale-healer store init` "
        "(its era must be above every gate's)"
    )
