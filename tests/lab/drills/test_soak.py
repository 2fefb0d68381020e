"""A soak against a lab that keeps a diary, on virtual time: only nothing is good enough."""

import json
from functools import partial
from pathlib import Path

import pytest

from lab.drills.judgement import Report
from lab.drills.soak import PERIOD, RATE, disturbances, held, record, soak
from tests.lab.drills.eyes import Eyes
from tests.lab.drills.fakes import FakeLab

URL = "http://10.77.0.11:80/"
MINUTE = 60.0
SOUND = "." * 1400


def soaked(directory: Path, pattern: str = SOUND, detects_after: float | None = None) -> Report:
    """Return the report of a minute of twenty requests a second, of which each x is lost."""
    lab = FakeLab(directory)
    eyes = Eyes(lab, detects_after=detects_after)

    def spawn(name: str, out: Path) -> None:
        eyes(name, out)
        if name == "lab.load":
            for n, char in enumerate(pattern):
                lab.clock.after(n / 20, partial(request, out, char == "."))

    def request(out: Path, ok: bool) -> None:
        line = {"at": lab.clock.time, "url": URL, "ok": ok, "status": 200, "seconds": 0}
        with out.open("a") as stream:
            stream.write(f"{json.dumps(line)}\n")

    lab.on_spawn = spawn
    return soak(lab, [URL], MINUTE, lab.clock, lambda moment, began: None, directory / "seen")


def test_a_minute_in_which_nothing_happens_holds(tmp_path: Path) -> None:
    """It ends when its time is over, and says what it watched."""
    report = soaked(tmp_path)
    assert held(report)
    assert report.ended - report.began == pytest.approx(MINUTE, abs=1)
    text = record(report, "first")
    assert "alerts that fired   0, not counting Watchdog" in text
    assert f"load                {RATE // 10} to {RATE} requests a second, a tide each 1m" in text
    assert PERIOD == MINUTE
    assert text.endswith("verdict             held\n")


def test_an_alert_is_one_too_many(tmp_path: Path) -> None:
    """Whatever fires is named with its time."""
    report = soaked(tmp_path, detects_after=30.0)
    assert report.held, "no limit of a drill is broken by it"
    assert not held(report)
    assert disturbances(report) == ("  +28.0 s  detected    ServiceDown web1 fires",)
    assert record(report, "first").endswith(f"DID NOT HOLD\n{disturbances(report)[0]}\n")


def test_a_request_in_a_hundred_may_be_lost_and_no_more(tmp_path: Path) -> None:
    """More would be an outage that no alert told of."""
    report = soaked(tmp_path, "." * 200 + "x.." * 20 + SOUND)
    assert report.figures.lost_requests == 20
    assert not held(report)


def test_a_load_that_ended_early_shows_nothing(tmp_path: Path) -> None:
    """What was not asked for was not served either."""
    report = soaked(tmp_path, pattern="." * 300)
    assert report.figures.lost_requests == 0
    assert not held(report)
