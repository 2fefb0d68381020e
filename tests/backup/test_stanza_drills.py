"""What a drill of a database proves, on the real PostgreSQL and pgBackRest, and which bad backups it finds."""

import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from backup.postgres.server import as_its_user
from backup.program import account
from backup.words import Failed
from exporter.restore_drill import parse
from tests.backup.database import Database, user
from tests.backup.node import program

pytestmark = pytest.mark.tools


def left(database: Database) -> list[Path]:
    """Return what drills left behind."""
    return list(database.root.glob("scratch/*"))


def test_a_good_backup_is_recovered_to_the_last_row_and_counted(database: Database) -> None:
    rows = int(database.sql("SELECT count(*) FROM t"))
    assert database.run("drill") == 0
    told = database.report("drill")
    assert told["verified"]
    assert {"database": "postgres", "table": "public.t", "rows": rows} in told["tables"]
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
def test_a_bad_backup_is_found(breakable: Database, broken: Callable[[Database], None]) -> None:
    broken(breakable)
    assert breakable.run("drill") == 1
    told = breakable.report("drill")
    assert (told["verified"], told["reason"], told["proven"]) == (False, BROKEN[broken], [])
    assert breakable.run("status") == 3
    assert told["detail"]
    assert not left(breakable)


def test_an_archive_that_does_not_answer_ends_the_drill(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What hangs would keep every other job of the database from its turn."""
    real = shutil.which("pgbackrest")
    hangs = f'for each; do [ "$each" = archive-get ] && exec sleep 86399; done\nexec {real} "$@"\n'
    folder = database.root / "hanging"
    program(folder, "pgbackrest", f"#!/bin/sh\n{hangs}")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    database.configure(recovery_time_seconds=1)
    assert database.run("drill") == 1
    told = database.report("drill")
    assert (told["verified"], told["reason"]) == (False, "too_slow")
    assert "not over after 3 s" in told["detail"]
    assert "sleep\x0086399" not in _everything_that_runs()
    assert not left(database)
    monkeypatch.undo()
    database.configure()
    assert database.run("drill") == 0


def _everything_that_runs() -> str:
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(each.read_bytes().decode("utf-8", "replace"))
    return "\n".join(found)


def test_an_archive_that_takes_files_and_keeps_none_is_found(running_apart: Database) -> None:
    database = running_apart
    database.follow()
    database.sql("ALTER SYSTEM SET archive_command = '/bin/true'")
    database.sql("SELECT pg_reload_conf()")
    time.sleep(1.1)
    database.sql("INSERT INTO t (v) VALUES ('archived nowhere'); SELECT pg_switch_wal()")
    database.wait_for_follower()
    database.configure(socket_dir=str(database.root / "follower"), recovery_point_seconds=1)
    assert database.run("drill") == 1
    told = database.report("drill")
    assert (told["verified"], told["reason"]) == (False, "too_old")
    database.configure(socket_dir=str(database.root / "follower"), recovery_point_seconds=3600)
    assert database.run("drill") == 0


def test_a_scratch_place_that_others_may_write_to_is_refused(database: Database) -> None:
    """Whoever may write there could put a link where root writes next."""
    scratch = database.root / "scratch"
    scratch.mkdir(exist_ok=True)
    scratch.chmod(0o777)
    try:
        assert database.run("drill") == 1
    finally:
        scratch.chmod(0o711)
    told = database.report("drill")
    assert told["reason"] == "misconfigured"
    assert "others than root may write there" in told["detail"]


def test_a_link_that_its_user_put_there_leads_nobody_to_roots_files(database: Database) -> None:
    kept = database.root / "of-root"
    kept.write_text("kept")
    kept.chmod(0o600)
    link = database.root / "postgresql.auto.conf"
    link.symlink_to(kept)
    with pytest.raises(Failed, match="Permission denied"):
        as_its_user(("truncate", "--size=0", "--", str(link)), account(user()))
    assert kept.read_text() == "kept"
