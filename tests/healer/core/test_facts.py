"""What the facts of one decision say together."""

from dataclasses import replace

import pytest

from healer.core.alert import Target
from healer.core.facts import Facts, Health, Reading
from healer.core.picture import NodeHealth
from healer.core.steady import Now
from tests.healer.core.guarded import acted, evidence, opened
from tests.healer.core.world import NOW, World


def known(world: World | None = None) -> Facts:
    world = world or World()
    return world.facts(opened(world))


@pytest.mark.parametrize(
    ("dark", "majority"), [((), True), (("web1",), True), (("web1", "web2"), False)]
)
def test_half_of_the_nodes_is_no_majority(dark: tuple[str, ...], majority: bool) -> None:
    assert known(World(dark=set(dark))).majority is majority


def test_nobody_is_seen_without_a_picture() -> None:
    facts = known()
    alone = replace(facts.topology, nodes={"web1": facts.topology.nodes["web1"]})
    assert replace(facts, topology=alone).majority
    assert not replace(facts, topology=alone, picture=None).majority


def test_facts_that_waited_for_their_turn_rest_on_samples_that_are_as_much_older() -> None:
    facts = replace(known(), evidence=evidence(True, 1.0))
    later = facts.later(Now(NOW + 7), 7.5)
    assert later.now == NOW + 7
    assert later.evidence is not None
    assert (later.evidence.firing, later.evidence.reading.age) == (True, 8.5)
    blind = replace(facts, evidence=None).later(Now(NOW + 7), 7.5)
    assert (blind.now, blind.evidence) == (NOW + 7, None)


def test_how_long_ago_an_attempt_ended_is_by_the_shells_count_before_the_wall_clock() -> None:
    world = World()
    opened(world)
    acted(world, "1", ended=None, age=20.0)
    facts = world.facts(world.board.incidents["1"])
    (running,) = world.board.incidents["1"].attempts
    assert facts.since(running) is None
    over = replace(running, ended_at=NOW - 20)
    assert facts.since(over) == 20
    assert replace(facts, rested={over.action_id: 3.0}).since(over) == 3


@pytest.mark.parametrize(
    ("seen", "health"),
    [
        ({"nginx": True, "app": True}, Health.SERVING),
        ({"nginx": True, "app": False}, Health.DOWN),
        ({"nginx": False}, Health.UNKNOWN),  # the other may be what is missing
        ({}, Health.UNKNOWN),
    ],
)
def test_a_member_serves_if_every_service_of_its_group_does(
    seen: dict[str, bool], health: Health
) -> None:
    facts = known()
    assert facts.picture is not None
    services = {Target("web1", name): up for name, up in seen.items()}
    given = replace(facts, picture=replace(facts.picture, services=services))
    assert given.health("web", "web1") is health
    assert replace(given, picture=None).health("web", "web1") is Health.UNKNOWN


@pytest.mark.parametrize(
    ("seen", "health"),
    [
        (NodeHealth(True, False), Health.SERVING),
        (NodeHealth(False, True), Health.DOWN),
        (NodeHealth(None, True), Health.UNKNOWN),
        (None, Health.UNKNOWN),
    ],
)
def test_a_member_of_a_group_without_services_serves_if_its_exporter_is_scraped(
    seen: NodeHealth | None, health: Health
) -> None:
    facts = known()
    assert facts.picture is not None
    nodes = {} if seen is None else {"mon1": seen}
    given = replace(facts, picture=replace(facts.picture, nodes=nodes))
    assert given.health("control", "mon1") is health


def test_a_series_without_a_sample_has_no_age() -> None:
    assert Reading(None, None, NOW).age is None
    assert Reading(1.0, NOW - 5, NOW).age == 5
