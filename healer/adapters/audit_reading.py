"""A journal as an auditor reads it: the file of a running or stopped healer, a copy of it, or an export. Blocking.

Rule: nothing is written, and no lock is held for long: whoever reads slowly keeps no healer waiting.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from healer.adapters.chain import START, ChainBroken, Gap, Head, Row, Walk, link
from healer.adapters.journal_tables import gaps_of, readable, require_format
from healer.errors import ConfigError

PAGE = 1000
"""Records read at a time."""

EXPORT = 1
"""Version of the lines below."""

WHAT_TO_NAME = (
    "name a healer's journal.db, a copy of it, or what `hale-healer audit export` printed"
)

AGAIN = "it was cut off or changed on its way: take a copy of the export again, and keep its lines as they are"

_BODY, _PREV = ',"body":', ',"prev_sha256":'


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records.

    Attributes:
        since: None, or the time of the first, epoch seconds.
        incident: None, or the one that they are about.
    """

    since: float | None = None
    incident: str | None = None

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return self.since is None and self.incident is None


@dataclass(frozen=True, slots=True)
class Found:
    """A journal whose chain holds.

    Attributes:
        records: How many were followed.
        pruned: How many are known to have been pruned.
        left_out: How many an export or a copy leaves out.
        last: The newest.
        whole: Whether it is a whole journal, up to its noted end, and not a part of one.
    """

    records: int
    pruned: int
    left_out: int
    last: Head
    whole: bool


def verify(path: Path) -> Found:
    """Follow a journal's chain from its first record to its end.

    Raises:
        ChainBroken: It does not hold; says where.
        ConfigError: It is no journal, or cannot be read.
    """
    try:
        with path.open("rb") as handle:
            begins = handle.read(16)
    except OSError as error:
        raise ConfigError(f"{path}: it cannot be read: {error.strerror}: {WHAT_TO_NAME}") from error
    if begins == b"SQLite format 3\0":
        with opened(path) as db, readable(path):
            return _verify_tables(db, path)
    return _verify_lines(path)


def opened(path: Path) -> "closing[sqlite3.Connection]":
    """Open a journal's file to read it and nothing else.

    Raises:
        ConfigError: It cannot be opened.
    """
    uri = path.absolute().as_uri()
    # Without a WAL beside it nobody has it open, and then no file need be made there to read it.
    lonely = not path.with_name(f"{path.name}-wal").exists()
    try:
        db = sqlite3.connect(
            f"{uri}?mode=ro{'&immutable=1' if lonely else ''}", uri=True, isolation_level=None
        )
        db.execute("PRAGMA trusted_schema=OFF")
        db.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        raise ConfigError(
            f"{path}: it cannot be read as a journal: {error}: {WHAT_TO_NAME}"
        ) from error
    return closing(db)


def export(path: Path, wanted: Wanted) -> Iterator[str]:
    """Yield a journal's records as lines of JSON, oldest first, each without its line end.

    The first line says what it is an export of. A line `gap` stands for records that were pruned. `body` is, to
    the letter, what was hashed.

    Raises:
        ConfigError: It is no journal of a healer's, or it was pruned meanwhile: ask again.
    """
    with opened(path) as db, readable(path):
        state = _state(db, path)
        yield json.dumps(
            {
                "export": EXPORT,
                "store": state.store,
                "whole": wanted.everything and state.whole,
                "since": wanted.since,
                "incident": wanted.incident,
                "head_seq": state.head.seq,
                "head_sha256": state.head.sha256,
            },
            ensure_ascii=False,
        )
        gaps = list(state.gaps) if wanted.everything else []
        for row in _paged(db, path, wanted, state):
            while gaps and gaps[0].first < row.seq:
                yield _gap_line(gaps.pop(0))
            yield _line(row)
        yield from (_gap_line(one) for one in gaps)


@dataclass(frozen=True, slots=True)
class _State:
    store: str
    head: Head
    gaps: tuple[Gap, ...]
    whole: bool


def _state(db: sqlite3.Connection, path: Path) -> _State:
    db.execute("BEGIN")
    try:
        if not _ends(
            db
        ):  # a healer's copy of a journal in etcd: what it has, up to its newest record
            (copied,) = db.execute("SELECT store_id FROM store").fetchone()
            newest = db.execute("SELECT * FROM events ORDER BY seq DESC LIMIT 1").fetchone()
            return _State(copied, link(Row(*newest)) if newest else START, (), whole=False)
        form, store, *head = db.execute(
            "SELECT format, store_id, head_seq, head_sha256 FROM store"
        ).fetchone()
        require_format(form, path)
        return _State(store, Head(*head), tuple(gaps_of(db)), whole=True)
    finally:
        db.execute("ROLLBACK")


def _ends(db: sqlite3.Connection) -> bool:
    """Whether it notes where it ends, as a whole journal does."""
    return any(name == "head_seq" for _, name, *_ in db.execute("PRAGMA table_info(store)"))


def _paged(db: sqlite3.Connection, path: Path, wanted: Wanted, state: _State) -> Iterator[Row]:
    """Read in pages, each a transaction of its own, so that a slow reader lets the healer's WAL be reused."""
    query = (
        "SELECT * FROM events WHERE seq > ? AND seq <= ? AND at_wall >= COALESCE(?, at_wall) "
        "AND (? IS NULL OR incident = ?) ORDER BY seq LIMIT ?"
    )
    after = 0
    while True:
        values = (after, state.head.seq, wanted.since, wanted.incident, wanted.incident, PAGE)
        page = [Row(*row) for row in db.execute(query, values)]
        if tuple(gaps_of(db)) != state.gaps:
            raise ConfigError(
                f"{path}: it was pruned while it was read, once an hour at most: ask again"
            )
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].seq


def _line(row: Row) -> str:
    head = json.dumps(
        {
            "seq": row.seq,
            "at_wall": row.at_wall,
            "boot_id": row.boot_id,
            "at_mono": row.at_mono,
            "incident": row.incident,
            "kind": row.kind,
            "version": row.version,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )
    return f'{head[:-1]}{_BODY}{row.body}{_PREV}"{row.prev_sha256}","sha256":"{link(row).sha256}"}}'


def _gap_line(gap: Gap) -> str:
    return json.dumps({"gap": {"first": gap.first, "last": gap.last, "sha256": gap.sha256}})


# --- Verifying ------------------------------------------------------------------------------


def _verify_tables(db: sqlite3.Connection, path: Path) -> Found:
    db.execute("BEGIN")  # one view of it, whatever the healer writes meanwhile
    try:
        rows = (Row(*row) for row in db.execute("SELECT * FROM events ORDER BY seq"))
        if not _ends(db):
            return _follow_parts(path, ((row, None) for row in rows))
        (form, *head) = db.execute("SELECT format, head_seq, head_sha256 FROM store").fetchone()
        require_format(form, path)
        walk = Walk(str(path))
        return _follow(walk, _in_order(rows, gaps_of(db)), Head(*head))
    finally:
        db.execute("ROLLBACK")


def _in_order(rows: Iterable[Row], gaps: list[Gap]) -> Iterator[tuple[Row | Gap, str | None]]:
    left = list(reversed(gaps))
    for row in rows:
        while left and left[-1].first < row.seq:
            yield left.pop(), None
        yield row, None
    yield from ((gap, None) for gap in reversed(left))


def _verify_lines(path: Path) -> Found:
    with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        first = _first(path, next(lines, ""))
        items = (_item(path, number, line) for number, line in enumerate(lines, 2))
        if not first.get("whole"):
            return _follow_parts(path, items)
        try:
            head = Head(int(first["head_seq"]), str(first["head_sha256"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"{path}: line 1 does not say where it ends: {AGAIN}") from error
        return _follow(Walk(str(path)), items, head)


def _first(path: Path, line: str) -> dict[str, Any]:
    """Return the line with which an export begins."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or "export" not in found:
        raise ConfigError(f"{path}: it is neither a journal nor an export of one: {WHAT_TO_NAME}")
    if found["export"] != EXPORT:
        msg = (
            f"{path}: it is an export of version {found['export']!r}, and this hale-healer knows {EXPORT}: "
            "verify it with the release that made it"
        )
        raise ConfigError(msg)
    return found


def _follow(walk: Walk, items: Iterable[tuple[Row | Gap, str | None]], head: Head) -> Found:
    for item, said in items:
        if isinstance(item, Gap):
            walk.gap(item)
        else:
            _check(walk, walk.row(item), said)
    return Found(walk.records, walk.missing, 0, walk.end(head), whole=True)


def _follow_parts(path: Path, items: Iterable[tuple[Row | Gap, str | None]]) -> Found:
    """Follow what there is of a chain: every record by itself, and neighbours one from the other."""
    walk, left_out = Walk(str(path)), 0
    for item, said in items:
        if isinstance(item, Gap):
            continue
        if item.seq > walk.head.seq + 1:
            left_out += item.seq - walk.head.seq - 1
            walk.head = Head(item.seq - 1, item.prev_sha256)
        _check(walk, walk.row(item), said)
    return Found(walk.records, 0, left_out, walk.head, whole=False)


def _check(walk: Walk, head: Head, said: str | None) -> None:
    if said is not None and said != head.sha256:
        raise walk.broken(head.seq, f"{said[:12]} as its hash, as it says itself", head.sha256[:12])


def _item(path: Path, number: int, line: str) -> tuple[Row | Gap, str]:
    fields = _read(path, number, line)
    try:
        if "gap" in fields:
            return Gap(**fields["gap"]), ""
        # What was hashed is the body's own text, which another program may write differently.
        body = line[line.index(_BODY) + len(_BODY) : line.rindex(_PREV)]
        row = Row(**{name: fields[name] for name in Row._fields} | {"body": body})
        return row, str(fields["sha256"])
    except (KeyError, ValueError, TypeError) as error:
        raise ConfigError(
            f"{path}: line {number} is not as export writes it ({error!r}): {AGAIN}"
        ) from error


def _read(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: line {number} is no JSON ({error}): {AGAIN}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: line {number} is no JSON object: {AGAIN}")
    return found


__all__ = ["ChainBroken", "Found", "Wanted", "export", "verify"]
