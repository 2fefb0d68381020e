"""Maintenance windows: when they are open, until when, and what they keep the healer from."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healer.core.alert import Target
from healer.core.decide import decide
from healer.core.decision import Hold
from healer.core.footprint import of_node
from healer.core.guards.authority import maintained, not_stopped
from healer.core.ladder import Window
from healer.core.look import Heard
from healer.core.maintenance import Maintenance
from healer.core.verdict import Verdict
from tests.healer.core.guarded import asked, broken, opened, silence, verb, verdict
from tests.healer.core.world import NOW, World

ALWAYS = Window("kernel", frozenset(range(7)), 0, 24 * 60)
NIGHT = Window("kernel", frozenset({4}), begins=22 * 60, ends=6 * 60)
VIENNA = ZoneInfo("Europe/Vienna")
KERNEL = Maintenance("kernel", "new kernel", "web1", frozenset({"web1"}), ALWAYS, ends=NOW + 3600)


def at(text: str, zone: ZoneInfo = VIENNA, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


def under(world: World, *windows: Maintenance) -> World:
    world.topology = replace(world.topology, maintenance=windows)
    return world


def says(world: World, action: str = "service.restart", **changes: object) -> Verdict:
    proposal, facts = asked(world)
    return not_stopped(replace(verb(proposal, action), **changes), facts)  # type: ignore[arg-type]


def test_nothing_is_done_on_a_node_in_maintenance_and_the_guard_says_why_and_until_when():
    found = says(under(broken(), KERNEL))
    assert found == Verdict(
        "not_stopped",
        "maintenance",
        "kernel: new kernel, until 2027-01-15T09:00:00Z",
        "no freeze, no silence, no maintenance, no hold",
        "web1 is in maintenance until 2027-01-15T09:00:00Z (kernel: new kernel). Then Hale goes on by itself.",
    )


@pytest.mark.parametrize(
    ("since", "holds"), [(-1.0, False), (0.0, True), (3599.9, True), (3600.0, False)]
)
def test_it_holds_from_the_first_instant_until_the_end_and_then_goes_on(since, holds):
    world = under(broken(), replace(KERNEL, starts=NOW, ends=NOW + 3600))
    world.now += since
    expected = ("not_stopped", "maintenance") if holds else ("", "act")
    assert verdict(world, opened(world)) == expected


@pytest.mark.parametrize("nodes", [{"web2"}, {"mon1"}, {"web9"}])
def test_a_window_over_other_nodes_holds_nothing(nodes):
    other = replace(KERNEL, nodes=frozenset(nodes))
    assert says(under(broken(), other)).allowed


def test_what_is_in_maintenance_is_neither_touched_nor_acted_through():
    world = under(broken(), replace(KERNEL, nodes=frozenset({"web2"})))
    assert says(world, gate="web2").reason == "maintenance"
    assert says(under(broken(), KERNEL), gate="web2").reason == "maintenance"


def test_any_node_of_the_footprint_counts():
    """Not the target's alone: whatever an action takes along may be what people work on."""
    proposal, facts = asked(under(broken(), replace(KERNEL, nodes=frozenset({"web3"}))))
    wide = replace(of_node("web1", facts.topology), nodes=frozenset({"web1", "web3"}))
    found = maintained(replace(proposal, footprint=wide), facts)
    assert found is not None
    assert found.sentence.startswith("web3 is in maintenance")
    assert maintained(proposal, facts) is None


@pytest.mark.parametrize("action", ["service.reload", "disk.free", "node.reboot", "pool.return"])
def test_what_takes_nothing_away_and_what_gives_back_wait_as_under_any_other_hold(action):
    assert says(under(broken(), KERNEL), action).reason == "maintenance"


def test_of_several_windows_all_are_named_and_the_last_to_close_says_when_it_goes_on():
    longer = replace(KERNEL, name="disks", reason="new disks", ends=NOW + 7200)
    found = says(under(broken(), KERNEL, longer))
    assert found.have == (
        "kernel: new kernel, until 2027-01-15T09:00:00Z, disks: new disks, until 2027-01-15T10:00:00Z"
    )
    assert "until 2027-01-15T10:00:00Z (disks: new disks)" in found.sentence
    endless = replace(KERNEL, name="old", reason="to be scrapped", ends=None)
    found = says(under(broken(), endless, longer))
    assert found.sentence == (
        "web1 is in maintenance for good (old: to be scrapped). To end it, edit cluster.yml."
    )


def test_a_freeze_and_a_silence_come_first_and_a_hold_of_the_node_after_it():
    world = under(broken(gate_holds=("disk swap",)), KERNEL)
    world.standing = replace(world.standing, held={"web1": "fan"})
    incident = opened(world)
    assert verdict(world, incident) == ("not_stopped", "maintenance")
    silence(world, incident)
    assert verdict(world, incident) == ("not_stopped", "silenced")
    world.standing = replace(world.standing, frozen=("moving racks (by ann)",))
    assert verdict(world, incident) == ("not_stopped", "frozen")


def test_people_hear_of_it_as_of_any_other_hold_by_people():
    proposal, facts = asked(broken())
    there = replace(facts, topology=replace(facts.topology, maintenance=(KERNEL,)))
    held = replace(facts, standing=replace(facts.standing, held={"web1": "fan"}))
    ours, theirs = not_stopped(proposal, there), not_stopped(proposal, held)
    assert (ours.calls, ours.passing, ours.cluster_wide) == (True, False, False)
    assert (theirs.calls, theirs.passing, theirs.cluster_wide) == (True, False, False)


def test_a_gate_that_is_silent_in_maintenance_is_known_to_be_in_maintenance():
    """People have switched it off: that is the reason to read, and not the silence."""
    proposal, facts = asked(under(broken(), KERNEL))
    dark = replace(facts, gates={"web1": Heard(None, "no route to host")})
    assert not_stopped(proposal, dark).reason == "maintenance"


def test_a_window_of_fridays_nights_is_open_by_the_clusters_own_clock():
    """The 15th of January 2027 is a Friday."""
    night = replace(KERNEL, hours=NIGHT, ends=None)
    world = under(broken(), night)
    incident = opened(world)
    for local, reason in (
        ("2027-01-15T21:59:59", "act"),
        ("2027-01-15T22:00:00", "maintenance"),
        ("2027-01-16T05:59:59", "maintenance"),
        ("2027-01-16T06:00:00", "act"),
    ):
        for zone in (VIENNA, ZoneInfo("America/New_York")):
            world.topology = replace(world.topology, time_zone=zone)
            opens = [one.name for one in world.topology.maintained(at(local, zone))]
            assert opens == (["kernel"] if reason == "maintenance" else [])
    world.topology = replace(world.topology, time_zone=VIENNA)
    facts = replace(world.facts(incident), now=at("2027-01-15T23:30:00"))
    decision = decide(incident, facts, None)
    assert isinstance(decision, Hold)
    (found,) = [one for one in decision.verdicts if one.guard == "not_stopped"]
    assert found.have == "kernel: new kernel, until 2027-01-16T05:00:00Z"


def test_hours_count_only_between_start_and_end():
    once = replace(KERNEL, hours=NIGHT, starts=at("2027-01-16T01:00:00"), ends=None)
    assert not once.holds(at("2027-01-16T00:59:59"), VIENNA)
    assert once.holds(at("2027-01-16T01:00:00"), VIENNA)
    short = replace(once, ends=at("2027-01-16T02:00:00"))
    assert short.until(at("2027-01-16T01:00:00"), VIENNA) == at("2027-01-16T02:00:00")
    assert once.until(at("2027-01-16T01:00:00"), VIENNA) == at("2027-01-16T06:00:00")


DOUBLED = Window("doubled", frozenset({6}), 60, 150)  # Sundays, 01:00 to 02:30


@pytest.mark.parametrize(
    ("now", "until"),
    [
        # On the 28th of March 2027 the clocks go from 02:00 to 03:00: 02:30 is never shown.
        (at("2027-03-28T01:30:00"), at("2027-03-28T03:00:00")),
        # On the 31st of October they go from 03:00 back to 02:00, so it is open twice.
        (at("2027-10-31T01:30:00"), at("2027-10-31T02:30:00")),
        (at("2027-10-31T02:10:00", fold=1), at("2027-10-31T02:30:00", fold=1)),
        (at("2027-11-07T01:30:30"), at("2027-11-07T02:30:00")),
        (at("2027-11-07T02:29:50"), at("2027-11-07T02:30:00")),
    ],
)
def test_a_window_closes_by_what_the_clocks_show_when_they_are_set(now, until):
    assert DOUBLED.until(now, VIENNA) == until


@pytest.mark.parametrize(
    ("hours", "until"),
    [
        (Window("w", frozenset({4, 5, 6}), 0, 24 * 60), "2027-01-18T00:00:00"),
        (Window("w", frozenset({4}), 0, 24 * 60), "2027-01-16T00:00:00"),
        (Window("w", frozenset({4}), 22 * 60, 0), "2027-01-16T00:00:00"),
        (Window("w", frozenset({4, 5}), 22 * 60, 6 * 60), "2027-01-16T06:00:00"),
    ],
)
def test_days_that_follow_one_another_are_one_window(hours, until):
    assert hours.until(at("2027-01-15T23:00:00"), VIENNA) == at(until)


def test_a_window_of_every_hour_never_closes_and_one_of_all_but_a_minute_does():
    assert ALWAYS.until(NOW, UTC) is None
    nearly = Window("nearly", frozenset(range(7)), 12 * 60, 11 * 60 + 59)
    assert nearly.until(NOW, UTC) == at("2027-01-15T11:59:00", ZoneInfo("UTC"))


@settings(max_examples=60)
@given(
    days=st.frozensets(st.integers(0, 6), min_size=1),
    begins=st.integers(0, 1439),
    ends=st.integers(1, 1440),
    minute=st.integers(0, 400 * 1440),
    zone=st.sampled_from(["Europe/Vienna", "Australia/Lord_Howe", "America/St_Johns", "UTC"]),
)
def test_a_window_is_open_at_each_minute_before_its_end_and_not_at_it(
    days, begins, ends, minute, zone
):
    window, clock = Window("w", days, begins, ends), ZoneInfo(zone)
    now = at("2027-01-01T00:00:00", ZoneInfo("UTC")) + 60 * minute
    if not window.holds(datetime.fromtimestamp(now, clock)):
        return
    until = window.until(now, clock)
    last = now + 8 * 86400 if until is None else until
    for each in range(int(now), int(last), 60):
        assert window.holds(datetime.fromtimestamp(each, clock))
    assert until is None or not window.holds(datetime.fromtimestamp(until, clock))


def test_a_window_over_all_nodes_holds_what_is_in_no_group_too():
    world = broken("web1/nginx")
    everything = replace(KERNEL, nodes=frozenset(world.topology.nodes), about="the whole cluster")
    under(world, everything)
    world.down = {Target("web2", "hale-exporter")}
    proposal, facts = asked(world)
    assert maintained(replace(proposal, target=Target("web2", "hale-exporter")), facts) is not None
