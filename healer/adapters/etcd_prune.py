"""What leaves etcd, and what stays of it: gaps with the hash of the last record, and one `pruned` event.

Rule: gaps and event are written first, in one transaction with the head; then the records go. One that is in a gap and
still there was interrupted in going and does not count.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from healer.adapters.chain import Gap, Row, gaps_digest, link
from healer.adapters.etcd_keys import Keys, written
from healer.adapters.etcd_wire import Delete
from healer.adapters.journal_prune import Run, merged
from healer.core.events import Pruned
from healer.core.history import Going
from healer.errors import LeaseLost

HINTS = "alerts_received"
"""They decide nothing. What they may use is counted beside them, so they need not stay in etcd for that."""

DELETES = 100
"""In one transaction."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What leaves etcd.

    Attributes:
        seqs: Of the records, rising.
        bytes: Of them.
        gaps: All that there are then.
        event: What tells of it.
    """

    seqs: tuple[int, ...]
    bytes: int
    gaps: tuple[Gap, ...]
    event: Pruned


def cut(
    going: Going,
    seqs: Sequence[int],
    before: Sequence[Gap],
    rows_of: Callable[[Iterable[int]], list[Row]],
) -> Cut:
    """Return what is to be written and removed so that records go.

    Args:
        going: What the history lets go of.
        seqs: All that goes, rising, hints included.
        before: The gaps that there are.
        rows_of: Returns records by seq.

    Raises:
        LeaseLost: Records are not where they were when they were read: someone else wrote.
    """
    rows = rows_of(seqs)
    if len(rows) != len(seqs):
        raise LeaseLost(
            f"{len(seqs) - len(rows)} of {len(seqs)} records to be pruned are not there"
        )
    hashes = {one.last: one.sha256 for one in before} | {row.seq: link(row).sha256 for row in rows}
    gaps = tuple(Gap(run.first, run.last, hashes[run.last]) for run in merged(before, seqs))
    event = Pruned(
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
    return Cut(tuple(seqs), sum(len(written(row)) for row in rows), gaps, event)


def deletes(keys: Keys, seqs: Sequence[int]) -> Iterator[tuple[Delete, ...]]:
    """Return what removes records, in as many transactions as it needs."""
    runs: list[Run] = merged((), seqs)
    for at in range(0, len(runs), DELETES):
        yield tuple(
            Delete(keys.of_record(run.first), keys.of_record(run.last + 1))
            for run in runs[at : at + DELETES]
        )
