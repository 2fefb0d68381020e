"""What the others can bear: capacity, one thing at a time."""

from dataclasses import replace

from healer.core.alert import Target
from healer.core.ladder import Ladder, Mode, Rung
from healer.core.topology import Group, Topology
from tests.healer.core.guarded import acted, broken, opened, verdict
from tests.healer.core.world import CALL, VERIFY, World, topology


def test_a_wedged_service_is_not_taken_when_the_others_cannot_spare_it():
    """The unit still runs and may serve someone: unknown of the target counts as serving."""
    world = broken(unit_state="active", topology=topology(floor=3))
    incident = opened(world)
    world.now += 30
    assert verdict(world, incident) == ("capacity", "capacity")


def test_a_member_that_is_proven_out_may_be_repaired_below_the_floor():
    world = broken(topology=topology(floor=3))
    assert verdict(world, opened(world)) == ("", "act")


def test_an_unknown_member_counts_as_down():
    world = broken(unit_state="active", topology=topology(floor=2))
    incident = opened(world)
    world.now += 30
    assert verdict(world, incident) == ("", "act")
    world.unknown = {"web3"}
    assert verdict(world, incident) == ("capacity", "capacity")


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


# --- What takes the whole node --------------------------------------------------------------


def rebooting(plain: Topology) -> Topology:
    """A dead service is answered with a reboot of its node."""
    reboot = Rung("node.reboot", None, False, 120.0, VERIFY, attempts=1, wait_seconds=5.0)
    ladder = Ladder("restart-service", Mode.ACT, (reboot, CALL))
    return replace(plain, ladders={**plain.ladders, ladder.name: ladder})


def test_a_reboot_for_one_dead_service_does_not_take_the_last_one_that_lives_beside_it():
    world = broken("web1/app", topology=rebooting(topology(floor=1)))
    world.down |= {Target("web2", "nginx"), Target("web3", "nginx")}
    incident = opened(world, "web1/app")
    assert verdict(world, incident) == ("capacity", "capacity")
    world.down.add(Target("web1", "nginx"))
    assert verdict(world, incident) == ("", "act")


def test_a_group_without_a_service_is_never_proven_out():
    plain = topology(floor=1)
    storage = Group("storage", ("web1", "web2"), 2, control=False, mode=Mode.ACT)
    plain = replace(plain, groups={**plain.groups, "storage": storage})
    world = broken("web1/nginx", topology=rebooting(plain))
    world.down.add(Target("web1", "app"))
    assert verdict(world, opened(world)) == ("capacity", "capacity")
