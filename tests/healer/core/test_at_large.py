"""What guards say of the healer and the cluster as a whole, without a target: the same as of any proposal."""

from dataclasses import replace

import pytest

from healer.core.alert import Target
from healer.core.attempt import Outcome
from healer.core.facts import Facts
from healer.core.guards import GUARDS
from healer.core.ladder import Window
from healer.core.maintenance import Maintenance
from healer.core.storm import Storm, Weather
from healer.core.verdict import Verdict
from tests.healer.core.guarded import acted, broken, opened, said
from tests.healer.core.world import NOW, World

NIGHTS = Window("move", frozenset(range(7)), 0, 24 * 60)
STORM = Weather(NOW, storm=Storm(("web1", "web2", "web3"), 3))

TROUBLES = [
    ({"frozen": ("moving rack b (by alice)",)}, "not_stopped", "frozen"),
    ({"leader": False}, "sees_enough", "not_leader"),
    ({"watchdog_age": None}, "sees_enough", "no_watchdog"),
    ({"watchdog_age": 181.0}, "sees_enough", "no_watchdog"),
    ({"sight_complete": False}, "sees_enough", "alertmanager_silent"),
    ({"clock_jumped": None}, "sees_enough", "clock_jumped"),
    ({"clock_jumped": True}, "sees_enough", "clock_jumped"),
    ({"weather": STORM}, "no_storm", "storm"),
    ({"armed_at": None}, "armed", "not_armed"),
]


def at_large(facts: Facts) -> dict[str, Verdict]:
    return {one.name: one.at_large(facts) for one in GUARDS if one.at_large is not None}


def test_five_guards_have_a_word_without_a_target_and_each_speaks_for_itself() -> None:
    world = World()
    found = at_large(world.facts(opened(world)))
    assert list(found) == ["armed", "not_stopped", "sees_enough", "no_storm", "budget"]
    assert all(one.allowed and one.guard == name for name, one in found.items())
    assert all(one.have and one.need for one in found.values())
    assert found["armed"].have == "armed 3600 s ago"


@pytest.mark.parametrize(("changes", "guard", "reason"), TROUBLES)
def test_what_holds_everything_is_said_as_it_is_of_a_proposal(
    changes: dict[str, object], guard: str, reason: str
) -> None:
    world = broken()
    world.standing = replace(world.standing, **changes)  # type: ignore[arg-type]
    incident = opened(world)
    found = at_large(world.facts(incident))
    assert [one.guard for one in found.values() if not one.allowed] == [guard]
    assert found[guard].reason == reason
    assert found[guard].sentence
    assert found[guard] == said(world, incident, guard)


@pytest.mark.parametrize(("left_out", "reason"), [("", "maintenance"), ("web3", None)])
def test_maintenance_of_the_whole_cluster_holds_everything(
    left_out: str, reason: str | None
) -> None:
    world = broken()
    nodes = frozenset(world.topology.nodes) - {left_out}
    window = Maintenance("move", "moving out", "everything", nodes, NIGHTS, ends=NOW + 3600)
    world.topology = replace(world.topology, maintenance=(window,))
    incident = opened(world)
    found = at_large(world.facts(incident))["not_stopped"]
    told = said(world, incident, "not_stopped")
    assert (found.reason, told.reason) == (reason, "maintenance")
    assert (found == told) is (reason is not None)
    assert told.sentence.startswith("The whole cluster" if reason else "web1 is in maintenance")
    world.standing = replace(world.standing, frozen=("moving rack b (by alice)",))
    assert at_large(world.facts(incident))["not_stopped"].reason == "frozen"


def test_nobody_seen_is_a_minority() -> None:
    world = broken()
    incident = opened(world)
    world.prometheus = False
    assert at_large(world.facts(incident))["sees_enough"].reason == "minority"


def test_the_budget_of_the_cluster_holds_also_whom_nothing_was_done_to() -> None:
    world = broken()
    world.topology = replace(
        world.topology, numbers=replace(world.topology.numbers, budget_cluster=1)
    )
    other = opened(world, at="web2/nginx")
    acted(world, other.id, ended=Outcome.VERIFIED, age=60.0)
    incident = opened(world, number=2)
    found = at_large(world.facts(incident))["budget"]
    assert (found.reason, found.have) == ("budget", "1 actions in cluster")
    assert incident.target == Target("web1", "nginx")
    assert found == said(world, incident, "budget")
