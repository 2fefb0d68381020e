"""The file of what was posted, on a real disk: killed writers, second readers, garbage."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from exporter.alerting import memory
from exporter.alerting.alert import Alert
from exporter.alerting.memory import Forgetful, StateFile, state_directory
from exporter.alerting.ports import Claim

ALERTS = tuple(
    Alert.of({"alertname": "ServiceDown", "service": f"s{n}"}, {"summary": f"{n} \N{SNOWMAN}"})
    for n in range(40)
)

WRITER = """\
import sys
from pathlib import Path
from exporter.alerting.memory import StateFile
from exporter.alerting.alert import Alert
state = StateFile(Path(sys.argv[1]))
print(state.claim().value, flush=True)
number = 0
while True:
    number += 1
    state.write([Alert.of({"alertname": "A", "n": str(number), "x": str(i)}, {}) for i in range(200)])
"""


def test_what_was_written_is_read_by_the_next_one(tmp_path: Path) -> None:
    StateFile(tmp_path).write(ALERTS)
    assert StateFile(tmp_path).read() == ALERTS


def test_without_a_file_nothing_was_posted(tmp_path: Path) -> None:
    assert StateFile(tmp_path).read() == ()


def test_a_writer_that_is_killed_leaves_a_whole_file_and_its_claim_to_others(
    tmp_path: Path,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ours\n"
        mine = StateFile(tmp_path)
        while not (kept := mine.read()):
            pass
        assert mine.claim() is Claim.ANOTHERS
        for _ in range(50):
            kept = mine.read()
            assert len(kept) == 200
            assert len({dict(one.labels)["n"] for one in kept}) == 1
        os.kill(writer.pid, signal.SIGKILL)
    assert len(mine.read()) == 200
    assert mine.claim() is Claim.OURS
    assert mine.claim() is Claim.OURS


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\x00\xff" * 100,
        b"null",
        b'{"version": 1}',
        b'{"version": 2, "alerts": []}',
        b'{"version": 1, "alerts": [{}]}',
        b'{"version": 1, "alerts": [{"labels": {"alertname": 1}, "annotations": {}}]}',
        b'{"version": 1, "alerts": [{"labels": {"alertname": "A", "b": null}, "annotations": {}}]}',
        b'{"version": 1, "alerts": [{"labels": {"alertname": "\\ud800"}, "annotations": {}}]}',
        b"[" * 100_000,
    ],
)
def test_what_cannot_be_understood_is_said_and_left(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "short_way.json").write_bytes(text)
    with capture_logs() as logs:
        assert StateFile(tmp_path).read() == ()
    assert [one["event"] for one in logs] == ["short_way.state_unreadable"]


def test_a_file_that_is_too_long_is_not_taken_in(tmp_path: Path) -> None:
    (tmp_path / "short_way.json").write_bytes(b" " * (memory.LIMIT + 1))
    assert StateFile(tmp_path).read() == ()


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fall_over(text: bytes) -> None:
    try:
        found = memory._read(text)
    except (ValueError, RecursionError):
        return
    assert all(isinstance(one, Alert) for one in found)


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    StateFile(tmp_path).write(ALERTS[:1])
    assert json.loads((tmp_path / "short_way.json").read_bytes()) == {
        "version": 1,
        "alerts": [{"labels": dict(ALERTS[0].labels), "annotations": dict(ALERTS[0].annotations)}],
    }


def test_without_a_directory_nothing_is_kept() -> None:
    nowhere = Forgetful()
    nowhere.write(ALERTS)
    assert (nowhere.claim(), nowhere.read()) == (Claim.OURS, ())


def test_the_directory_is_the_first_that_systemd_made() -> None:
    assert state_directory({"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}) == Path("/var/lib/a")
    assert state_directory({}) is None
