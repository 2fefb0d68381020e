"""How records leave a journal's tables: the rows go, a gap with the last one's hash stays. Blocking.

Rule: everything here runs inside the caller's one transaction, so a crash leaves either all of it or nothing.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from healer.adapters.chain import Gap, Head, gaps_digest
from healer.adapters.journal_tables import gaps_of
from healer.core.events import Pruned
from healer.core.history import BATCH, Going
from healer.errors import LeaseLost


@dataclass(frozen=True, slots=True)
class Run:
    """Records that are missing, from `first` to `last`."""

    first: int
    last: int


def cut(db: sqlite3.Connection, going: Going, head: Head) -> Pruned | None:
    """Take out what goes; return the event that tells of it, to be appended in the same transaction.

    Returns:
        None where nothing goes; then nothing was changed.

    Raises:
        LeaseLost: Records are not where they were when they were read: someone else wrote.
    """
    hints = db.execute(
        "SELECT seq FROM events WHERE kind = 'alerts_received' AND at_wall < ? LIMIT ?",
        (going.hints_before, BATCH),
    )
    seqs = sorted({*going.seqs, *(seq for (seq,) in hints)})
    if not seqs:
        return None
    before = gaps_of(db)
    known = {one.last: one.sha256 for one in before}
    gaps = [_gap(db, run, known, head) for run in merged(before, seqs)]
    gone = db.executemany("DELETE FROM events WHERE seq = ?", ((seq,) for seq in seqs)).rowcount
    if gone != len(seqs):
        raise LeaseLost(f"{len(seqs) - gone} of {len(seqs)} records to be pruned are not there")
    db.executemany(
        "DELETE FROM gaps WHERE first = ?", ((one.first,) for one in set(before) - set(gaps))
    )
    new = sorted(set(gaps) - set(before), key=lambda one: one.first)
    db.executemany(
        "INSERT INTO gaps VALUES (?, ?, ?)", ((one.first, one.last, one.sha256) for one in new)
    )
    return Pruned(
        records=len(seqs),
        total=sum(one.last - one.first + 1 for one in gaps),
        first_seq=seqs[0],
        last_seq=seqs[-1],
        succeeded=going.succeeded,
        failed=going.failed,
        opened=going.opened,
        episodes=going.episodes,
        gaps_sha256=gaps_digest(gaps),
    )


def used_bytes(db: sqlite3.Connection) -> int:
    """Return how many bytes of the file hold something. What pruning frees is used again; the file stays as large."""
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    (free,) = db.execute("PRAGMA freelist_count").fetchone()
    (size,) = db.execute("PRAGMA page_size").fetchone()
    return int((pages - free) * size)


def merged(gaps: Iterable[Gap], seqs: Sequence[int]) -> list[Run]:
    """Return every run of records that are missing, in order; neighbours are one."""
    runs: list[Run] = []
    for one in sorted([*((gap.first, gap.last) for gap in gaps), *((seq, seq) for seq in seqs)]):
        if runs and one[0] <= runs[-1].last + 1:
            runs[-1] = Run(runs[-1].first, max(runs[-1].last, one[1]))
        else:
            runs.append(Run(*one))
    return runs


def _gap(db: sqlite3.Connection, run: Run, known: Mapping[int, str], head: Head) -> Gap:
    if run.last in known:
        return Gap(run.first, run.last, known[run.last])
    if run.last == head.seq:
        return Gap(run.first, run.last, head.sha256)
    after = db.execute("SELECT prev_sha256 FROM events WHERE seq = ?", (run.last + 1,)).fetchone()
    if after is None:
        raise LeaseLost(f"record {run.last + 1} is not there: someone else wrote")
    return Gap(run.first, run.last, after[0])
