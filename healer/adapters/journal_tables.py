"""The tables of a journal, and how its file is made and opened. Blocking.

Rule: a journal comes into being whole or not at all, and never over another.
"""

import json
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from healer.adapters import codec
from healer.adapters.chain import START, Gap
from healer.errors import ConfigError

FORMAT = 2
"""Of the tables below. 1 had no gaps."""

GAPS = """
CREATE TABLE gaps (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, sha256 TEXT NOT NULL) STRICT
"""
"""Runs of records that were pruned; see healer.adapters.chain."""

_TABLES = """
CREATE TABLE events (
    seq INTEGER PRIMARY KEY, at_wall REAL NOT NULL, boot_id TEXT NOT NULL, at_mono REAL NOT NULL,
    incident TEXT, kind TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL,
    prev_sha256 TEXT NOT NULL
) STRICT;
CREATE TABLE store (
    one INTEGER PRIMARY KEY CHECK (one = 1), format INTEGER NOT NULL, store_id TEXT NOT NULL,
    era INTEGER NOT NULL, term INTEGER NOT NULL, last_seen REAL,
    head_seq INTEGER NOT NULL, head_sha256 TEXT NOT NULL
) STRICT;
CREATE TABLE lease (
    one INTEGER PRIMARY KEY CHECK (one = 1), start_id TEXT, boot_id TEXT NOT NULL,
    deadline REAL NOT NULL
) STRICT;
CREATE INDEX of_incident ON events (incident) WHERE incident IS NOT NULL;
CREATE INDEX hints ON events (at_wall) WHERE kind = 'alerts_received';
INSERT INTO lease VALUES (1, NULL, '', 0.0);
"""


def create(path: Path, era: int) -> None:
    """Make an empty journal, whole or not at all, and never over one that is there.

    Raises:
        ConfigError: There is one already, or its directory is missing or closed to us. Nothing was changed.
    """
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    try:
        os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        _write_empty(draft, era)
        # A link, not a rename: a rename would replace a journal that is already there.
        path.hardlink_to(draft)
        _sync(path.parent)
    except FileExistsError:
        msg = f"{path}: there is a journal already and it is not overwritten: move it away first"
        raise ConfigError(msg) from None
    except (OSError, sqlite3.Error) as error:
        msg = f"{path}: the journal cannot be made: {error}. Make its directory writable"
        raise ConfigError(msg) from error
    finally:
        draft.unlink(missing_ok=True)


def _write_empty(draft: Path, era: int) -> None:
    with closing(connect(draft)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript(_TABLES)
        db.execute(GAPS)
        db.execute(
            "INSERT INTO store VALUES (1, ?, ?, ?, 0, NULL, ?, ?)",
            (FORMAT, secrets.token_hex(8), era, START.seq, START.sha256),
        )
    _sync(draft)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def connect(path: Path) -> sqlite3.Connection:
    """Open an existing file so that a commit returns only once it is on the disk."""
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
    db.execute("PRAGMA synchronous=FULL")
    db.execute("PRAGMA trusted_schema=OFF")
    # Short, so that the WAL reaches its lasting size soon and is written over from then on: a
    # full disk then hardly hinders the small rows that change in place, the lease above all.
    db.execute("PRAGMA wal_autocheckpoint=64")
    return db


def raise_format(db: sqlite3.Connection) -> None:
    """Give an older journal the tables of today, in the caller's transaction. Its records are left as they are."""
    (form,) = db.execute("SELECT format FROM store").fetchone()
    if form < FORMAT:
        db.execute(GAPS)
        db.execute("UPDATE store SET format = ?", (FORMAT,))


def require_format(form: int, path: Path) -> None:
    """Make sure that this release knows the tables.

    Raises:
        ConfigError: It does not. Nothing was changed.
    """
    if not 1 <= form <= FORMAT:
        msg = (
            f"{path}: its tables are of format {form}, and this hale-healer knows up to {FORMAT}: a newer one made "
            "them. Install and start that version again"
        )
        raise ConfigError(msg)


def gaps_of(db: sqlite3.Connection, after: int = 0) -> list[Gap]:
    """Return the gaps that reach beyond a seq, in order; none where the tables are older than gaps."""
    if db.execute("SELECT format FROM store").fetchone() == (1,):
        return []
    found = db.execute(
        "SELECT first, last, sha256 FROM gaps WHERE last > ? ORDER BY first", (after,)
    )
    return [Gap(*row) for row in found]


def require_kinds(db: sqlite3.Connection, kinds: Iterable[tuple[str, int]], path: Path) -> None:
    """Make sure that this release can read every record.

    Raises:
        ConfigError: It cannot; the message says which release wrote here last. Nothing was changed.
    """
    try:
        codec.require(kinds)
    except ConfigError as error:
        query = "SELECT body FROM events WHERE kind = 'healer_started' ORDER BY seq DESC LIMIT 1"
        found = db.execute(query).fetchone()
        last = json.loads(found[0]).get("version") if found else None
        msg = f"{path}: {error}" + (f" (hale-healer {last} started last on it)" if last else "")
        raise ConfigError(msg) from error


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Raise ConfigError, with what to do, for whatever SQLite says while we read."""
    try:
        yield
    except (sqlite3.DatabaseError, TypeError) as error:
        msg = (
            f"{path}: it cannot be read as a journal: {error}. It is not repaired: check the disk, keep the "
            "file, move it away, and make a new one with `hale-healer store init`"
        )
        raise ConfigError(msg) from error
