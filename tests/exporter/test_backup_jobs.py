"""What is shown of the jobs of hale-backup."""

import json
from pathlib import Path

import pytest

from backup import moment
from backup.cli import main
from backup.places import Places
from exporter import backup_job
from exporter.collector import Malformed
from tests.exporter.backup_reports import captured, put, shown, values

WELL = {
    "v": 1,
    "ok": True,
    "succeeded_at": "2026-11-27T19:00:02.5Z",
    "began_at": "2026-11-27T19:00:00Z",
    "ended_at": "2026-11-27T19:00:02.5Z",
    "seconds": 2.5,
    "files": 20,
}
FAILED = {
    **WELL,
    "first_succeeded_at": "2026-10-01T19:00:02Z",
    "ok": False,
    "succeeded_at": "2026-11-26T19:00:02Z",
    "reason": "source_corrupt",
    "corrupt_files": 2,
}


def test_a_job_that_was_well_has_no_failure(tmp_path: Path) -> None:
    put(tmp_path, "etc.run.json", json.dumps(WELL).encode())
    body = shown(tmp_path)
    assert values(body, "job_success") == {'command="run"': 1}
    assert values(body, "job_duration_seconds") == {'command="run"': 2.5}
    assert values(body, "job_failure_info") == {}
    assert values(body, "source_corrupt_files") == {}


def test_a_job_that_failed_says_why_and_when_one_was_last_well(tmp_path: Path) -> None:
    put(tmp_path, "etc.check.json", json.dumps(FAILED).encode())
    body = shown(tmp_path)
    assert values(body, "job_success") == {'command="check"': 0}
    assert values(body, "job_failure_info") == {'command="check",reason="source_corrupt"': 1}
    assert values(body, "source_corrupt_files") == {"": 2}
    last, ended = (
        values(body, "job_last_success_timestamp_seconds"),
        values(body, "job_timestamp_seconds"),
    )
    assert last['command="check"'] < ended['command="check"']
    first = values(body, "job_first_success_timestamp_seconds")
    assert first['command="check"'] < last['command="check"']


def test_a_database_tells_until_when_its_log_is_archived_also_where_a_check_failed(
    tmp_path: Path,
) -> None:
    captured(tmp_path, "check-database", "main.check.json")
    body = shown(tmp_path)
    assert values(body, "job_failure_info") == {'command="check",reason="archive_failed"': 1}
    (archived,) = values(body, "archived_timestamp_seconds").values()
    assert archived == moment.seconds("2026-11-27T19:50:00.310Z")


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"ok": "yes"},
        {"ok": False},
        {"reason": "no"},
        {"seconds": -1},
        {"ended_at": "yesterday"},
        {"succeeded_at": "2027-01-01T00:00:00Z"},
        {"ok": False, "reason": "A SENTENCE"},
        {"corrupt_files": -1},
        {"archived_at": "2027-01-01T00:00:00Z"},
        {"first_succeeded_at": "2027-01-01T00:00:00Z"},
    ],
)
def test_what_cannot_be_is_no_report(change: dict[str, object]) -> None:
    backup_job.parse(json.dumps(WELL).encode())
    with pytest.raises(Malformed):
        backup_job.parse(json.dumps(WELL | change).encode())


def test_what_hale_backup_writes_is_what_is_read_here(tmp_path: Path) -> None:
    """The two programs share nothing but the format."""
    config = {
        "v": 1,
        "cluster": "c",
        "node": "n",
        "backups": {
            "etc": {
                "tool": "restic",
                "paths": [str(tmp_path / "src")],
                "excludes": [],
                "repository": str(tmp_path / "none"),
                "password_file": str(tmp_path / "key"),
                "keep": {},
                "recovery_point_seconds": 1,
                "recovery_time_seconds": 1,
                "check_parts": 1,
                "size_drop": 0.5,
                "drill_period_seconds": 1,
                "scratch": str(tmp_path / "scratch"),
                "units": [],
                "rebuildable": False,
            }
        },
    }
    (tmp_path / "backup.json").write_text(json.dumps(config))
    places = Places(*(tmp_path / name for name in ("reports", "state", "run", "cache")))
    where = [f"--{name}={getattr(places, name)}" for name in ("reports", "state", "run", "cache")]
    for command in ("run", "check", "restore"):
        assert main([command, "etc", *where, f"--config={tmp_path / 'backup.json'}"]) == 1
        done = backup_job.parse(places.report("etc", command).read_bytes())
        assert done.reason in ("no_tool", "repository_unusable", "not_proven")
