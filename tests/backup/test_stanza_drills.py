"""What a drill of a database proves, on the real PostgreSQL and pgBackRest, and which bad backups it finds."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exporter.restore_drill import parse
from tests.backup.database import Database, made

pytestmark = pytest.mark.tools


@pytest.fixture(scope="module")
def running() -> Iterator[Database]:
    """A database that runs, with one backup. A socket's path may have 107 characters, which pytest's folders use up."""
    root = Path(tempfile.mkdtemp(prefix="hale-pg-"))
    try:
        with pytest.MonkeyPatch.context() as patch, made(root, patch) as one:
            assert one.run("run") == 0
            one.sql("INSERT INTO t (v) VALUES ('after the backup')")
            one.archived()
            yield one
    finally:
        shutil.rmtree(root)


@pytest.fixture
def database(running: Database) -> Iterator[Database]:
    """The same for each test, whatever an earlier one did to repository, key and reports."""
    kept = running.root / "kept"
    shutil.copytree(running.repository, kept, symlinks=True, copy_function=_copied)
    _owned(kept)
    running.answers.status = 200
    running.configure()
    shutil.rmtree(running.places.reports)
    yield running
    running.write_key("a key")
    shutil.rmtree(running.repository)
    kept.rename(running.repository)


def _copied(source: str, target: str) -> None:
    shutil.copy2(source, target)
    seen = Path(source).stat()
    os.chown(target, seen.st_uid, seen.st_gid)


def _owned(folder: Path) -> None:
    owner = next(path for path in folder.rglob("*") if path.is_file()).stat()
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def left(database: Database) -> list[Path]:
    """Return what drills left behind."""
    return list(database.root.glob("scratch/*"))


def test_a_good_backup_is_recovered_to_the_last_row_and_counted(database: Database) -> None:
    rows = int(database.sql("SELECT count(*) FROM t"))
    assert database.run("drill") == 0
    told = database.report("drill")
    assert told["verified"]
    assert told["tables"] == [{"database": "postgres", "table": "public.t", "rows": rows}]
    assert told["proven"][0]["snapshot"] == told["snapshot"]
    assert told["newest_record_at"] > told["snapshot_at"]
    assert not left(database)
    assert database.run("status") == 0
    drill = parse(database.places.report("main", "drill").read_bytes())
    assert drill.verified
    assert drill.newest_record_at is not None


def segments(database: Database) -> list[Path]:
    """Return the archive's files, oldest first."""
    found = database.repository.glob("archive/main/*/*/*.zst")
    return sorted(found, key=lambda path: path.name)


def largest(database: Database) -> Path:
    files = [
        path for path in database.repository.glob("backup/main/*/pg_data/**/*") if path.is_file()
    ]
    return max(files, key=lambda path: path.stat().st_size)


def flip(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 1]))


def rotten(database: Database) -> None:
    flip(largest(database))


def truncated(database: Database) -> None:
    path = largest(database)
    os.truncate(path, path.stat().st_size // 2)


def wrong_key(database: Database) -> None:
    database.write_key("another key")


def emptied(database: Database) -> None:
    for path in database.repository.iterdir():
        shutil.rmtree(path)


def without_backups(database: Database) -> None:
    emptied(database)
    assert database.run("init") == 0


def a_log_missing(database: Database) -> None:
    segments(database)[-2].unlink()


def last_log_truncated(database: Database) -> None:
    path = segments(database)[-1]
    os.truncate(path, path.stat().st_size // 2)


def last_log_rotten(database: Database) -> None:
    path = segments(database)[-1]
    path.write_bytes(os.urandom(path.stat().st_size))


BROKEN: dict[Callable[[Database], None], str] = {
    rotten: "restore_failed",
    truncated: "restore_failed",
    wrong_key: "repository_unusable",
    emptied: "repository_unusable",
    without_backups: "no_snapshot",
    a_log_missing: "wal_missing",
    last_log_truncated: "wal_missing",
    last_log_rotten: "wal_missing",
}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda one: one.__name__)
def test_a_bad_backup_is_found(database: Database, broken: Callable[[Database], None]) -> None:
    broken(database)
    assert database.run("drill") == 1
    told = database.report("drill")
    assert (told["verified"], told["reason"], told["proven"]) == (False, BROKEN[broken], [])
    assert database.run("status") == 3
    assert told["detail"]
    assert not left(database)
