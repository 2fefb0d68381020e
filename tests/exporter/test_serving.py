"""When a service counts as serving: tables for the cases with a name, properties for all the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.serving import (
    Phase,
    Probed,
    Serving,
    is_up,
    phase,
    probed,
    unit_lost,
    unit_seen,
)
from exporter.unit import Unit
from tests.exporter.fakes import unit

ACTIVE = unit("active", "running", "a1")
AGAIN = unit("active", "running", "a2")
WAITING = unit("activating", "auto-restart", "a1")
STARTING = unit("activating", "start", "a2")
STOPPING = unit("deactivating", "stop-sigterm", "a1")
FAILED = unit("failed", "failed", "a1")
STOPPED = unit("inactive", "dead", "a1")
MISSING = unit("inactive", "dead", "", load_state="not-found")

GOOD, BAD, NOT_MADE = Probed.SUCCESS, Probed.FAILURE, Probed.NOT_MADE
LOST = None

Event = Unit | Probed | None


def told(fall: int | None, *events: Event) -> bool | None:
    """The answer after these events, a probe always being of the run that it meets."""
    serving = Serving(fall=fall)
    for event in events:
        match event:
            case Unit():
                serving = unit_seen(serving, event, 0.0)
            case Probed():
                serving = probed(serving, serving.run, event, 0.0)
            case None:
                serving = unit_lost(serving)
    return is_up(serving, 0.0, max_age=10.0)


@pytest.mark.parametrize(
    ("events", "answer"),
    [
        ([], None),
        ([ACTIVE], True),
        ([FAILED], False),
        ([STOPPED], False),
        ([MISSING], False),
        ([unit("active", load_state="masked")], False),
        ([unit("reloading", "reload")], True),
        ([WAITING], None),
        ([STARTING], None),
        ([ACTIVE, WAITING], True),
        ([ACTIVE, WAITING, STARTING, AGAIN], True),
        ([ACTIVE, STOPPING], True),
        ([FAILED, STARTING], False),
        ([FAILED, WAITING], False),
        ([FAILED, STARTING, AGAIN], True),
        ([ACTIVE, WAITING, FAILED], False),
        ([ACTIVE, LOST], None),
        ([FAILED, LOST, STARTING], False),
        ([ACTIVE, LOST, ACTIVE], True),
        ([unit("maintenance", "")], None),
    ],
)
def test_a_service_without_probe_is_what_its_unit_is(
    events: list[Event], answer: bool | None
) -> None:
    assert told(None, *events) is answer


@pytest.mark.parametrize(
    ("events", "answer"),
    [
        ([ACTIVE], None),
        ([ACTIVE, GOOD], True),
        ([ACTIVE, BAD], None),
        ([ACTIVE, BAD, BAD], False),
        ([ACTIVE, GOOD, BAD], True),
        ([ACTIVE, GOOD, BAD, BAD], False),
        ([ACTIVE, BAD, BAD, GOOD], True),
        ([ACTIVE, GOOD, BAD, GOOD, BAD], True),
        ([ACTIVE, GOOD, NOT_MADE], None),
        ([ACTIVE, GOOD, NOT_MADE, GOOD], True),
        ([FAILED, GOOD], False),
        ([MISSING, GOOD], False),
        ([ACTIVE, GOOD, LOST], None),
        ([ACTIVE, GOOD, LOST, GOOD], None),
    ],
)
def test_an_active_unit_is_what_its_probe_saw(events: list[Event], answer: bool | None) -> None:
    assert told(2, *events) is answer


def test_systemds_own_restart_is_not_a_failure_whatever_the_probe_says() -> None:
    assert told(2, ACTIVE, GOOD, WAITING, BAD, BAD, BAD) is True


def test_a_start_that_hangs_does_not_serve() -> None:
    assert told(2, ACTIVE, GOOD, WAITING, STARTING, BAD) is True
    assert told(2, ACTIVE, GOOD, WAITING, STARTING, BAD, BAD) is False


def test_what_had_failed_is_not_up_before_it_is_active() -> None:
    """Something else may answer on the port while the unit starts."""
    assert told(2, FAILED, STARTING, GOOD) is False


def test_after_a_restart_old_failures_are_forgotten_and_only_a_fresh_success_brings_it_up() -> None:
    down = (ACTIVE, GOOD, BAD, BAD, STOPPED, STARTING, AGAIN)
    assert told(2, *down) is False
    assert told(2, *down, BAD) is False
    assert told(2, *down, GOOD) is True
    assert told(2, *down, GOOD, BAD) is True


def test_a_restart_that_nobody_saw_happen_is_a_new_run_all_the_same() -> None:
    assert told(2, ACTIVE, GOOD, BAD, AGAIN, BAD) is True


def test_a_probe_of_an_earlier_run_is_dropped() -> None:
    serving = unit_seen(Serving(fall=1), ACTIVE, 0.0)
    earlier = serving.run
    serving = unit_seen(serving, AGAIN, 1.0)
    assert probed(serving, earlier, GOOD, 2.0) == serving
    assert probed(serving, earlier, BAD, 2.0) == serving
    assert is_up(probed(serving, serving.run, GOOD, 2.0), 2.0, 10.0) is True


def test_a_probe_that_went_silent_is_unknown() -> None:
    serving = probed(unit_seen(Serving(fall=2), ACTIVE, 0.0), 1, GOOD, 5.0)
    assert is_up(serving, 15.0, max_age=10.0) is True
    assert is_up(serving, 15.1, max_age=10.0) is None


def test_a_unit_that_is_down_stays_so_however_old_its_probe_is() -> None:
    assert is_up(unit_seen(Serving(fall=2), FAILED, 0.0), 1e9, max_age=10.0) is False


UNITS = st.sampled_from(
    [ACTIVE, AGAIN, WAITING, STARTING, STOPPING, FAILED, STOPPED, MISSING, unit("refreshing")]
)
EVENTS = st.lists(st.one_of(UNITS, st.sampled_from(list(Probed)), st.none()), max_size=30)


@given(events=EVENTS, fall=st.one_of(st.none(), st.integers(1, 3)))
def test_a_unit_that_is_down_is_never_called_up(events: list[Event], fall: int | None) -> None:
    for end in (FAILED, STOPPED, MISSING):
        assert told(fall, *events, end) is False
        assert told(fall, *events, end, GOOD) is False


@given(events=EVENTS, fall=st.one_of(st.none(), st.integers(1, 3)))
def test_without_a_bus_nothing_is_known(events: list[Event], fall: int | None) -> None:
    assert told(fall, *events, LOST) is None


@given(events=EVENTS, fall=st.integers(1, 3))
def test_up_rests_on_a_success_of_this_probe_at_some_time(events: list[Event], fall: int) -> None:
    if GOOD not in events:
        assert told(fall, *events) is not True


@given(events=EVENTS, fall=st.integers(1, 3))
def test_enough_failures_of_an_active_unit_bring_it_down(events: list[Event], fall: int) -> None:
    assert told(fall, *events, AGAIN, *[BAD] * fall) is False


@given(events=EVENTS, fall=st.integers(1, 3))
def test_auto_restart_never_changes_the_answer_to_down(events: list[Event], fall: int) -> None:
    before = told(fall, *events, ACTIVE, GOOD)
    assert before is True
    assert told(fall, *events, ACTIVE, GOOD, WAITING, *[BAD] * 5) is True


def test_the_phases_of_systemds_states() -> None:
    assert [phase(u) for u in (ACTIVE, WAITING, STARTING, STOPPING, FAILED, MISSING)] == [
        Phase.UP,
        Phase.RETRYING,
        Phase.MOVING,
        Phase.MOVING,
        Phase.DOWN,
        Phase.DOWN,
    ]
    assert phase(unit("activating", "auto-restart-queued")) is Phase.RETRYING
