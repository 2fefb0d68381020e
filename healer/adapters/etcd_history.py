"""Each healer's own copy of a journal in etcd, in a SQLite file. Blocking; used from one thread only.

Rule: etcd is the truth for as long as it has a record; what it has no more is here, and only where this healer was
there to copy it. Losing the file loses history that is over, never an incident: the healer goes on in memory.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import structlog

from healer.adapters.chain import Row
from healer.core.history import HINT_SECONDS, Keep

log = structlog.get_logger()

MEMORY = ":memory:"

_TABLES = """
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY, at_wall REAL NOT NULL, boot_id TEXT NOT NULL, at_mono REAL NOT NULL,
    incident TEXT, kind TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL,
    prev_sha256 TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS of_incident ON events (incident) WHERE incident IS NOT NULL;
CREATE TABLE IF NOT EXISTS kept (seq INTEGER PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS store (
    one INTEGER PRIMARY KEY CHECK (one = 1), store_id TEXT NOT NULL, format INTEGER NOT NULL
) STRICT;
"""


_FAILED = """
SELECT incident FROM events WHERE incident IS NOT NULL AND (
    kind IN ('incident_escalated', 'approval_denied')
    OR kind = 'action_ended' AND json_extract(body, '$.outcome') <> 'done'
    OR kind = 'verification_ended' AND NOT json_extract(body, '$.verified'))
"""

_OLD = f"""
DELETE FROM events WHERE seq NOT IN kept AND CASE
    WHEN kind = 'alerts_received' THEN at_wall < :hints
    WHEN incident IS NULL THEN at_wall < :failed
    ELSE incident IN (
        SELECT incident FROM events WHERE incident IS NOT NULL GROUP BY incident
        HAVING MAX(at_wall) < IIF(incident IN ({_FAILED}), :failed, :healed))
    END
"""  # noqa: S608  # no word of it comes from outside

_OLDEST = """
DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE seq NOT IN kept ORDER BY seq LIMIT 1000)
"""


class HistoryFile:
    """One open copy.

    Attributes:
        lasting: Whether it is on disk; else it is in memory, and nothing may leave etcd for it.
    """

    def __init__(self, path: Path, store_id: str) -> None:
        """Open it, and make it where there is none; one of another store is moved aside.

        Args:
            path: The file.
            store_id: Of the store in etcd.
        """
        self._path = path
        self._store_id = store_id
        self.lasting = True
        try:
            self._db = self._opened(store_id)
        except (sqlite3.Error, OSError) as error:
            log.error("history.unusable", path=str(path), error=str(error))
            self.lasting = False
            self._db = _made(MEMORY, store_id)

    def close(self) -> None:
        """Close it. Idempotent."""
        self._db.close()

    def newest(self) -> int:
        """Return the highest seq that it has; 0 where it has none."""
        (found,) = self._db.execute("SELECT COALESCE(MAX(seq), 0) FROM events").fetchone()
        return int(found)

    def add(self, rows: Sequence[Row]) -> None:
        """Take in records that etcd has. What is there already stays, unless it differs: etcd is the truth."""
        self._write(lambda: self._add(rows))

    def keep(self, seqs: Iterable[int]) -> list[int]:
        """Note which records etcd still has; return those that are missing here."""
        wanted = [(seq,) for seq in seqs]

        def work() -> None:
            self._db.execute("DELETE FROM kept")
            self._db.executemany("INSERT INTO kept VALUES (?)", wanted)

        self._write(work)
        missing = "SELECT seq FROM kept WHERE seq NOT IN (SELECT seq FROM events) ORDER BY seq"
        return [int(seq) for (seq,) in self._db.execute(missing)]

    def let_go(self, seqs: Iterable[int]) -> None:
        """Note that etcd has these no more. They stay here."""
        gone = [(seq,) for seq in seqs]
        self._write(lambda: self._db.executemany("DELETE FROM kept WHERE seq = ?", gone))

    def synced(self) -> bool:
        """Put everything on the disk, in the file again if only memory was left; return whether it is there."""
        if not self.lasting and not self._go_back():
            return False
        try:
            # FULL waits for readers and syncs the file; its first column is 1 where it could not finish.
            (busy, _, _) = self._db.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
        except sqlite3.Error as error:
            log.error("history.unusable", path=str(self._path), error=str(error))
            return False
        return not busy

    def of_kind(self, kind: str, most: int) -> list[int]:
        """Return the oldest records of a kind that etcd still has."""
        query = "SELECT seq FROM events JOIN kept USING (seq) WHERE kind = ? ORDER BY seq LIMIT ?"
        return [int(seq) for (seq,) in self._db.execute(query, (kind, most))]

    def some(self, seqs: Iterable[int]) -> list[Row]:
        """Return these records, as far as they are here, in order."""
        query = "SELECT * FROM events WHERE seq = ?"
        found = (self._db.execute(query, (seq,)).fetchone() for seq in sorted(seqs))
        return [Row(*row) for row in found if row is not None]

    def drop_old(self, keep: Keep) -> int:
        """Drop what etcd has no more and is too old; return how many records went.

        Age counts from the newest record, so that a wrong clock of ours drops nothing.
        """
        before = self._db.total_changes
        self._write(lambda: self._dropped(keep))
        return self._db.total_changes - before

    def rows(self) -> Iterator[Row]:
        """Return all records that etcd still has, in order."""
        query = "SELECT events.* FROM events JOIN kept USING (seq) ORDER BY seq"
        return (Row(*row) for row in self._db.execute(query))

    def forget(self) -> None:
        """Drop what is held of the records that etcd has, to copy them anew."""
        self._write(
            lambda: self._db.execute("DELETE FROM events WHERE seq IN (SELECT seq FROM kept)")
        )

    def page(self, after: int, without: frozenset[str], most: int) -> list[Row]:
        """Return the next records that etcd still has; see ports.Store.read."""
        left_out = ", ".join("?" * len(without))
        query = (
            "SELECT events.* FROM events JOIN kept USING (seq) WHERE seq > ? "  # noqa: S608  # question marks only
            f"AND kind NOT IN ({left_out}) ORDER BY seq LIMIT ?"
        )
        return [Row(*row) for row in self._db.execute(query, (after, *without, most))]

    def page_of(self, incident: str, after: int, most: int) -> list[Row]:
        """Return an incident's next records, whether etcd has them or not; see ports.Store.read_incident."""
        query = "SELECT * FROM events WHERE incident = ? AND seq > ? ORDER BY seq LIMIT ?"
        return [Row(*row) for row in self._db.execute(query, (incident, after, most))]

    def _add(self, rows: Sequence[Row]) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
        )
        self._db.executemany("INSERT OR IGNORE INTO kept VALUES (?)", [(row.seq,) for row in rows])

    def _dropped(self, keep: Keep) -> None:
        query = "SELECT at_wall FROM events ORDER BY seq DESC LIMIT 1"
        newest = next((at for (at,) in self._db.execute(query)), 0.0)
        times = {"failed": newest - keep.failed, "healed": newest - keep.healed}
        self._db.execute(_OLD, {**times, "hints": newest - HINT_SECONDS})
        while self._used() > keep.size and self._db.execute(_OLDEST).rowcount > 0:
            pass

    def _used(self) -> int:
        (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
        (size,) = self._db.execute("PRAGMA page_size").fetchone()
        return int((pages - free) * size)

    def _write(self, work: Callable[[], object]) -> None:
        try:
            self._transact(work)
        except sqlite3.Error as error:
            log.error("history.unusable", path=str(self._path), error=str(error))
            self._go_on_in_memory()
            self._transact(work)

    def _transact(self, work: Callable[[], object]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            work()
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def _go_on_in_memory(self) -> None:
        """Take along what etcd has; what is over stays in the file for when its disk is well again."""
        file, self._db, self.lasting = self._db, _made(MEMORY, self._store_id), False
        query = "SELECT events.* FROM events JOIN kept USING (seq) ORDER BY seq"
        self._transact(lambda: self._add_all(file.execute(query)))
        file.close()

    def _go_back(self) -> bool:
        """Write to the file what it missed, and go on with it; return whether that could be done."""
        memory = self._db
        try:
            self._db = self._opened(self._store_id)
        except (sqlite3.Error, OSError) as error:
            log.warning("history.still_unusable", path=str(self._path), error=str(error))
            return False
        try:
            self._transact(lambda: self._take_over(memory))
        except sqlite3.Error as error:
            log.warning("history.still_unusable", path=str(self._path), error=str(error))
            self._db.close()
            self._db = memory
            return False
        self.lasting = True
        memory.close()
        log.info("history.usable", path=str(self._path))
        return True

    def _take_over(self, memory: sqlite3.Connection) -> None:
        self._db.execute("DELETE FROM kept")
        self._add_all(memory.execute("SELECT events.* FROM events JOIN kept USING (seq)"))

    def _add_all(self, rows: Iterable[tuple[Any, ...]]) -> None:
        # One by one: all of them would be in memory once more.
        for row in rows:
            self._add([Row(*row)])

    def _opened(self, store_id: str) -> sqlite3.Connection:
        db = _made(str(self._path), store_id)
        (found,) = db.execute("SELECT store_id FROM store").fetchone()
        if found == store_id:
            return db
        db.close()
        aside = self._path.with_name(f"{self._path.name}.{found}")
        log.warning("history.of_another_store", path=str(self._path), moved_to=str(aside))
        for end in ("", "-wal", "-shm"):
            source = Path(f"{self._path}{end}")
            if source.exists():
                source.rename(f"{aside}{end}")
        return _made(str(self._path), store_id)


def _made(path: str, store_id: str) -> sqlite3.Connection:
    if path != MEMORY:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    # Written again from etcd if it is lost; before something leaves etcd it is synced on purpose.
    db.execute("PRAGMA synchronous=NORMAL")
    db.execute("PRAGMA trusted_schema=OFF")
    db.executescript(_TABLES)
    db.execute("INSERT OR IGNORE INTO store VALUES (1, ?, 1)", (store_id,))
    return db
