"""The folder of the reports: what in it is refused, bounded, told of and read again."""

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exporter.collector import Absent, Malformed, State
from exporter.collectors.backups import MOST_BYTES, MOST_FILES, MOST_PATHS, SKEW, Backups
from tests.exporter.backup_reports import WRITTEN, captured, of, put, shown, snapshot, values
from tests.exporter.offered import made, ran


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x00\xff" * 50, b"[" * 100_000, b"null", b"{}", b"7", b"[7]", b"[[]]", b"[{}]",
        b"Fatal: wrong password or no key found\n", of(snapshot("yesterday")),
        of(snapshot("2026-11-27T02:00:00")), of(snapshot("0001-01-01T00:00:00Z")),
        of(snapshot("2026-11-27T02:00:00Z", paths=[1])), of(snapshot("2026-11-27T02:00:00Z", hostname=1)),
        of(snapshot("2026-11-27T02:00:00Z", summary=[])),
        of(snapshot("2026-11-27T02:00:00Z", summary={"total_bytes_processed": -1})),
        of({"group_key": {}, "snapshots": [snapshot("2026-11-27T02:00:00Z")]}),
        b'[{"name":"main"}]', b"9" * 5000,
    ],
    ids=lambda data: ascii(data[:20]),
)  # fmt: skip
def test_a_report_that_is_none_costs_its_own_backup_only(data: bytes, folder: Path) -> None:
    captured(folder, "restic-0.18", "etc.restic.json")
    for report in ("restic", "pgbackrest", "drill"):
        put(folder, f"broken.{report}.json", data)
    with capture_logs() as logs:
        body = shown(folder)
    broken = [row for row in body.splitlines() if 'backup="broken"' in row]
    assert broken == [
        f'hale_backup_report_readable{{backup="broken",report="{report}"}} 0'
        for report in ("drill", "pgbackrest", "restic")
    ]
    assert {entry["file"] for entry in logs} == {
        f"broken.{report}.json" for report in ("restic", "pgbackrest", "drill")
    }
    assert values(body, "size_bytes") == {'repo_key="",source="web1"': 300013}


def test_a_report_that_became_unreadable_does_not_keep_its_old_times(folder: Path) -> None:
    path = captured(folder, "restic-0.18", "etc.restic.json")
    collector = Backups(folder, lambda: WRITTEN)
    assert b"hale_backup_last_success_timestamp_seconds" in collector.read()
    path.write_bytes(b"")
    with capture_logs() as logs:
        body = collector.read()
        collector.read()
    assert b"last_success" not in body
    assert b'hale_backup_report_readable{backup="etc",report="restic"} 0' in body
    assert len(logs) == 1  # told once, not in each round
    captured(folder, "restic-0.18", "etc.restic.json")
    assert b"hale_backup_last_success_timestamp_seconds" in collector.read()


def test_a_report_is_taken_apart_once_and_again_when_it_is_replaced(folder: Path) -> None:
    path = captured(folder, "restic-0.14", "etc.restic.json")
    collector = Backups(folder, lambda: WRITTEN)
    first = collector.read()
    seen = path.stat()
    path.write_bytes(
        b"x" * seen.st_size
    )  # the same file, time and size: not opened for its content
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert collector.read() == first
    new = captured(folder, "restic-0.18", ".etc.new")
    new.replace(path)
    assert b"hale_backup_size_bytes" in collector.read()


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_report_that_others_may_write_is_refused(mode: int, folder: Path) -> None:
    captured(folder, "restic-0.14", "etc.restic.json").chmod(mode)
    assert values(shown(folder), "report_readable") == {'report="restic"': 0}


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_a_folder_that_others_may_write_in_is_refused(mode: int, folder: Path) -> None:
    captured(folder, "restic-0.14")
    folder.chmod(mode)
    with pytest.raises(Malformed, match="nobody else may write"):
        shown(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_strangers_report_and_a_strangers_folder_are_refused(folder: Path) -> None:
    os.chown(captured(folder, "restic-0.14", "etc.restic.json"), 65534, 65534)
    assert values(shown(folder), "report_readable") == {'report="restic"': 0}
    os.chown(folder, 65534, 65534)
    with pytest.raises(Malformed, match="uid 65534"):
        shown(folder)


def test_what_is_no_file_is_refused_and_never_waited_for(folder: Path, tmp_path: Path) -> None:
    os.mkfifo(folder / "fifo.restic.json")
    elsewhere = captured(tmp_path, "restic-0.14", "elsewhere")
    (folder / "link.restic.json").symlink_to(elsewhere)
    (folder / "folder.restic.json").mkdir()
    (folder / "null.drill.json").symlink_to("/dev/null")
    assert set(values(shown(folder), "report_readable").values()) == {0}


def test_a_folder_that_is_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    captured(folder, "restic-0.14")
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(OSError, match="link"):
        shown(tmp_path / "link")


def test_a_report_that_is_too_large_is_refused(folder: Path) -> None:
    at_most = of(snapshot("2026-11-27T02:00:00Z")).ljust(MOST_BYTES)
    put(folder, "fits.restic.json", at_most)
    put(folder, "huge.restic.json", at_most + b" ")
    body = shown(folder)
    assert 'hale_backup_report_readable{backup="fits",report="restic"} 1' in body
    assert 'hale_backup_report_readable{backup="huge",report="restic"} 0' in body


def test_many_reports_and_paths_are_bounded(folder: Path) -> None:
    paths = [f"/srv/{number}" for number in range(MOST_PATHS + 5)]
    put(folder, "all.restic.json", of(snapshot("2026-11-27T02:00:00Z", paths=paths)))
    for number in range(MOST_FILES):
        put(folder, f"b{number}.restic.json", b"[]")
    with capture_logs() as logs:
        body = shown(folder)
    assert len(values(body, "path_info")) == MOST_PATHS
    assert body.count("hale_backup_report_readable{") == MOST_FILES + 1
    assert body.count('report="restic"} 0') == 1
    assert [entry["reason"] for entry in logs] == [f"more than {MOST_FILES} reports"]


def test_a_report_written_in_the_future_is_refused_until_its_time_has_come(folder: Path) -> None:
    captured(folder, "restic-0.14", "etc.restic.json")
    assert "last_success" not in shown(folder, WRITTEN - SKEW - 1)
    assert "last_success" in shown(folder, WRITTEN - SKEW)


def test_a_name_that_says_nothing_is_told_of_and_a_hidden_one_is_not_looked_at(
    folder: Path,
) -> None:
    captured(folder, "restic-0.14", "etc.restic.json")
    put(folder, "etc.restc.json", b"[]")
    put(folder, ".etc.restic.json.new", b"half of")
    put(folder, "-x.restic.json", b"[]")
    with capture_logs() as logs:
        body = shown(folder)
    assert [entry["file"] for entry in logs] == ["-x.restic.json", "etc.restc.json"]
    assert len(values(body, "report_readable")) == 1


async def test_where_nobody_backs_up_the_collector_is_absent(tmp_path: Path) -> None:
    flag = {"backups.folder": tmp_path / "nowhere"}
    assert await ran(made("backups", **flag)) == (b"", State.ABSENT)  # type: ignore[arg-type]
    (tmp_path / "nowhere").mkdir(mode=0o755)
    with pytest.raises(Absent, match="no report"):
        shown(tmp_path / "nowhere")
