"""When nodes vanish together it is the network or the monitoring; and when that is over."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healer.core.picture import NodeHealth, Picture
from healer.core.storm import LONGEST_STEP, Weather, least
from healer.core.topology import UNKNOWN_DOMAIN, Node, Topology
from tests.healer.core.world import topology

SEEN, DARK, UNSCRAPED = NodeHealth(True, True), NodeHealth(False, False), NodeHealth(None, None)

TIER = {"mon1": "c", "lb1": "a", "lb2": "b", "web1": "a", "web2": "b", "web3": "c"}
"""The nodes of a small tier and the racks they stand in."""


def tier(**numbers: float) -> Topology:
    nodes = {name: Node(name, "10.0.0.1", domain) for name, domain in TIER.items()}
    return replace(topology(**numbers), nodes=nodes)


def picture(at: float, dark: Iterable[str] = (), health: NodeHealth = DARK) -> Picture:
    nodes = {name: health if name in dark else SEEN for name in TIER}
    return Picture(at, nodes, {})


def seen(*looks: tuple[float, str], cluster: Topology | None = None) -> Weather:
    """Return the weather after pictures at these times, each with these nodes dark."""
    weather = Weather()
    for at, dark in looks:
        weather = weather.after(picture(at, dark.split()), cluster or tier())
    return weather


# --- What a storm is ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dark", "storm"),
    [
        ("", False),
        ("web1", False),
        ("web1 web2", False),
        ("lb1 web1 web2", True),
        ("lb1 lb2 web1 web2", True),
        ("mon1 lb1 lb2 web1 web2 web3", True),
    ],
)
def test_three_of_six_that_vanish_together_are_a_storm_and_two_are_none(dark: str, storm: bool):
    assert (seen((0, ""), (2, dark)).storm is not None) is storm


def test_those_of_one_failure_domain_are_a_rack_without_power():
    one_rack = {**TIER, "web2": "a"}
    nodes = {name: Node(name, "10.0.0.1", domain) for name, domain in one_rack.items()}
    looks = (0.0, ""), (2.0, "lb1 web1 web2")
    assert seen(*looks, cluster=replace(tier(), nodes=nodes)).storm is None


def test_where_nobody_named_the_failure_domains_nobody_can_say_that_it_is_one():
    nodes = {name: Node(name, "10.0.0.1", UNKNOWN_DOMAIN) for name in TIER}
    looks = (0.0, ""), (2.0, "lb1 web1 web2")
    assert seen(*looks, cluster=replace(tier(), nodes=nodes)).storm is not None


@pytest.mark.parametrize(("count", "need"), [(2, 3), (6, 3), (11, 3), (12, 4), (100, 26)])
def test_in_a_large_cluster_it_takes_more_than_a_quarter(count: int, need: int):
    nodes = {f"n{number}": Node(f"n{number}", "10.0.0.1", "a") for number in range(count)}
    assert least(replace(tier(), nodes=nodes)) == need


@pytest.mark.parametrize(("apart", "storm"), [(2.0, True), (299.0, True), (300.0, False)])
def test_together_means_within_the_window(apart: float, storm: bool):
    looks = (0.0, ""), (1.0, "web1"), (1 + apart, "web1 web2"), (1 + 2 * apart, "web1 web2 lb1")
    assert (seen(*looks).storm is not None) is storm


def test_what_comes_back_in_between_was_not_gone_together():
    """Nodes that are rebooted one after the other are maintenance."""
    assert seen((0, ""), (2, "web1"), (60, "web2"), (120, "web3"), (180, "lb1")).storm is None


def test_a_node_that_a_peer_still_reaches_has_not_vanished():
    """All exporters may fail at once, by a bad release of theirs."""
    reached = picture(0.0, TIER, NodeHealth(False, True))
    assert Weather().after(reached, tier()) == Weather(at=0.0)


def test_who_is_missing_at_the_first_look_has_vanished():
    """A healer that starts in the middle of a storm."""
    storm = seen((0, "lb1 web1 web2")).storm
    assert storm is not None
    assert (storm.nodes, storm.domains) == (("lb1", "web1", "web2"), 2)


def test_prometheus_that_just_started_is_given_time_to_come_to_every_node():
    weather = Weather()
    for at in range(0, 60, 2):
        weather = weather.after(picture(at, TIER, UNSCRAPED), tier())
    assert weather.storm is None
    assert weather.after(picture(60, TIER, UNSCRAPED), tier()).storm is not None
    assert weather.after(picture(60, TIER), tier()).storm is not None


def test_a_node_that_is_in_no_picture_at_all_is_one_of_which_there_is_no_sample():
    empty = Picture(0.0, {}, {})
    assert Weather().after(empty, tier()).storm is None
    assert Weather().after(empty, tier()).after(replace(empty, now=60.0), tier()).storm is not None


# --- When it is over ------------------------------------------------------------------------

STORM = ((0.0, ""), (2.0, "lb1 web1 web2"))


def calm(first: float, seconds: float, dark: str = "") -> list[tuple[float, str]]:
    """A look every two seconds."""
    return [(first + 2 * step, dark) for step in range(int(seconds / 2) + 1)]


def test_it_is_over_after_calm():
    assert seen(*STORM, *calm(10, 118)).storm is not None
    assert seen(*STORM, *calm(10, 120)).storm is None


def test_it_goes_on_while_they_are_missing_but_no_longer_than_the_window():
    """Who is gone for that long is dead, or cut off for good; it is no news any more."""
    gone = "lb1 web1 web2"
    assert seen(*STORM, *calm(4, 597 + 120, gone)).storm is not None
    assert seen(*STORM, *calm(4, 600 + 120, gone)).storm is None


def test_calm_begins_anew_when_another_one_vanishes():
    looks = [*STORM, *calm(10, 100), *calm(112, 118, "web3")]
    assert seen(*looks).storm is not None
    assert seen(*looks, (232, "web3"), (234, "web3")).storm is None


def test_a_picture_that_cannot_be_read_changes_nothing():
    weather = seen(*STORM)
    assert weather.after(None, tier()) == weather


def test_a_healer_that_starts_in_a_storm_waits_for_all_of_its_calm():
    weather = Weather.resumed(["web1", "lb1", "gone"], tier())
    assert weather.storm is not None
    assert (weather.storm.nodes, weather.storm.domains) == (("web1", "lb1"), 1)
    assert (weather.storm.age, weather.storm.calm) == (0.0, 0.0)


def test_who_vanishes_is_gone_for_no_time_yet():
    weather = seen((0, ""), (2, "web1"))
    assert weather.gone == {"web1": 0.0}
    assert weather.after(picture(5.0, ["web1"]), tier()).gone == {"web1": 3.0}
    assert seen((0, "web1")).gone == {"web1": 0.0}


def test_a_gap_in_our_sight_is_no_calm():
    weather = seen(*STORM, *calm(10, 60))
    assert weather.storm is not None
    assert weather.storm.calm == 60
    later = weather.after(None, tier()).after(picture(1000.0), tier())
    assert later.storm is not None
    assert later.storm.calm == 60 + LONGEST_STEP


def test_a_clock_that_is_set_back_ends_no_storm_and_makes_none():
    weather = seen(*STORM).after(picture(-5000.0, ["lb1", "web1", "web2"]), tier())
    assert weather.storm is not None
    assert weather.storm.age == 0
    assert seen((0, ""), (-5000, "web1"), (-4998, "web1 web2")).storm is None


def test_all_that_were_in_it_are_named_until_it_is_over():
    storm = seen(*STORM, (4, "lb1 web1 web3"), (6, "")).storm
    assert storm is not None
    assert storm.nodes == ("lb1", "web1", "web2", "web3")
    assert storm.domains == 3


def test_one_that_cluster_yml_lost_in_the_storm_is_no_part_of_it_any_more():
    cluster = tier()
    less = replace(
        cluster, nodes={name: one for name, one in cluster.nodes.items() if name != "lb1"}
    )
    dark = ["lb1", "lb2", "web1", "web2"]
    weather = seen((0, ""), (2, " ".join(dark))).after(picture(4.0, dark), less)
    assert weather.storm is not None
    assert weather.storm.nodes == ("lb2", "web1", "web2")
    assert weather.storm.domains == 2


# --- Whatever happens -----------------------------------------------------------------------

healths = st.sampled_from([SEEN, SEEN, SEEN, DARK, UNSCRAPED, NodeHealth(False, None)])
pictures = st.dictionaries(st.sampled_from(sorted(TIER)), healths).map(
    lambda nodes: Picture(0.0, dict.fromkeys(TIER, SEEN) | nodes, {})
)
histories = st.lists(
    st.tuples(st.sampled_from([2.0, 5.0, 40.0, 700.0]), st.none() | pictures), max_size=60
)

patient = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


def weathers(history: list[tuple[float, Picture | None]]) -> list[tuple[Picture, Weather]]:
    """Return each picture that could be read, at its time, with the weather after it."""
    found, weather, at = [], Weather(), 0.0
    for step, one in history:
        at += step
        dated = None if one is None else replace(one, now=at)
        weather = weather.after(dated, tier())
        if dated is not None:
            found.append((dated, weather))
    return found


def missing(one: Picture) -> set[str]:
    return {name for name, health in one.nodes.items() if not health.seen}


@patient
@given(histories)
def test_nobody_who_is_seen_is_gone_and_nobody_else_is_here(history):
    for one, weather in weathers(history):
        assert weather.gone.keys() == missing(one)


@patient
@given(histories)
def test_no_storm_begins_without_enough_that_are_missing(history):
    before = Weather()
    for one, weather in weathers(history):
        if weather.storm is not None and before.storm is None:
            assert len(missing(one)) >= least(tier())
        before = weather


@patient
@given(histories)
def test_no_storm_ends_while_others_vanish(history):
    found = weathers(history)
    for (_, before), (one, weather) in pairwise(found):
        if before.storm is not None and weather.storm is None:
            lately = [past for past, _ in found if one.now - 120 < past.now <= one.now]
            for earlier, later in pairwise(lately):
                new = missing(later) - missing(earlier)
                assert all(later.nodes[name] == UNSCRAPED for name in new)


@patient
@given(histories)
def test_every_storm_is_over_once_all_are_back_for_long_enough(history):
    found = weathers(history)
    at, weather = (found[-1][0].now, found[-1][1]) if found else (0.0, Weather())
    for look in range(1, 63):
        weather = weather.after(picture(at + 2 * look), tier())
    assert weather.storm is None
