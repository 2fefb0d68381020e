"""Whom a group can not count on: whatever keeps a member out, and whoever says so."""

from dataclasses import replace

import pytest

from healer.core.alert import Target
from healer.core.decide import decide
from healer.core.decision import Hold
from healer.core.facts import Facts
from healer.core.ladder import Ladder, Mode, Rung
from healer.core.look import Heard, Mark, MemberLook
from healer.core.picture import NodeHealth, Picture, SeenMark
from healer.core.taken import Taken
from healer.core.topology import Pool, VirtualAddress
from tests.healer.core.guarded import opened
from tests.healer.core.world import CALL, NOW, VERIFY, VIP, World
from tests.healer.tier import tier

DRAINED = SeenMark("pool.drain", "web/web1", "lb1", "person", NOW)
EVERYBODY = {"web1", "web2", "web3"}


def seen(*marks: SeenMark, silent: str = "", dead: str = "") -> Picture:
    """How the cluster looks, with marks, and with a node whose exporter is silent or that is dead."""
    world = World(topology=tier(floor=2), unknown={silent} - {""}, dark={dead} - {""})
    picture = world.facts(opened(world)).picture
    assert picture is not None
    nodes = {**picture.nodes, **({silent: NodeHealth(False, True)} if silent else {})}
    return replace(picture, nodes=nodes, marks=frozenset(marks))


def facts(world: World, picture: Picture, *before: Picture) -> Facts:
    """What is known with this picture after others, where no gate was asked."""
    taken = Taken()
    for one in before:
        taken = taken.after(one)
    standing = replace(world.standing, taken=taken)
    return Facts(world.now, world.topology, standing, picture=picture)


@pytest.fixture
def world() -> World:
    return World(topology=tier(floor=2))


def test_what_a_person_took_out_stays_out_while_the_balancers_exporter_is_silent(world):
    told, silent = seen(DRAINED), seen(silent="lb1")
    assert facts(world, told).out_of("web") == {"web1"}
    assert facts(world, silent, told).out_of("web") == {"web1"}
    assert facts(world, silent, told, silent, silent).out_of("web") == {"web1"}
    assert facts(world, seen(), told, silent).out_of("web") == set()


def test_of_a_balancer_that_never_spoke_every_member_counts_as_out_unless_it_is_dead(world):
    assert facts(world, seen(silent="lb2")).out_of("web") == EVERYBODY
    assert facts(world, seen(dead="lb2")).out_of("web") == set()


@pytest.mark.parametrize(
    ("health", "out"),
    [
        (NodeHealth(False, False), set()),
        (NodeHealth(False, True), EVERYBODY),
        (NodeHealth(False, None), EVERYBODY),
        (NodeHealth(None, False), EVERYBODY),
        (None, EVERYBODY),
    ],
)
def test_only_what_the_scrape_and_every_peer_miss_is_a_balancer_that_keeps_nobody_out(
    world, health, out
):
    picture = seen(silent="lb2")
    nodes = {name: one for name, one in picture.nodes.items() if name != "lb2"}
    nodes |= {} if health is None else {"lb2": health}
    assert facts(world, replace(picture, nodes=nodes)).out_of("web") == out


def test_where_nobody_can_say_anything_everybody_may_be_out(world):
    known = facts(world, seen())
    assert replace(known, picture=None).out_of("web") == EVERYBODY
    told = replace(known.standing, taken=Taken().after(seen()))
    assert replace(known, picture=None, standing=told).out_of("web") == set()


def test_a_balancer_of_others_and_an_address_of_others_keep_nobody_out():
    top = tier(floor=2)
    pools = {**top.pools, "api": Pool("api", "control", "lb", "nginx")}
    addresses = {"vip": VirtualAddress("vip", VIP, "lb")}
    world = World(topology=replace(top, pools=pools, addresses=addresses))
    assert facts(world, seen(silent="mon1")).out_of("web") == set()
    assert facts(world, seen(silent="web1")).out_of("web") == set()
    assert facts(world, seen(silent="mon1")).out_of("lb") == {"lb1", "lb2"}
    assert facts(world, seen(silent="lb1")).out_of("lb") == {"lb1"}


def test_whatever_any_one_of_journal_gate_and_exporter_says_counts_where_it_stands():
    addresses = {"vip": VirtualAddress("vip", VIP, "lb")}
    world = World(topology=replace(tier(floor=2), addresses=addresses))
    known = world.facts(opened(world))
    assert known.out_of("lb") == set()
    look = known.gates["lb1"].look
    assert look is not None
    marks = (Mark("address.decline", "vip", ("person",), True),)
    by_gate = {**known.gates, "lb1": Heard(replace(look, marks=marks))}
    assert replace(known, gates=by_gate).out_of("lb") == {"lb1"}
    ours = frozenset({("address.decline", "vip", "lb1")})
    assert replace(known, marked=ours).out_of("lb") == {"lb1"}
    assert replace(known, marked=ours, gates={}).out_of("lb") == {"lb1"}


def test_a_gate_that_is_heard_needs_no_exporter(world):
    known = replace(world.facts(opened(world)), picture=seen(silent="lb1"))
    assert known.out_of("web") == set()
    assert replace(known, gates={}).out_of("web") == EVERYBODY


def test_a_running_member_is_not_taken_below_the_floor_when_the_exporter_falls_silent(world):
    world.slow = world.down = {Target("web2", "nginx")}
    incident = opened(world, "web2/nginx", 2)
    told, silent = seen(DRAINED), seen(silent="lb1")
    standing = facts(world, silent, told).standing
    now = replace(world.facts(incident), picture=silent, standing=standing)
    now = replace(now, now=NOW + 60, gates={"web2": now.gates["web2"]})
    decision = decide(incident, now, None)
    assert isinstance(decision, Hold)
    assert (decision.hold.guard, decision.hold.have) == ("capacity", "1 left in web")


def test_of_a_gate_that_can_not_read_its_marks_everything_may_be_marked(world):
    known = world.facts(opened(world))
    look = known.gates["lb1"].look
    assert look is not None
    assert known.out_of("web") == set()
    unread = {**known.gates, "lb1": Heard(replace(look, marks=None))}
    assert replace(known, gates=unread).out_of("web") == EVERYBODY


@pytest.mark.parametrize("admin", ["maint", "drain"])
def test_what_a_person_took_out_at_the_balancer_itself_is_out_without_a_mark(world, admin):
    known = world.facts(opened(world))
    look = known.gates["lb1"].look
    assert look is not None
    members = {one: MemberLook("ready", "up", 0) for one in EVERYBODY}
    members["web2"] = MemberLook(admin, "up", 0)
    by_hand = {**known.gates, "lb1": Heard(replace(look, pools={"web": members}))}
    assert replace(known, gates=by_hand).out_of("web") == {"web2"}


def test_a_candidate_that_declined_its_address_is_none_that_can_be_spared_for():
    reboot = Rung("node.reboot", None, False, 120.0, VERIFY, attempts=1, wait_seconds=5.0)
    top = tier()
    world = World(
        topology=replace(
            top,
            addresses={"vip": VirtualAddress("vip", VIP, "lb")},
            ladders={**top.ladders, "reboot": Ladder("reboot", Mode.ACT, (reboot, CALL))},
        )
    )
    broken = opened(world, "lb2", name="MemoryFailing", heal="reboot", group="lb")
    declined = SeenMark("address.decline", "vip", "lb1", "person", NOW)
    known = world.facts(broken)
    assert known.picture is not None
    known = replace(known, picture=replace(known.picture, marks=frozenset({declined})))
    assert known.out_of("lb") == {"lb1"}
    decision = decide(broken, known, None)
    assert isinstance(decision, Hold)
    said = next(one for one in decision.verdicts if one.guard == "capacity")
    assert said.have == "0 left in lb"
