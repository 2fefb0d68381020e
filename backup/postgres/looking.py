"""What a recovered copy has in it: how far it came, whether it is sound, and how much of everything there is."""

from collections.abc import Iterator
from dataclasses import dataclass

from backup import moment
from backup.job import Told
from backup.postgres.server import Server
from backup.words import Failed, Reason

MOST_TABLES = 100
"""So many tables are told, those with the most rows first."""

_REACHED = """\
SELECT extract(epoch FROM pg_last_xact_replay_timestamp()), pg_last_wal_replay_lsn() - '0/0'::pg_lsn,
       c.prev_timeline_id, i.bytes_per_wal_segment
  FROM pg_control_checkpoint() c, pg_control_init() i
"""

_DATABASES = "SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1"

# Each table's own rows, without those of tables that inherit from it. Unlogged ones are empty after a recovery.
_COUNT = """\
SELECT format('SELECT %L, count(*) FROM ONLY %I.%I', format('%I.%I', n.nspname, c.relname), n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 ORDER BY 1
\\gexec
"""


@dataclass(frozen=True, slots=True)
class Reached:
    """How far the log was replayed.

    Attributes:
        record_at: Of when the newest transaction is that was replayed; Unix seconds, None where there was none.
        position: Bytes of the log.
        timeline: Which was replayed to the end.
        segment: Bytes of one file of the log.
    """

    record_at: float | None
    position: int
    timeline: int
    segment: int


def reached(server: Server) -> Reached:
    """Ask how far it came."""
    ((record, position, timeline, segment),) = server.ask(_REACHED, 4)
    return Reached(float(record) if record else None, int(position), int(timeline), int(segment))


def whole(found: Reached, newest_wal: str) -> None:
    """See that nothing between the backup and the end of the archive is missing.

    Args:
        found: How far it came.
        newest_wal: The archive's last file, as it was named before the restore.

    Raises:
        Failed: wal_missing.
    """
    if not newest_wal:
        raise Failed(Reason.WAL_MISSING, "the archive has no write-ahead log")
    timeline, high, low = (int(newest_wal[at : at + 8], 16) for at in (0, 8, 16))
    begins = (high << 32) + low * found.segment
    # What was replayed ends within the last file, or right before it where that could not be used. On a later timeline
    # the former one's last files may never have been handed over whole.
    if found.timeline == timeline and found.position <= begins:
        raise Failed(
            Reason.WAL_MISSING,
            f"the archive goes on to {newest_wal}, and could be replayed up to {_lsn(found.position)} only",
        )
    if found.timeline < timeline:
        raise Failed(
            Reason.WAL_MISSING, f"timeline {timeline} is in the archive and was not reached"
        )


def _lsn(position: int) -> str:
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def tell(server: Server, told: Told) -> None:
    """Check all of it, count it, and tell.

    Raises:
        Failed: damaged, or nothing_proven where there is no table at all.
    """
    server.amcheck()
    counts = sorted(_counts(server), key=lambda one: (-one[2], one[:2]))
    told.update(
        rows=sum(rows for _, _, rows in counts),
        table_count=len(counts),
        tables=[
            {"database": database, "table": table, "rows": rows}
            for database, table, rows in counts[:MOST_TABLES]
        ],
    )
    if not counts:
        raise Failed(Reason.NOTHING_PROVEN, "there is no table in any of its databases")


def _counts(server: Server) -> Iterator[tuple[str, str, int]]:
    for (database,) in server.ask(_DATABASES):
        for table, rows in server.ask(_COUNT, 2, database):
            yield database, table, int(rows)


def newest_record(told: Told, found: Reached) -> None:
    """Tell of when the newest record is."""
    if found.record_at is not None:
        told.update(newest_record_at=moment.text(found.record_at))
