"""What the others can bear: capacity, one thing at a time."""

from dataclasses import replace

import pytest

from healer.core.alert import Target
from healer.core.facts import Health
from healer.core.footprint import NOTHING, as_of_now, of_node
from healer.core.incident import Incident
from healer.core.ladder import Ladder, Mode, Rung
from healer.core.topology import Group, Node, Topology, VirtualAddress
from tests.healer.core.guarded import acted, broken, intent, opened, said, verdict
from tests.healer.core.world import CALL, RESTART, VERIFY, VIP, World, topology


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


def test_a_candidate_to_which_vrrp_gives_no_address_is_none_who_could_serve():
    """Its services are up all the same, and of what it does not say nobody knows."""
    plain = topology(floor=2)
    world = broken(
        unit_state="active",
        topology=replace(plain, addresses={"vip": VirtualAddress("vip", VIP, "web")}),
    )
    incident = opened(world)
    assert said(world, incident, "capacity").allowed
    world.faulty = {"web1"}  # the target's own is nothing that the others lack
    assert said(world, incident, "capacity").allowed
    world.faulty = {"web3"}
    assert (
        said(world, incident, "capacity").reason,
        world.facts(incident).health("web", "web3"),
    ) == (
        "capacity",
        Health.DOWN,
    )
    facts = world.facts(incident)
    assert facts.picture is not None
    mute = replace(facts, picture=replace(facts.picture, candidates={}))
    assert mute.health("web", "web2") is Health.UNKNOWN
    others = {"vip": VirtualAddress("vip", VIP, "control")}
    world.topology = replace(plain, addresses=others)
    assert said(world, incident, "capacity").allowed


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


# --- cluster.yml changed meanwhile ----------------------------------------------------------


def acting(*, floor: int = 1) -> tuple[World, Incident]:
    """nginx of web1 is restarted, which serves until then; nginx of web2 is wedged."""
    world = World(topology=topology(floor=floor, web=2), unit_state="active")
    opened(world, "web1/nginx", 1, name="ServiceSlow")
    acted(world, "1", ended=None)
    world.down.add(Target("web2", "nginx"))
    second = opened(world, "web2/nginx", 2)
    world.now += 60
    return world, second


def moved(plain: Topology, **groups: Group) -> Topology:
    """What was in the group web is in another one, or in several."""
    (into,) = [name for name, group in groups.items() if "web2" in group.nodes]
    services = {
        name: replace(one, group=into if one.group == "web" else one.group)
        for name, one in plain.services.items()
    }
    kept = {"control": plain.groups["control"], **groups}
    return replace(plain, groups=kept, services=services, digest="d2")


def test_a_renamed_group_is_the_same_nodes_while_an_action_runs():
    world, second = acting()
    before = [said(world, second, name).reason for name in ("capacity", "one_at_a_time")]
    assert before == ["capacity", "busy"]
    web = replace(world.topology.groups["web"], name="frontend")
    world.topology = moved(world.topology, frontend=web)
    after = [said(world, second, name).reason for name in ("capacity", "one_at_a_time")]
    assert after == before
    said_of = said(world, second, "capacity")
    assert (said_of.have, said_of.need) == ("0 left in frontend", "1 left in frontend")


def test_a_renamed_service_is_still_what_its_node_gives_while_an_action_runs():
    world, second = acting()
    plain = world.topology
    services = {**plain.services, "proxy": replace(plain.services["nginx"], name="proxy")}
    del services["nginx"], services["app"]
    groups = {**plain.groups, "pages": replace(plain.groups["web"], name="pages")}
    groups["web"] = replace(groups["web"], nodes=("web2",), min_available=0)
    services["proxy"] = replace(services["proxy"], group="pages")
    running = world.board.running(
        replace(plain, groups=groups, services=services), besides=second.id
    )
    assert [one.footprint.groups for one in running] == [{"web", "pages"}]


def test_a_renamed_failure_domain_is_the_same_rack_while_a_node_reboots():
    world = lonely(near=True)
    hung(world, "db1", 1)
    reboot_begun(world, "1")
    second = hung(world, "db2", 2)
    nodes = {
        name: replace(node, failure_domain="cage-7") if name.startswith("db") else node
        for name, node in world.topology.nodes.items()
    }
    world.topology = replace(world.topology, nodes=nodes, digest="d2")
    assert said(world, second, "one_at_a_time").reason == "busy"


def test_nodes_that_came_into_one_rack_since_an_action_began_are_taken_one_at_a_time():
    world = lonely(near=False)
    hung(world, "db1", 1)
    reboot_begun(world, "1")
    second = hung(world, "db2", 2)
    assert said(world, second, "one_at_a_time").reason is None
    beside = replace(world.topology.nodes["db2"], failure_domain="rack-db")
    nodes = {**world.topology.nodes, "db2": beside}
    world.topology = replace(world.topology, nodes=nodes, digest="d2")
    assert said(world, second, "one_at_a_time").reason == "busy"


def test_what_runs_on_a_node_that_left_cluster_yml_keeps_what_it_was_found_to_take():
    world, second = acting()
    recorded = world.board.running(world.topology, besides=second.id)
    nodes = {name: node for name, node in world.topology.nodes.items() if name != "web1"}
    web = replace(world.topology.groups["web"], nodes=("web2",))
    without = replace(world.topology, nodes=nodes, groups={**world.topology.groups, "web": web})
    assert world.board.running(without, besides=second.id) == recorded


def test_what_takes_nothing_away_takes_nothing_after_a_reload_either():
    world = World(topology=topology(web=2))
    target = Target("web1", "nginx")
    assert as_of_now("service.reload", target, NOTHING, world.topology).groups == frozenset()


# --- Nodes as a whole -----------------------------------------------------------------------


def lonely(*, near: bool = True, own: str = "mon1") -> World:
    """db1 and db2 are in no group, in one failure domain or in two; a reboot is tried on what is broken there."""
    plain = topology()
    reboot = Rung("node.reboot", None, False, 300.0, VERIFY, attempts=1, wait_seconds=0.0)
    ladders = {**plain.ladders, "reboot": Ladder("reboot", Mode.ACT, (reboot, CALL))}
    domains = ("rack-db", "rack-db" if near else "rack-other")
    nodes = {
        name: Node(name, f"10.0.2.{place}", domain)
        for place, (name, domain) in enumerate(zip(("db1", "db2"), domains, strict=True), 1)
    }
    made = replace(plain, nodes={**plain.nodes, **nodes}, ladders=ladders, own_node=own)
    world = World(topology=made)
    world.down |= {Target("db1"), Target("db2")}
    return world


def hung(world: World, at: str, number: int) -> Incident:
    return opened(world, at, number, name="KernelHang", heal="reboot", group="")


def reboot_begun(world: World, number: str) -> None:
    target = world.board.incidents[number].target
    taken = of_node(target.node, world.topology)
    world.journal(
        replace(
            intent(number, target),
            action="node.reboot",
            footprint=taken,
            ladder="reboot",
            args=(),
        )
    )


@pytest.mark.parametrize(("near", "reason"), [(True, "busy"), (False, None)])
def test_of_one_failure_domain_one_node_is_rebooted_at_a_time_in_a_group_or_not(near, reason):
    world = lonely(near=near)
    hung(world, "db1", 1)
    reboot_begun(world, "1")
    second = hung(world, "db2", 2)
    assert said(world, second, "one_at_a_time").reason == reason


def test_a_healer_never_reboots_its_own_node_be_it_in_no_group():
    world = lonely(own="db1")
    assert verdict(world, hung(world, "db1", 1)) == ("known_target", "own_node")


def test_nothing_is_done_on_a_node_that_is_being_rebooted_even_if_it_takes_nothing():
    world = lonely()
    free = replace(RESTART, action="disk.free", fast=False)
    ladders = {**world.topology.ladders, "free": Ladder("free", Mode.ACT, (free, CALL))}
    world.topology = replace(world.topology, ladders=ladders)
    hung(world, "db1", 1)
    reboot_begun(world, "1")
    full = opened(
        world, "db1", 2, name="FilesystemAlmostFull", heal="free", group="", mountpoint="/"
    )
    world.down.add(full.target)
    assert verdict(world, full) == ("one_at_a_time", "busy")
