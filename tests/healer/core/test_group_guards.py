"""What the others can bear: capacity, shared causes, one thing at a time."""

from dataclasses import replace

from healer.core import events as ev
from healer.core.alert import Target
from healer.core.decide import Hold, decide
from healer.core.incident import Outcome
from tests.healer.core.guarded import acted, broken, opened, silence, verdict
from tests.healer.core.world import NOW, World, topology


def test_a_wedged_service_is_not_taken_when_the_others_cannot_spare_it():
    """The unit still runs and may serve someone: unknown of the target counts as serving."""
    world = broken(unit_state="active", topology=topology(floor=3))
    assert verdict(world, opened(world)) == ("capacity", "capacity")


def test_a_member_that_is_proven_out_may_be_repaired_below_the_floor():
    world = broken(topology=topology(floor=3))
    assert verdict(world, opened(world)) == ("", "act")


def test_an_unknown_member_counts_as_down():
    world = broken(unit_state="active", topology=topology(floor=2))
    incident = opened(world)
    assert verdict(world, incident) == ("", "act")
    world.unknown = {"web3"}
    assert verdict(world, incident) == ("capacity", "capacity")


def test_members_that_fail_alike_are_repaired_one_after_the_other():
    world = broken()
    world.down.add(Target("web2", "nginx"))
    first, second = opened(world), opened(world, "web2/nginx", 2)
    assert verdict(world, first) == ("", "act")
    assert verdict(world, second) == ("common_cause", "canary_first")
    acted(world, "1", ended=None)
    assert verdict(world, second) == ("common_cause", "canary_first")


def test_the_next_member_follows_when_the_first_repair_was_proved():
    world = broken()
    world.down.add(Target("web2", "nginx"))
    opened(world)
    second = opened(world, "web2/nginx", 2)
    acted(world, "1", ended=Outcome.VERIFIED)
    world.journal(ev.IncidentClosed("1", "healed", ""))
    world.down.discard(Target("web1", "nginx"))
    assert verdict(world, second) == ("", "act")


def test_a_canary_that_died_stops_the_groups_ladder():
    world = broken()
    world.down.add(Target("web2", "nginx"))
    opened(world)
    second = opened(world, "web2/nginx", 2)
    acted(world, "1", ended=Outcome.NOT_VERIFIED)
    assert verdict(world, second) == ("common_cause", "canary_failed")


def test_a_member_that_fails_after_an_action_on_another_is_not_treated_the_same():
    world = broken()
    world.down.add(Target("web2", "nginx"))
    opened(world)
    acted(world, "1", ended=Outcome.VERIFIED)
    world.journal(ev.IncidentClosed("1", "healed", ""))
    world.now += 30
    second = opened(world, "web2/nginx", 2, began=NOW + 20)
    assert verdict(world, second) == ("common_cause", "follows_action")


def test_one_thing_at_a_time_on_one_target():
    world = broken()
    opened(world)
    acted(world, "1", ended=None)
    second = opened(world, "web1/app", 2)  # app needs nginx, so it is in the footprint
    world.down.add(Target("web1", "app"))
    assert verdict(world, second) == ("one_at_a_time", "busy")


def test_restarting_the_exporter_takes_nothing_away():
    world = World(topology=topology(floor=3))
    world.down.add(Target("web1"))
    incident = opened(world, at="web1", name="ExporterDown", heal="restart-exporter")
    assert verdict(world, incident) == ("", "act")


def test_being_proven_out_of_one_group_takes_nothing_from_another():
    """nginx serves nobody, but its restart also stops app, which another group needs."""
    world = broken(topology=topology(floor=1))
    groups = dict(world.topology.groups)
    groups["api"] = replace(groups["web"], name="api", min_available=3)
    services = dict(world.topology.services)
    services["app"] = replace(services["app"], group="api")
    world.topology = replace(world.topology, groups=groups, services=services)
    incident = opened(world)
    assert verdict(world, incident) == ("capacity", "capacity")
    world.down.add(Target("web1", "app"))
    assert verdict(world, incident) == ("", "act")


def test_a_member_that_may_never_be_treated_does_not_keep_the_others_waiting():
    world = broken()
    world.down.add(Target("web2", "nginx"))
    opened(world)
    silence(world, world.board.incidents["1"])
    second = opened(world, "web2/nginx", 2)
    assert verdict(world, second) == ("common_cause", "canary_first")
    stopped = decide(world.board.incidents["1"], world.facts(world.board.incidents["1"]), None)
    assert isinstance(stopped, Hold)
    world.journal(ev.IncidentHeld("1", stopped.hold, stopped.verdicts))
    assert verdict(world, second) == ("", "act")


def test_a_refusal_that_speaks_of_the_moment_condemns_neither_repair_nor_group():
    """The gate found the unit changed, since systemd was at it; nothing was touched."""
    world = broken()
    world.down.add(Target("web2", "nginx"))
    opened(world)
    opened(world, "web2/nginx", 2)
    acted(world, "1", ended=Outcome.REFUSED)
    world.now += 10
    assert verdict(world, world.board.incidents["1"]) == ("", "act")


def test_waiting_for_the_canary_calls_nobody():
    world = broken(unit_state="activating")
    world.down.add(Target("web2", "nginx"))
    first = opened(world)
    held = decide(first, world.facts(first), None)
    assert isinstance(held, Hold)
    world.journal(ev.IncidentHeld("1", held.hold, held.verdicts))
    second = opened(world, "web2/nginx", 2)
    decision = decide(second, world.facts(second), None)
    assert isinstance(decision, Hold)
    words = [(one.reason, one.passing) for one in decision.verdicts if one.guard == "common_cause"]
    assert words == [("canary_first", True)]
