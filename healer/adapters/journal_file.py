"""The journal's SQLite file: transactions, chain and lease. Blocking; used from one thread only.

Rule: one transaction holds the lease's check and the write, and is synced before it returns. Whatever
was returned is there after a power cut; whatever raised is not, save after an I/O error, which
ends all writing by this process.
"""

import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import structlog

from healer.adapters import codec
from healer.adapters.chain import START, Head, Row, link, verify
from healer.adapters.journal_prune import cut, used_bytes
from healer.adapters.journal_tables import (
    connect,
    gaps_of,
    raise_format,
    readable,
    require_format,
    require_kinds,
)
from healer.adapters.reserve import Reserve
from healer.core.events import Event, Record
from healer.core.history import Going
from healer.core.order import Token
from healer.errors import ConfigError, LeaseLost, StoreFull
from healer.ports import Clock

T = TypeVar("T")

MARGIN = 2.0
"""Seconds that a new holder waits after an old lease ran out: a gate's nonce lives that long."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where the journal is and how it behaves.

    Attributes:
        reserve_bytes: Room kept for ends; as much again must be free before something is begun.
        lease_seconds: How long a lease holds without being renewed.
    """

    path: Path
    reserve_bytes: int = 4 * 1024 * 1024
    lease_seconds: float = 10.0


class JournalFile:
    """One open journal.

    Attributes:
        deadline: When our lease runs out, CLOCK_BOOTTIME; 0 where we hold none.
    """

    def __init__(self, settings: StoreSettings, clock: Clock) -> None:
        """Open and verify.

        Raises:
            ConfigError: It is missing, broken, or of another format. Nothing was changed.
        """
        self._settings = settings
        self._clock = clock
        path = settings.path
        self._reserve = Reserve(path.with_name(f"{path.name}.reserve"), settings.reserve_bytes)
        self._start_id = secrets.token_hex(8)
        self._broken = ""
        self.deadline = 0.0
        if not path.exists():
            msg = f"{path}: there is no journal: make one with `hale-healer store init`"
            raise ConfigError(msg)
        with readable(path):
            self._db = connect(path)
            self._head = self._opened()

    def close(self) -> None:
        """Close the file; the lease, if held, runs on to its deadline. Idempotent."""
        self.deadline = 0.0
        self._db.close()

    def take_lease(self) -> Token | float:
        """Take the lease and count this start: the token, or the seconds to wait before asking again.

        Raises:
            ConfigError: What another holder wrote meanwhile does not follow from what we verified.
            StoreFull: It cannot be written.
        """
        taken, deadline = self._transact(self._take, holding=False, closing=True)
        self.deadline = deadline
        # What the last holder wrote is followed while we wait, so that little of it is left to be
        # read when the lease is ours; from then on nobody else may write.
        with readable(self._settings.path):
            self._head = self._verified(self._head)
        if isinstance(taken, Token):
            self._reserve.ensure()
        return taken

    def renew_lease(self) -> None:
        """Renew the lease.

        Raises:
            LeaseLost: It ran out or was taken.
            StoreFull: It cannot be written; it runs on to its old deadline.
        """
        self.deadline = self._transact(self._write_lease, closing=True)

    def release_lease(self) -> None:
        """Give the lease back, so that the next holder need not wait.

        Raises:
            LeaseLost: It was not ours any more.
            StoreFull: It cannot be written.
        """
        self.deadline = 0.0
        self._transact(lambda _: self._db.execute("UPDATE lease SET start_id = NULL"), closing=True)

    def append(self, events: Sequence[Event], *, closing: bool) -> list[Record]:
        """See ports.Store.append."""
        coded = [(codec.incident_of(event), *codec.encode(event)) for event in events]
        if not closing and not self._reserve.ensure():
            msg = (
                f"{self._settings.path}: {self._reserve.free()} bytes are free on its file system, "
                f"{self._settings.reserve_bytes} must stay free beside a reserve as large: make room"
            )
            raise StoreFull(msg)
        rows, self._head = self._transact(lambda now: self._insert(coded, now), closing=closing)
        return [
            Record(row.seq, row.at_wall, row.boot_id, row.at_mono, event)
            for row, event in zip(rows, events, strict=True)
        ]

    def prune(self, going: Going) -> Record | None:
        """See ports.Store.prune."""
        pruned, self._head = self._transact(lambda now: self._cut(going, now), closing=False)
        return pruned

    def size(self) -> int:
        """See ports.Store.size."""
        with readable(self._settings.path):
            return used_bytes(self._db)

    def page(self, after: int, without: frozenset[str], most: int) -> list[Record]:
        """Return the next `most` records; see ports.Store.read."""
        left_out = ", ".join("?" * len(without))
        query = (
            f"SELECT * FROM events WHERE seq > ? AND kind NOT IN ({left_out}) ORDER BY seq LIMIT ?"  # noqa: S608  # question marks only
        )
        return self._records(query, (after, *without, most))

    def page_of(self, incident: str, after: int, most: int) -> list[Record]:
        """Return the next `most` records of an incident; see ports.Store.read_incident."""
        return self._records(
            "SELECT * FROM events WHERE incident = ? AND seq > ? ORDER BY seq LIMIT ?",
            (incident, after, most),
        )

    def hint_bytes(self, since: float) -> int:
        """See ports.Store.hint_bytes."""
        with readable(self._settings.path):
            # The kind stands in the text: only so does SQLite use the index of hints.
            (found,) = self._db.execute(
                "SELECT COALESCE(SUM(LENGTH(CAST(body AS BLOB))), 0) FROM events "
                "WHERE kind = 'alerts_received' AND at_wall > ?",
                (since,),
            ).fetchone()
        return int(found)

    def mark_seen(self, wall: float) -> None:
        """See ports.Store.mark_seen."""
        self._transact(
            lambda _: self._db.execute("UPDATE store SET last_seen = ?", (wall,)), closing=False
        )

    def last_seen(self) -> float | None:
        """See ports.Store.last_seen."""
        with readable(self._settings.path):
            (seen,) = self._db.execute("SELECT last_seen FROM store").fetchone()
        return None if seen is None else float(seen)

    def room(self) -> bool:
        """Whether something new may be begun."""
        return not self._broken and self._reserve.ensure()

    def _opened(self) -> Head:
        (form,) = self._db.execute("SELECT format FROM store").fetchone()
        require_format(form, self._settings.path)
        return self._verified(START)

    def _verified(self, start: Head) -> Head:
        path, kinds = self._settings.path, set[tuple[str, int]]()

        def rows() -> Iterator[Row]:
            for found in self._db.execute(
                "SELECT * FROM events WHERE seq > ? ORDER BY seq", (start.seq,)
            ):
                row = Row(*found)
                kinds.add((row.kind, row.version))
                yield row

        self._db.execute("BEGIN")
        try:
            stored = Head(*self._db.execute("SELECT head_seq, head_sha256 FROM store").fetchone())
            head = verify(rows(), gaps_of(self._db, start.seq), start, stored, str(path)).head
            require_kinds(self._db, kinds, path)
        finally:
            self._db.execute("ROLLBACK")
        return head

    def _records(self, query: str, values: tuple[str | int, ...]) -> list[Record]:
        # Row by row: what SQLite gave and what is made of it never stand in memory at the same time.
        with readable(self._settings.path):
            return [self._record(Row(*row)) for row in self._db.execute(query, values)]

    def _record(self, row: Row) -> Record:
        try:
            event = codec.decode(row.kind, row.version, row.body)
        except ConfigError as error:
            msg = f"{self._settings.path}: seq {row.seq}: {error}"
            raise ConfigError(msg) from error
        return Record(row.seq, row.at_wall, row.boot_id, row.at_mono, event)

    def _transact(self, work: Callable[[float], T], *, closing: bool, holding: bool = True) -> T:
        """Run `work(now)` in a transaction; what closes something may use the reserve."""
        try:
            return self._attempt(work, holding=holding)
        except StoreFull:
            if self._broken or not closing or not self._reserve.give_up():
                raise
        log.warning("reserve.used", path=str(self._settings.path))
        return self._attempt(work, holding=holding)

    def _attempt(self, work: Callable[[float], T], *, holding: bool) -> T:
        if self._broken:
            raise StoreFull(self._broken)
        try:
            self._db.execute("BEGIN IMMEDIATE")
            now = self._clock.boottime()
            if holding:
                self._check_lease(now)
            result = work(now)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._translated(error) from error
        finally:
            self._roll_back()
        return result

    def _roll_back(self) -> None:
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except sqlite3.Error as error:
            self._broken = f"{self._settings.path}: cannot roll back: {error}: restart the healer"

    def _translated(self, error: sqlite3.Error) -> StoreFull:
        """Tell a full disk and a lock, which pass, from an I/O error, which ends our writing."""
        path = self._settings.path
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            return StoreFull(f"{path}: its file system is full ({error}): make room")
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return StoreFull(f"{path}: another process keeps it locked ({error}): find and stop it")
        # After a failed sync the kernel may call pages clean that never reached the disk, so a
        # later success would prove nothing. A restart reads back what is really there.
        self._broken = f"{path}: {error}: check the disk; the healer writes again after a restart"
        return StoreFull(self._broken)

    # What follows runs inside a transaction.

    def _take(self, now: float) -> tuple[Token | float, float]:
        holder, boot_id, deadline = self._lease()
        # A deadline of another boot says nothing: whoever held it is gone with that boot.
        if holder is not None and boot_id == self._clock.boot_id and deadline + MARGIN > now:
            return deadline + MARGIN - now, 0.0
        raise_format(self._db)
        self._db.execute("UPDATE store SET term = term + 1")
        era, term, name = self._db.execute("SELECT era, term, store_id FROM store").fetchone()
        return Token(era, term, f"{name}/{self._start_id}"), self._write_lease(now)

    def _lease(self) -> tuple[str | None, str, float]:
        found = self._db.execute("SELECT start_id, boot_id, deadline FROM lease").fetchone()
        return found[0], found[1], found[2]

    def _write_lease(self, now: float) -> float:
        deadline = now + self._settings.lease_seconds
        self._db.execute(
            "UPDATE lease SET start_id = ?, boot_id = ?, deadline = ?",
            (self._start_id, self._clock.boot_id, deadline),
        )
        return deadline

    def _check_lease(self, now: float) -> None:
        holder, boot_id, deadline = self._lease()
        if holder != self._start_id or boot_id != self._clock.boot_id:
            self.deadline = 0.0
            msg = f"another start of a healer has the lease ({holder}; ours is {self._start_id})"
            raise LeaseLost(msg)
        if deadline <= now:
            msg = f"the lease ran out {now - deadline:.1f} s ago"
            raise LeaseLost(msg)

    def _cut(self, going: Going, now: float) -> tuple[Record | None, Head]:
        event = cut(self._db, going, self._head)
        if event is None:
            return None, self._head
        (row,), head = self._insert([(None, *codec.encode(event))], now)
        return Record(row.seq, row.at_wall, row.boot_id, row.at_mono, event), head

    def _insert(
        self, coded: Sequence[tuple[str | None, str, int, str]], now: float
    ) -> tuple[list[Row], Head]:
        head, rows = self._head, list[Row]()
        wall, boot_id = self._clock.wall(), self._clock.boot_id
        for incident, kind, version, body in coded:
            row = Row(head.seq + 1, wall, boot_id, now, incident, kind, version, body, head.sha256)
            rows.append(row)
            head = link(row)
        self._db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        moved = self._db.execute(
            "UPDATE store SET head_seq = ?, head_sha256 = ? WHERE head_sha256 = ?",
            (head.seq, head.sha256, self._head.sha256),
        )
        if moved.rowcount != 1:
            msg = f"{self._settings.path}: someone else wrote to it though the lease is ours"
            raise LeaseLost(msg)
        return rows, head
