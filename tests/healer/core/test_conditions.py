"""Which rungs apply to which trouble, and what is said of those that are passed over."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healer.core import incident_events as ie
from healer.core.attempt import Outcome
from healer.core.conditions import HARDWARE, unmet
from healer.core.decide import decide
from healer.core.decision import Act, Hold
from healer.core.incident import FOR_A_PERSON, Incident
from healer.core.ladder import ALWAYS, Ladder, Mode, Rung, When, Window
from healer.core.plan import Escalate, Plan, passed_over, plan
from healer.core.topology import EXPORTER, Topology
from tests.healer.core.history import intent
from tests.healer.core.world import CALL, RESTART, World, alert, topology

REBOOT = replace(RESTART, action="node.reboot", fast=False)
NIGHT = Window("night", frozenset({4}), begins=22 * 60, ends=6 * 60)
FRIDAY_23 = datetime(2026, 11, 27, 23, 0, tzinfo=UTC).timestamp()


def climbed(*rungs: Rung, role: str = "service", **labels: str) -> tuple[Incident, Topology]:
    """Return an incident at web1/nginx with this ladder, and its cluster."""
    plain = topology()
    ladder = Ladder("restart-service", Mode.ACT, (*rungs, CALL))
    groups = {**plain.groups, "web": replace(plain.groups["web"], role=role)}
    cluster = replace(plain, ladders={**plain.ladders, ladder.name: ladder}, groups=groups)
    world = World(topology=cluster)
    world.journal(ie.IncidentOpened("1", alert(**labels), "restart-service", "d1"))
    return world.board.incidents["1"], cluster


def only(when: When, now: float | None = None, role: str = "service", **labels: str) -> str:
    """Return the action that comes next where the first of two rungs has this condition."""
    incident, cluster = climbed(replace(RESTART, when=when), REBOOT, role=role, **labels)
    step = plan(incident, cluster, now)
    return step.rung.action if isinstance(step, Plan) else step.reason


@pytest.mark.parametrize(
    ("when", "holds", "fails"),
    [
        (When(failures=("oom",)), {"failure": "oom"}, {"failure": "process_crash"}),
        (When(failures=("oom",)), {"failure": "oom"}, {}),
        (When(severities=("critical",)), {}, {"severity": "warning"}),
        (When(roles=("web", "cache")), {"role": "web"}, {"role": "database"}),
    ],
)
def test_a_rung_whose_condition_does_not_hold_is_passed_over(
    when: When, holds: dict[str, str], fails: dict[str, str]
) -> None:
    assert only(when, **holds) == "service.restart"
    assert only(when, **fails) == "node.reboot"


def test_a_group_is_the_services_own_in_the_cluster_file_whatever_the_alert_says() -> None:
    assert only(When(groups=("web",)), group="control") == "service.restart"
    assert only(When(groups=("control",)), group="control") == "node.reboot"


def test_a_group_of_the_node_is_none_of_its_service() -> None:
    incident, plain = climbed(replace(RESTART, when=When(groups=("cache",))), REBOOT)
    cache = replace(plain.groups["web"], name="cache")
    cluster = replace(plain, groups={**plain.groups, "cache": cache})
    step = plan(incident, cluster)
    assert isinstance(step, Plan)
    assert step.rung.action == "node.reboot"
    node = replace(incident, cause=alert("NodeSick", "web1"))
    assert passed_over(node, cluster, before=1)[0].reason == "nothing_there"


def test_a_service_of_no_group_is_of_its_nodes_groups() -> None:
    incident, cluster = climbed(replace(RESTART, when=When(groups=("web",))), REBOOT)
    exporter = replace(incident, cause=alert("ExporterSick", f"web1/{EXPORTER}"))
    step = plan(exporter, cluster)
    assert isinstance(step, Plan)
    assert step.rung.action == "service.restart"


def test_hours_count_as_right_where_nobody_asks_and_else_say_what_they_are() -> None:
    when = When(windows=(NIGHT,))
    assert only(when, None) == "service.restart"
    incident, cluster = climbed(replace(RESTART, when=when), REBOOT)
    (told,) = passed_over(incident, cluster, FRIDAY_23 - 12 * 3600, before=1)
    assert (told.have, told.need) == ("Fri 11:00", "night")


def test_a_label_that_is_not_there_is_said_to_be_none() -> None:
    incident, cluster = climbed(replace(RESTART, when=When(failures=("oom",))), REBOOT)
    assert [one.have for one in passed_over(incident, cluster, before=1)] == ["none"]


def test_every_condition_of_a_rung_must_hold() -> None:
    both = When(failures=("oom",), severities=("critical",))
    assert only(both, failure="oom") == "service.restart"
    assert only(both, failure="oom", severity="warning") == "node.reboot"


def test_hours_are_by_the_clusters_own_clock_and_go_on_after_midnight() -> None:
    when = When(windows=(NIGHT,))
    assert only(when, FRIDAY_23) == "service.restart"
    assert only(when, FRIDAY_23 + 6 * 3600) == "service.restart"
    assert only(when, FRIDAY_23 + 7 * 3600) == "node.reboot"
    assert only(when, FRIDAY_23 - 24 * 3600) == "node.reboot"
    incident, cluster = climbed(replace(RESTART, when=when), REBOOT)
    vienna = replace(cluster, time_zone=ZoneInfo("Europe/Vienna"))
    step = plan(incident, vienna, FRIDAY_23 + 6.5 * 3600)
    assert isinstance(step, Plan)
    assert step.rung.action == "node.reboot"


@given(st.integers(0, 7 * 24 * 60 - 1), st.integers(-14, 14))
def test_a_window_of_every_day_and_its_rest_never_hold_together(minute: int, offset: int) -> None:
    local = datetime(2026, 11, 23, tzinfo=timezone(timedelta(hours=offset))) + timedelta(
        minutes=minute
    )
    every = frozenset(range(7))
    day, night = Window("day", every, 8 * 60, 18 * 60), Window("night", every, 18 * 60, 8 * 60)
    assert day.holds(local) is not night.holds(local)


@pytest.mark.parametrize(
    ("hours", "local", "holds"),
    [
        ((8 * 60, 18 * 60), "27 07:59", False),
        ((8 * 60, 18 * 60), "27 08:00", True),
        ((8 * 60, 18 * 60), "27 17:59", True),
        ((8 * 60, 18 * 60), "27 18:00", False),
        ((8 * 60, 18 * 60), "26 12:00", False),
        ((22 * 60, 6 * 60), "27 21:59", False),
        ((22 * 60, 6 * 60), "27 22:00", True),
        ((22 * 60, 6 * 60), "28 05:59", True),
        ((22 * 60, 6 * 60), "28 06:00", False),
        ((22 * 60, 6 * 60), "27 05:59", False),
        ((22 * 60, 6 * 60), "28 22:00", False),
        ((8 * 60, 8 * 60), "27 08:00", True),  # all around the clock
        ((8 * 60, 8 * 60), "28 07:59", True),
        ((8 * 60, 8 * 60), "28 08:00", False),
    ],
)
def test_a_window_of_fridays_holds_from_its_first_minute_until_its_end(
    hours: tuple[int, int], local: str, holds: bool
) -> None:
    """The 27th of November 2026 is a Friday."""
    friday = Window("friday", frozenset({4}), *hours)
    assert friday.holds(datetime.strptime(f"2026-11-{local}", "%Y-%m-%d %H:%M")) is holds


def test_a_night_that_begins_on_sunday_ends_on_monday() -> None:
    night = Window("night", frozenset({6}), begins=22 * 60, ends=6 * 60)
    assert night.holds(datetime(2026, 11, 30, 5, 59))
    assert not night.holds(datetime(2026, 12, 1, 5, 59))


@pytest.mark.parametrize("failure", sorted(HARDWARE))
@pytest.mark.parametrize("action", ["service.restart", "service.reload", "node.reboot"])
def test_nothing_on_a_node_is_repaired_while_its_hardware_fails(failure: str, action: str) -> None:
    incident, cluster = climbed(replace(RESTART, action=action), failure=failure)
    step = plan(incident, cluster)
    assert isinstance(step, Escalate)
    assert f"{action}: hardware (has {failure};" in step.detail


def test_work_is_moved_away_from_failing_hardware() -> None:
    incident, cluster = climbed(RESTART, failure="disk")
    for action, reason in (("pool.drain", ""), ("address.decline", ""), ("disk.free", "hardware")):
        why = unmet(incident, 0, replace(RESTART, action=action), cluster, None)
        assert (why.reason if why else "") == reason


def test_whoever_names_the_hardware_failure_in_a_rung_has_said_that_it_helps() -> None:
    assert only(When(failures=("memory_hw",)), failure="memory_hw") == "service.restart"


def test_what_is_passed_over_says_why_whichever_the_reason() -> None:
    never = replace(RESTART, when=When(severities=("info",)))
    drain = replace(RESTART, action="pool.drain")
    once = replace(RESTART, attempts=1)
    incident, cluster = climbed(never, drain, once, REBOOT)
    world = World(topology=cluster)
    world.journal(ie.IncidentOpened("1", incident.cause, "restart-service", "d1"))
    world.journal(replace(intent(world.board.incidents["1"]), rung=2))
    world.journal(ie.ActionEnded("1", "1.1.1", Outcome.FAILED, "start_failed", "", None))
    told = passed_over(world.board.incidents["1"], cluster)
    assert [(one.rung, one.reason) for one in told] == [
        (0, "other_severity"),
        (1, "nothing_there"),
        (2, "tried"),
    ]
    assert str(told[0]) == "service.restart: other_severity (has critical; needs info)"


def test_each_wait_is_longer_than_the_one_before_and_none_longer_than_the_longest() -> None:
    rung = replace(RESTART, wait_seconds=10.0, backoff=2.0, max_wait_seconds=35.0)
    assert [rung.wait_after(tried) for tried in (1, 2, 3, 4, 5000)] == [10, 20, 35, 35, 35]
    assert replace(rung, backoff=1.0).wait_after(7) == 10
    assert rung.wait_after(0) == 10


def test_what_an_older_release_wrote_of_a_ladder_still_names_the_same_rungs() -> None:
    """The journal holds a ladder's digest beside each attempt and each question."""
    assert len(Ladder("any", Mode.ACT, (RESTART,)).digest) == 16


def test_the_third_try_waits_twice_as_long_as_the_second() -> None:
    rung = replace(RESTART, attempts=3, wait_seconds=10.0, backoff=2.0)
    incident, cluster = climbed(rung)
    world = World(topology=cluster)
    world.down = {incident.target}
    world.journal(ie.IncidentOpened("1", incident.cause, "restart-service", "d1"))
    waits = []
    for number in (1, 2):
        one = world.board.incidents["1"]
        world.journal(replace(intent(one), action_id=f"1.1.{number}"))
        world.journal(ie.ActionEnded("1", f"1.1.{number}", Outcome.FAILED, "failed", "", None))
        began = world.now
        while not isinstance(
            decide(world.board.incidents["1"], world.facts(world.board.incidents["1"]), None), Act
        ):
            world.now += 1
        waits.append(world.now - began)
    assert waits == [10, 20]


def test_what_sets_no_condition_always_applies() -> None:
    assert only(ALWAYS) == "service.restart"


def test_a_ladder_that_only_calls_a_person_leaves_it_to_the_alert_that_has_reached_them() -> None:
    incident, cluster = climbed()
    assert plan(incident, cluster) == Escalate(
        FOR_A_PERSON, "the ladder restart-service only calls a person, whom ServiceDown has reached"
    )


def test_a_restart_of_what_is_no_service_is_passed_over() -> None:
    _, cluster = climbed(RESTART, REBOOT)
    world = World(topology=cluster)
    world.journal(ie.IncidentOpened("1", alert("Odd", "web1"), "restart-service", "d1"))
    step = plan(world.board.incidents["1"], cluster)
    assert isinstance(step, Plan)
    assert step.rung.action == "node.reboot"
    (told,) = passed_over(world.board.incidents["1"], cluster, before=1)
    assert told.reason == "nothing_there"


def test_nothing_but_a_fast_rung_takes_anything_away_before_a_deeper_cause_could_be_told() -> None:
    slow = replace(RESTART, fast=False)
    for rung, waits in (
        (slow, True),
        (RESTART, False),
        (replace(slow, action="service.reload"), False),
    ):
        incident, cluster = climbed(rung)
        world = World(topology=replace(cluster, correlation_window=5.0), down={incident.target})
        world.journal(ie.IncidentOpened("1", incident.cause, "restart-service", "d1"))
        one = world.board.incidents["1"]
        first = decide(one, world.facts(one), None)
        assert isinstance(first, Hold) is waits
        assert not isinstance(first, Hold) or (first.hold.reason, first.hold.passing) == (
            "correlating",
            True,
        )
        world.now += 5
        assert isinstance(decide(one, world.facts(one), None), Act)
