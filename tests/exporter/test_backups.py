"""Backups: what is shown of what restic and pgBackRest wrote, and that anything else in a report does no harm."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter import backups, restore_drill
from exporter.backups import Backup, interval
from exporter.collector import Malformed
from tests.exporter.backup_reports import (
    CAPTURED,
    FILES,
    WRITTEN,
    captured,
    of,
    put,
    report_of,
    shown,
    snapshot,
    values,
)
from tests.exporter.golden import same_as_golden
from tests.exporter.test_mutilated import check, mutilated


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


def test_however_deep_it_is_nested_a_report_is_only_malformed() -> None:
    for depth in (2, *range(900, 1100), 100_000):
        data = b"[" * depth + b"]" * depth
        for parse in (backups.restic, backups.pgbackrest, restore_drill.parse):
            with pytest.raises(Malformed):
                parse(data)


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
