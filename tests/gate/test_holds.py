"""A person's hold: kept through anything but its own end."""

from pathlib import Path

import pytest

from gate.clock import NANO
from gate.holds import NAME, Hold, Holds
from tests.gate.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def holds(tmp_path: Path, clock: FakeClock) -> Holds:
    return Holds(tmp_path / "state", tmp_path / "run", clock)


def test_there_is_no_hold_at_first(holds: Holds) -> None:
    assert holds.in_force() == ()
    assert not holds.release()


def test_a_hold_without_end_outlives_a_boot(holds: Holds, clock: FakeClock) -> None:
    holds.place("replacing a fan", None)
    clock.reboot()
    clock.pass_seconds(10**8)
    assert holds.in_force() == (Hold("replacing a fan", None),)


def test_a_hold_for_two_hours_ends_after_two_hours(holds: Holds, clock: FakeClock) -> None:
    holds.place("lunch", 7200)
    clock.pass_seconds(7199)
    assert holds.in_force() == (Hold("lunch", "2026-01-02T05:04:05.000Z"),)
    clock.pass_seconds(1)
    assert holds.in_force() == ()


def test_a_jump_of_the_wall_clock_does_not_end_a_hold(holds: Holds, clock: FakeClock) -> None:
    holds.place("lunch", 7200)
    clock.utc += 86400 * NANO
    assert holds.in_force() == (Hold("lunch", "2026-01-03T05:04:05.000Z"),), "when it ends now"
    clock.pass_seconds(7199)
    assert len(holds.in_force()) == 1
    clock.pass_seconds(1)
    assert holds.in_force() == ()


def test_a_hold_does_not_end_before_the_time_that_was_told(holds: Holds, clock: FakeClock) -> None:
    holds.place("lunch", 7200)
    clock.utc -= 3600 * NANO
    clock.pass_seconds(7200)
    assert holds.in_force() == (Hold("lunch", "2026-01-02T05:04:05.000Z"),)
    clock.pass_seconds(3600)
    assert holds.in_force() == ()


def test_after_a_boot_the_wall_clock_is_all_there_is(holds: Holds, clock: FakeClock) -> None:
    holds.place("lunch", 7200)
    clock.reboot()
    assert len(holds.in_force()) == 1
    clock.pass_seconds(7200)
    assert holds.in_force() == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "\x00",
        '{"v":1,"reason":"x","until_wall":1,"until_boottime":1,"boot_id":"x"}',
        '{"v":1,"reason":1,"until_wall":null,"until_boottime":null,"boot_id":"x"}',
        '{"v":1,"reason":"x","until_wall":"soon","until_boottime":null,"boot_id":"x"}',
    ],
)
def test_a_damaged_hold_is_a_hold(holds: Holds, text: str) -> None:
    holds.state.mkdir()
    (holds.state / NAME).write_text(text)
    (hold,) = holds.in_force()
    assert "counts as a hold" in hold.reason
    assert hold.until is None
    assert holds.release()
    assert holds.in_force() == ()


def test_a_hold_that_cannot_be_read_is_a_hold(holds: Holds) -> None:
    (holds.state / NAME).mkdir(parents=True)
    assert "cannot be read" in holds.in_force()[0].reason


def test_a_hold_goes_to_run_when_the_state_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    holds = Holds(tmp_path / "state", tmp_path / "run", FakeClock())
    assert holds.place("disk full", None) == tmp_path / "run" / NAME
