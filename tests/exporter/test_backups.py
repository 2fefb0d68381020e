"""Backups: what restic and pgBackRest of Debian wrote, and what a folder with anything in it makes of the rest.

fixtures/backups is what restic 0.14 and 0.18 and pgBackRest 2.45 wrote of repositories made for it (2.55 writes the
same, byte for byte); drill.json is the example of docs/collectors/backups.md, check.json what
hale-backup wrote of a disk that changed a file, and check-database.json one of a database in its form.
"""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from exporter import backups, restore_drill
from exporter.backups import Backup, interval
from exporter.collector import Absent, Malformed, State
from exporter.collectors.backups import MOST_BYTES, MOST_FILES, MOST_PATHS, SKEW, Backups
from tests.exporter.golden import GOLDEN, same_as_golden
from tests.exporter.offered import made, ran
from tests.exporter.test_mutilated import check, mutilated
from tests.exporter.tools import find

CAPTURED = Path(__file__).parent / "fixtures/backups"
PAGE = Path(__file__).parents[2] / "docs/collectors/backups.md"
WRITTEN = (
    1_795_809_600.0  # 2026-11-27 20:00 UTC, soon after the newest backup of the captured reports
)
FILES = sorted(path.stem for path in CAPTURED.glob("*.json"))


def report_of(name: str) -> str:
    """What a captured report is called in the folder."""
    return f"etc.{name.partition('-')[0]}.json"


def put(folder: Path, name: str, data: bytes, at: float = WRITTEN) -> Path:
    path = folder / name
    path.write_bytes(data)
    path.chmod(0o644)
    os.utime(path, (at, at))
    return path


def captured(folder: Path, name: str, report: str = "") -> Path:
    return put(folder, report or report_of(name), (CAPTURED / f"{name}.json").read_bytes())


def shown(folder: Path, now: float = WRITTEN) -> str:
    return Backups(folder, lambda: now).read().decode()


def values(body: str, name: str) -> dict[str, float]:
    """The values of one family, by its labels but for `backup`."""
    found = re.findall(rf"^hale_backup_{name}{{(.*)}} (.*)$", body, re.MULTILINE)
    return {re.sub(r'backup="[^"]*",?', "", labels): float(value) for labels, value in found}


def snapshot(at: str, **more: object) -> dict[str, object]:
    return {"time": at, "paths": ["/etc"], "hostname": "web1", **more}


def of(*snapshots: object) -> bytes:
    return json.dumps(snapshots).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "reports").mkdir(mode=0o755)
    return tmp_path / "reports"


@pytest.mark.parametrize("name", FILES)
def test_captured_reports(name: str, folder: Path, request: pytest.FixtureRequest) -> None:
    captured(folder, name)
    same_as_golden(request, f"backups-{name}", shown(folder).encode())


def test_each_host_of_a_repository_has_its_own_last_backup(folder: Path) -> None:
    captured(folder, "restic-0.14")
    last = values(shown(folder), "last_success_timestamp_seconds")
    assert last == {
        'repo_key="",source="web1"': backups.unix("2026-11-26T02:30:06Z"),
        'repo_key="",source="web2"': backups.unix("2026-11-22T04:00:00Z"),
    }
    every = values(shown(folder), "interval_seconds")
    assert every['repo_key="",source="web2"'] == 7 * 86400
    assert every['repo_key="",source="web1"'] == pytest.approx(86401)


def test_what_restic_0_14_does_not_say_has_no_series_and_0_18_says_it(folder: Path) -> None:
    captured(folder, "restic-0.14")
    old = shown(folder)
    assert "hale_backup_size_bytes" not in old
    assert "hale_backup_files" not in old
    captured(folder, "restic-0.18")
    new = shown(folder)
    assert values(new, "size_bytes") == {'repo_key="",source="web1"': 300013}
    assert values(new, "files") == {'repo_key="",source="web1"': 4}
    assert set(values(new, "path_info")) == {
        'path="/mnt/etc",repo_key="",source="web1"',
        'path="/mnt/www",repo_key="",source="web1"',
    }
    began = values(new, "last_success_start_timestamp_seconds")['repo_key="",source="web1"']
    assert (
        0 < values(new, "last_success_timestamp_seconds")['repo_key="",source="web1"'] - began < 60
    )


def test_each_repository_of_a_stanza_has_its_own_last_backup_and_one_not_read_has_none(
    folder: Path,
) -> None:
    captured(folder, "pgbackrest-2.45")
    both = shown(folder)
    assert set(values(both, "snapshots").values()) == {3, 1}
    assert 'pgbackrest_repo_status{cipher="aes-256-cbc",repo_key="2",stanza="main"} 0' in both
    captured(folder, "pgbackrest-2.45-wrong-key")
    one = shown(folder)
    assert values(one, "snapshots") == {'repo_key="1",source="main"': 3}
    assert 'pgbackrest_repo_status{cipher="aes-256-cbc",repo_key="2",stanza="main"} 99' in one
    assert 'pgbackrest_stanza_status{stanza="main"} 4' in one


def test_a_repository_without_a_backup_says_so(folder: Path) -> None:
    put(folder, "etc.restic.json", b"[]")
    captured(folder, "pgbackrest-2.45-no-backup", "pg.pgbackrest.json")
    body = shown(folder)
    assert values(body, "snapshots") == {
        'repo_key="",source=""': 0,
        'repo_key="1",source="main"': 0,
        'repo_key="2",source="main"': 0,
    }
    assert "hale_backup_last_success" not in body


def test_a_backup_from_after_its_own_report_is_not_the_newest(folder: Path) -> None:
    wrong = snapshot("2031-01-01T00:00:00Z"), snapshot("2026-11-27T20:04:00+00:00")
    put(folder, "etc.restic.json", of(snapshot("2026-11-27T02:00:00Z"), *wrong))
    body = shown(folder)
    # Four minutes are what two clocks may differ by.
    assert (
        values(body, "last_success_timestamp_seconds")['repo_key="",source="web1"'] == WRITTEN + 240
    )
    assert values(body, "snapshots") == {'repo_key="",source="web1"': 2}
    assert values(body, "snapshots_refused")['reason="future",repo_key="",source="web1"'] == 1


def test_a_backup_with_damaged_pages_is_not_the_newest_good_one(folder: Path) -> None:
    data = json.loads((CAPTURED / "pgbackrest-2.45.json").read_bytes())
    data[0]["backup"][2]["error"] = True
    put(folder, "pg.pgbackrest.json", json.dumps(data).encode())
    body = shown(folder)
    first = 'repo_key="1",source="main"'
    assert values(body, "last_success_timestamp_seconds")[first] == 1795808368
    assert values(body, "snapshots")[first] == 2
    refused = values(body, "snapshots_refused")
    assert {labels for labels, many in refused.items() if many} == {f'reason="flawed",{first}'}


def test_a_drill_that_failed_keeps_the_time_of_the_last_good_one(folder: Path) -> None:
    drill = {
        "v": 1,
        "ended_at": "2026-11-27T05:00:00Z",
        "verified": False,
        "verified_at": "2026-11-20T05:00:00Z",
        "reason": "wrong password or no key found",
    }
    put(folder, "etc.drill.json", json.dumps(drill).encode())
    body = shown(folder)
    assert values(body, "restore_success") == {"": 0}
    assert values(body, "restore_last_success_timestamp_seconds") == {
        "": backups.unix("2026-11-20T05:00:00Z")
    }
    assert values(body, "restore_timestamp_seconds") == {"": backups.unix(drill["ended_at"])}
    assert "restore_duration" not in body


GOOD_DRILL = json.loads((CAPTURED / "drill.json").read_bytes())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"v": 2}, '"v": 1'),
        ({"verified": 1}, '"verified"'),
        ({"ended_at": None}, "a time with its zone"),
        ({"ended_at": "2026-11-27T05:12:30"}, "a time with its zone"),
        ({"ended_at": "yesterday"}, "isoformat"),
        ({"snapshot": ""}, "without one of snapshot"),
        ({"snapshot_at": None}, "without one of snapshot"),
        ({"restore_seconds": None}, "without one of snapshot"),
        ({"bytes": None}, "without one of snapshot"),
        ({"newest_record_at": "2026-11-27T06:00:00Z"}, "after ended_at"),
        ({"restore_seconds": -1}, "from 0 on"),
        ({"restore_seconds": float("nan")}, "from 0 on"),
        ({"bytes": 1.5}, "whole number"),
        ({"files": True}, "whole number"),
        ({"files": 10**400}, "whole number"),
    ],
)
def test_a_drill_that_proves_nothing_is_no_report(change: dict[str, object], why: str) -> None:
    restore_drill.parse(json.dumps(GOOD_DRILL).encode())
    with pytest.raises(Malformed, match=re.escape(why)):
        restore_drill.parse(json.dumps(GOOD_DRILL | change).encode())


def test_a_drill_from_after_its_own_report_is_no_report(folder: Path) -> None:
    path = captured(folder, "drill")
    ended = restore_drill.parse(path.read_bytes()).ended_at
    os.utime(path, (ended - SKEW - 1, ended - SKEW - 1))
    assert values(shown(folder), "report_readable") == {'report="drill"': 0}


def test_the_example_of_the_page_is_the_captured_one() -> None:
    block = re.search(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert block is not None
    assert json.loads(block[1]) == GOOD_DRILL


JOBS = re.findall(r"^ExecStartPost=\+?/bin/sh -c '(.*)'$", PAGE.read_text(), re.M)
RESTIC, PGBACKREST = JOBS


@pytest.mark.parametrize(
    ("job", "tool", "says"),
    [(RESTIC, "restic", "restic-0.18"), (PGBACKREST, "pgbackrest", "pgbackrest-2.45")],
)
def test_what_the_page_has_a_job_do_writes_a_report_or_leaves_the_one_before(
    job: str, tool: str, says: str, folder: Path, tmp_path: Path
) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    program(tools / tool, f"cat {CAPTURED / says}.json; exit $FAILS")
    program(tools / "runuser", 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"')
    line = job.replace("%H", "web1").replace("/var/lib/hale-backups", str(folder))
    before = os.umask(0o077)  # a job may well run with one
    try:
        assert run(line, tools, fails=0) == 0
    finally:
        os.umask(before)
    now = time.time()
    first = shown(folder, now)
    assert list(values(first, "report_readable").values()) == [1]
    assert run(line, tools, fails=1) != 0
    assert shown(folder, now) == first


@pytest.mark.tools
def test_the_rules_that_the_page_has_to_copy_are_rules_of_what_is_served(tmp_path: Path) -> None:
    block = re.search(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert block is not None
    (tmp_path / "rules.yml").write_text(block[1])
    checked = [find("promtool"), "check", "rules", str(tmp_path / "rules.yml")]
    assert (
        "2 rules found"
        in subprocess.run(checked, check=True, capture_output=True, text=True).stdout
    )
    served = "".join(path.read_text() for path in GOLDEN.glob("backups-*.prom"))
    asked = set(re.findall(r"hale_backup_\w+", block[1]))
    assert asked <= set(re.findall(r"^# TYPE (\w+)", served, re.M))
    assert len(asked) == 2


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def run(line: str, tools: Path, fails: int) -> int:
    env = {"PATH": f"{tools}:{os.environ['PATH']}", "FAILS": str(fails)}
    return subprocess.run(["/bin/sh", "-c", line], env=env, check=False).returncode


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


def test_however_deep_it_is_nested_a_report_is_only_malformed() -> None:
    for depth in (2, *range(900, 1100), 100_000):
        data = b"[" * depth + b"]" * depth
        for parse in (backups.restic, backups.pgbackrest, restore_drill.parse):
            with pytest.raises(Malformed):
                parse(data)


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


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_is_in_a_report_the_exposition_is_valid(
    tmp_path: Path, data: st.DataObject
) -> None:
    folder = tmp_path / "reports"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o755)
    name = data.draw(st.sampled_from(FILES))
    content = (CAPTURED / f"{name}.json").read_bytes()
    put(folder, report_of(name), data.draw(mutilated(content)))
    check(shown(folder))


@given(st.lists(st.floats(1.0, 2e9), max_size=20))
def test_the_usual_time_between_two_is_never_longer_than_all_of_them(times: list[float]) -> None:
    every = interval([Backup(one, one) for one in times])
    assert (every is None) == (len(times) < 3)
    assert every is None or 0 <= every <= max(times) - min(times)
