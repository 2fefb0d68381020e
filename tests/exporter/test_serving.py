"""When a service counts as serving: tables for the cases with a name, properties for all the others."""

import itertools
from collections.abc import Iterator

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
BETWEEN = unit("inactive", "dead", "a1", job=True)  # a restart, or a start that waits for others
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
        ([unit("active", load_state="masked")], True),
        ([unit("active", load_state="not-found")], True),
        ([unit("inactive", "dead", load_state="masked", job=True)], False),
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
        ([ACTIVE, STOPPING, BETWEEN], True),
        ([ACTIVE, STOPPING, BETWEEN, STARTING, AGAIN], True),
        ([ACTIVE, STOPPING, BETWEEN, STOPPED], False),
        ([ACTIVE, FAILED, unit("failed", "failed", job=True)], False),
        ([BETWEEN], None),
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


@pytest.mark.parametrize(
    ("results", "answer"),
    [
        ([], None),
        ([GOOD], True),
        ([BAD], None),
        ([BAD, BAD], False),
        ([GOOD, BAD], True),
        ([GOOD, BAD, BAD], False),
        ([GOOD, BAD, BAD, GOOD], True),
        ([GOOD, NOT_MADE], None),
        ([GOOD, NOT_MADE, BAD], None),
    ],
)
def test_where_there_is_no_systemd_the_probe_alone_decides(
    results: list[Probed], answer: bool | None
) -> None:
    serving = Serving(fall=2, probe_alone=True)
    for result in results:
        serving = probed(serving, serving.run, result, 5.0)
    assert is_up(serving, 5.0, max_age=10.0) is answer
    assert is_up(serving, 15.1, max_age=10.0) is None


def test_where_there_is_no_systemd_nothing_is_known_of_a_service_without_probe() -> None:
    assert is_up(Serving(fall=None, probe_alone=True), 1e9, max_age=10.0) is None


def test_systemds_own_restart_is_not_a_failure_whatever_the_probe_says() -> None:
    assert told(2, ACTIVE, GOOD, WAITING, BAD, BAD, BAD) is True


def test_an_ordinary_restart_is_no_failure_although_it_passes_through_inactive() -> None:
    assert told(2, ACTIVE, GOOD, STOPPING, BAD, BETWEEN, STARTING, BAD) is True
    assert told(2, ACTIVE, GOOD, STOPPING, BAD, BETWEEN, STARTING, BAD, AGAIN, BAD) is True


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


def crash_loop(serving: Serving, up: float, wait: float, *results: Probed) -> Iterator[bool | None]:
    """Healthy for long, then runs of `up` seconds with these probes, `wait` seconds apart, for ever."""
    serving = unit_seen(serving, unit(run="r"), -1000.0)
    serving = probed(serving, serving.run, GOOD, 0.0)
    now, max_age = 0.0, 1000.0
    for n in itertools.count(1):
        serving = unit_seen(serving, unit("activating", "auto-restart", f"r{n}", restarts=n), now)
        yield is_up(serving, now, max_age)
        now += wait
        yield is_up(serving, now, max_age)
        serving = unit_seen(serving, unit(run=f"r{n}x", restarts=n), now)
        yield is_up(serving, now, max_age)
        for result in results:
            serving = probed(serving, serving.run, result, now)
            yield is_up(serving, now, max_age)
        now += up
        yield is_up(serving, now, max_age)


@pytest.mark.parametrize(
    ("fall", "up", "wait", "results"),
    [
        pytest.param(2, 8.0, 10.0, [BAD], id="a run is shorter than fall attempts"),
        pytest.param(3, 8.0, 0.1, [BAD], id="it takes three runs to fail three times"),
        pytest.param(2, 25.0, 1.0, [], id="no attempt ends within a run"),
        pytest.param(None, 25.0, 1.0, [], id="no probe"),
        pytest.param(None, 0.1, 0.1, [], id="no probe, and dead at once"),
        pytest.param(None, 5.0, 300.0, [], id="systemd waits long between two runs"),
    ],
)
def test_a_crash_loop_is_down_in_the_end_and_stays_so(
    fall: int | None, up: float, wait: float, results: list[Probed]
) -> None:
    answers = list(itertools.islice(crash_loop(Serving(fall), up, wait, *results), 2000))
    assert answers[0] is True
    first = answers.index(False)
    assert set(answers[:first]) == {True}
    assert set(answers[first:]) == {False}


def test_runs_that_last_or_serve_between_two_crashes_are_no_crash_loop() -> None:
    assert set(itertools.islice(crash_loop(Serving(None), 60.0, 1.0), 500)) == {True}
    assert set(itertools.islice(crash_loop(Serving(2), 8.0, 1.0, BAD, GOOD), 500)) == {True}


def test_waiting_for_systemd_or_moving_ends_in_down_when_it_lasts() -> None:
    for state in (WAITING, STARTING, STOPPING, BETWEEN):
        for fall in (None, 2):
            serving = unit_seen(Serving(fall), ACTIVE, 0.0)
            serving = unit_seen(probed(serving, serving.run, GOOD, 100.0), state, 100.0)
            assert is_up(serving, 160.0, 1000.0) is True
            assert is_up(serving, 160.1, 1000.0) is False


def test_of_what_was_never_seen_before_the_same_time_makes_it_down() -> None:
    serving = unit_seen(Serving(fall=None), WAITING, 0.0)
    assert is_up(serving, 60.0, 10.0) is None
    assert is_up(serving, 60.1, 10.0) is False


def test_a_stop_that_takes_long_is_not_down_while_its_probe_succeeds() -> None:
    serving = probed(unit_seen(Serving(fall=2), ACTIVE, 0.0), 1, GOOD, 0.0)
    serving = unit_seen(serving, STOPPING, 10.0)
    serving = probed(serving, serving.run, GOOD, 65.0)
    assert is_up(serving, 100.0, 10.0) is True


def test_slow_probes_are_waited_for() -> None:
    serving = probed(unit_seen(Serving(2, patience=700.0), ACTIVE, 0.0), 1, GOOD, 0.0)
    assert is_up(unit_seen(serving, WAITING, 300.0), 700.0, 1e9) is True


def test_without_probe_a_crash_loop_is_over_when_a_run_lasts_or_a_person_starts_it() -> None:
    down = unit_seen(unit_seen(Serving(fall=None), ACTIVE, 0.0), WAITING, 1.0)
    retried = unit_seen(down, unit(run="a3", restarts=1), 100.0)
    assert [is_up(retried, now, 10.0) for now in (100.0, 159.9, 160.0)] == [False, False, True]
    kept = unit_seen(retried, unit(run="a3", restarts=1), 165.0)
    assert is_up(unit_seen(kept, WAITING, 170.0), 170.0, 10.0) is True
    assert is_up(unit_seen(down, unit(run="a3", restarts=0), 100.0), 100.0, 10.0) is True


def test_while_nobody_looked_nobody_missed_it() -> None:
    """A lost bus, or a probe that cannot be made, is not a time in which the service failed."""
    serving = probed(unit_seen(Serving(fall=2), ACTIVE, 0.0), 1, GOOD, 0.0)
    seen_again = unit_seen(unit_lost(serving), STOPPING, 1000.0)
    assert is_up(seen_again, 1001.0, 10.0) is True
    lost_on_its_way = unit_lost(unit_seen(serving, STOPPING, 1.0))
    assert is_up(unit_seen(lost_on_its_way, STOPPING, 1000.0), 1001.0, 10.0) is True
    blind = probed(serving, serving.run, NOT_MADE, 1000.0)
    assert is_up(unit_seen(blind, WAITING, 1001.0), 1002.0, 10.0) is None


UNITS = st.sampled_from(
    [
        ACTIVE,
        BETWEEN,
        AGAIN,
        WAITING,
        STARTING,
        STOPPING,
        FAILED,
        STOPPED,
        MISSING,
        unit("refreshing"),
    ]
)
EVENTS = st.lists(st.one_of(UNITS, st.sampled_from(list(Probed)), st.none()), max_size=30)


@given(events=EVENTS, fall=st.one_of(st.none(), st.integers(1, 3)))
def test_a_unit_that_is_down_is_never_called_up(events: list[Event], fall: int | None) -> None:
    for end in (FAILED, STOPPED, MISSING):
        assert told(fall, *events, end) is False
        assert told(fall, *events, end, GOOD) is False


@given(events=EVENTS, fall=st.integers(1, 3))
def test_what_a_person_starts_is_not_blamed_for_the_runs_before(
    events: list[Event], fall: int
) -> None:
    assert told(fall, *events, ACTIVE, GOOD, *[BAD] * (fall - 1), STOPPING, AGAIN) is True


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
