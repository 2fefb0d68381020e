"""The journal's hash chain: each record holds the hash of the one before it.

The bytes that are hashed are the UTF-8 of one JSON array without spaces, nothing escaped that need not be:
`[seq,at_wall,boot_id,at_mono,incident,kind,version,body,prev_sha256]`, with body as the string that
is stored, incident null where there is none, and floats as Python's repr writes them (the shortest
digits that give the same double). The first record's prev_sha256 is 64 zeros; the newest record's own
hash stands in the table `store`, so that a journal cut short at its end does not pass either.

What is pruned leaves its hash: a row of the table `gaps` stands for each run of records that went, with the hash of
the last of them, from which the next record follows. The newest record of kind `pruned` holds the hash of all gaps
and how many records are missing, so that nobody makes a gap of his own.
"""

import hashlib
import json
from collections import deque
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


@dataclass(frozen=True, slots=True)
class Gap:
    """Records that were pruned: from `first` to `last`, with the hash of the last.

    Neighbours are one gap: the record after a gap follows from the hash, as it would from the record itself.
    """

    first: int
    last: int
    sha256: str


class ChainBroken(ConfigError):
    """The journal is not what a healer wrote. Nothing was repaired.

    Attributes:
        seq: Where it shows first.
        expected: What must stand there.
        found: What stands there.
    """

    def __init__(self, name: str, seq: int, expected: str, found: str) -> None:
        super().__init__(
            f"{name}: the hash chain breaks at seq {seq}: expected {expected}, found {found}. The journal was "
            "changed by something other than hale-healer and is not repaired. Keep the file for whoever looks into it, "
            "settle by hand what it says was begun, move it away, and make a new one with `hale-healer store "
            "init` (its era must be above every gate's)"
        )
        self.seq, self.expected, self.found = seq, expected, found


def gaps_digest(gaps: Iterable[Gap]) -> str:
    """Return the hash of all gaps, in order of seq: what a `pruned` event says of them."""
    text = "".join(f"{one.first}-{one.last}:{one.sha256}\n" for one in gaps)
    return hashlib.sha256(text.encode()).hexdigest()


class Walk:
    """Follows a chain from record to record and from gap to gap.

    Attributes:
        head: What the next record must follow.
        records: How many were followed.
        missing: How many records the gaps stand for.
    """

    def __init__(self, name: str, start: Head = START) -> None:
        self._name = name
        self._start = start
        self._gaps: list[Gap] = []
        self._pruned: Row | None = None
        self.head = start
        self.records = 0
        self.missing = 0

    def gap(self, gap: Gap) -> None:
        """Step over pruned records.

        Raises:
            ChainBroken: The gap is not where the chain stands.
        """
        if not gap.first <= self.head.seq + 1 <= gap.last:
            raise self.broken(self.head.seq + 1, f"record {self.head.seq + 1}", _named(gap))
        self._gaps.append(gap)
        self.missing += gap.last - gap.first + 1
        self.head = Head(gap.last, gap.sha256)

    def row(self, row: Row) -> Head:
        """Step on to the next record; return its head.

        Raises:
            ChainBroken: It does not follow.
        """
        if row.seq != self.head.seq + 1:
            raise self.broken(self.head.seq + 1, f"record {self.head.seq + 1}", f"record {row.seq}")
        if row.prev_sha256 != self.head.sha256:
            before = f"{self.head.sha256[:12]} as the hash before it"
            raise self.broken(row.seq, before, row.prev_sha256[:12])
        self.head = link(row)
        self.records += 1
        if row.kind == "pruned":
            self._pruned = row
        return self.head

    def end(self, stored: Head) -> Head:
        """Check that the chain ends where it should, and that its gaps are those that the newest `pruned` tells of.

        Raises:
            ChainBroken: It does not.
        """
        if self.head != stored:
            noted = f"record {stored.seq} ({stored.sha256[:12]}) as the last, as the journal notes"
            seen = f"record {self.head.seq} ({self.head.sha256[:12]})"
            raise self.broken(self.head.seq, noted, seen)
        if self._start == START:
            self._check_gaps()
        return self.head

    def _check_gaps(self) -> None:
        total, digest = 0, gaps_digest([])
        if self._pruned is not None:
            told = json.loads(self._pruned.body)
            total, digest = told["total"], told["gaps_sha256"]
        if (self.missing, gaps_digest(self._gaps)) != (total, digest):
            first = self._gaps[0].first if self._gaps else self.head.seq
            said = f"{total} pruned records, gaps {digest[:12]}, as the newest `pruned` event says"
            seen = f"{self.missing} missing, gaps {gaps_digest(self._gaps)[:12]}"
            raise self.broken(first, said, seen)

    def broken(self, seq: int, expected: str, found: str) -> ChainBroken:
        """Return the error for what was found at a seq."""
        return ChainBroken(self._name, seq, expected, found)


def verify(rows: Iterable[Row], gaps: Iterable[Gap], start: Head, stored: Head, name: str) -> Walk:
    """Check that rows and gaps follow from `start` and end in `stored`; return the walk at its end.

    Args:
        rows: In order of seq.
        gaps: In order of seq, those that reach beyond `start`.
        start: The head before the first row.
        stored: The head as the journal notes it.
        name: The journal, for the message.

    Raises:
        ChainBroken: Someone or something changed the journal. Nothing was repaired.
    """
    walk, left = Walk(name, start), deque(gaps)
    for row in rows:
        if left and left[0].first <= walk.head.seq + 1 and row.seq > walk.head.seq + 1:
            walk.gap(left.popleft())
        walk.row(row)
    if left and left[0].first <= walk.head.seq + 1:
        walk.gap(left.popleft())
    if left:
        raise walk.broken(left[0].first, f"record {left[0].first} or nothing", _named(left[0]))
    walk.end(stored)
    return walk


def _named(gap: Gap) -> str:
    return f"a gap from {gap.first} to {gap.last}"
