"""Restore drills: what is shown of their reports, and what proves nothing."""

import json
import os
import re
from pathlib import Path

import pytest

from exporter import backups, restore_drill
from exporter.collector import Malformed
from exporter.collectors.backups import SKEW
from tests.exporter.backup_reports import (
    CAPTURED,
    PAGE,
    captured,
    put,
    shown,
    values,
)


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
