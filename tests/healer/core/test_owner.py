"""The native owner comes first: nothing is done to what systemd or VRRP is at work on."""

from dataclasses import replace

import pytest

from healer.core.alert import Target
from healer.core.decide import decide
from healer.core.decision import Hold
from healer.core.facts import Facts
from healer.core.guards.witnesses import owner_settled
from healer.core.holders import Held, Holders
from healer.core.ladder import Ladder, Mode, Rung
from healer.core.look import Heard
from healer.core.picture import Picture
from healer.core.topology import Topology, VirtualAddress
from tests.healer.core.guarded import broken, opened, said
from tests.healer.core.world import VERIFY, VIP, World, topology

# --- systemd --------------------------------------------------------------------------------


def with_job(facts: Facts, *, job: bool) -> Facts:
    look = facts.heard("web1").look
    assert look is not None
    units = {
        name: unit and replace(unit, job=job and name == "nginx.service")
        for name, unit in look.units.items()
    }
    return replace(facts, gates={"web1": Heard(replace(look, units=units))})


@pytest.mark.parametrize("job", [True, False])
def test_a_queued_job_holds_and_passes_by_itself(job: bool) -> None:
    """A unit whose start waits for another one is `inactive`, and looks as if nobody cared."""
    world = broken()
    incident = opened(world)
    decision = decide(incident, with_job(world.facts(incident), job=job), None)
    held = isinstance(decision, Hold)
    assert held is job
    if isinstance(decision, Hold):
        assert (decision.hold.guard, decision.hold.reason) == ("owner_settled", "owner_busy")
        assert decision.hold.passing


# --- VRRP -----------------------------------------------------------------------------------


def addressed(**numbers: float) -> Topology:
    """The web nodes are candidates for an address, in the order of their names."""
    made = topology(**numbers)
    reboot = Rung("node.reboot", None, False, 300.0, VERIFY, attempts=1, wait_seconds=0.0)
    ladders = {**made.ladders, "reboot-node": Ladder("reboot-node", Mode.ACT, (reboot,))}
    address = VirtualAddress("vip", VIP, "web")
    return replace(made, addresses={"vip": address}, ladders=ladders)


def balancing(held: str, **numbers: float) -> World:
    """web1 is broken, and these nodes say that they hold the address; the others deny it."""
    world = broken(topology=addressed(**numbers))
    tell(world, held)
    return world


def tell(world: World, held: str) -> None:
    world.holders = {name: name in held.split() for name in ("web1", "web2", "web3")}
    world.look()


def test_an_address_that_has_just_moved_is_left_to_vrrp():
    world = balancing("web1")
    incident = opened(world)
    world.now += 60
    assert said(world, incident, "owner_settled").allowed
    tell(world, "web2")
    told = said(world, incident, "owner_settled")
    assert (told.reason, told.passing) == ("holder_settling", True)
    assert told.have == "vip held by web2 for 0 s"
    world.now += 9
    assert said(world, incident, "owner_settled").reason == "holder_settling"
    world.now += 1
    told = said(world, incident, "owner_settled")
    assert told.allowed
    assert told.have.endswith("; vip held by web2 for 10 s")


def test_how_long_is_said_in_the_clusters_own_number():
    world = balancing("web1", owner_settled_address=3.0)
    incident = opened(world)
    world.now += 3
    assert said(world, incident, "owner_settled").allowed


@pytest.mark.parametrize("held", ["", "web1 web2"])
def test_an_address_without_a_holder_or_with_two_has_its_time_too_and_then_no_more(held: str):
    """Where VRRP cannot help by itself, repairing the balancer may be what is needed."""
    world = balancing("web1")
    incident = opened(world)
    world.now += 60
    tell(world, held)
    assert said(world, incident, "owner_settled").reason == "holder_settling"
    world.now += 10
    assert said(world, incident, "owner_settled").allowed


def test_where_nobody_says_who_holds_it_it_may_be_moving():
    world = balancing("web1")
    incident = opened(world)
    world.holders = {}
    world.now += 60
    told = said(world, incident, "owner_settled")
    assert (told.reason, told.passing) == ("holder_unknown", False)
    world.prometheus = (
        False  # what was seen before is no answer to what is now: sees_enough holds on that
    )
    assert said(world, incident, "sees_enough").reason == "minority"


def test_what_stands_in_no_candidate_moves_no_address():
    world = World(topology=addressed())
    world.down.add(Target("web1"))
    incident = opened(world, at="web1", name="ExporterDown", heal="restart-exporter")
    assert said(world, incident, "owner_settled").allowed


def test_what_takes_nothing_away_moves_no_address():
    world = balancing("web1")
    incident = opened(world)
    facts = world.facts(incident)
    decision = decide(incident, facts, None)
    assert isinstance(decision, Hold)
    assert owner_settled(decision.proposal, facts).reason == "holder_settling"
    rung = replace(decision.proposal.rung, action="service.reload")
    assert owner_settled(replace(decision.proposal, rung=rung), facts).allowed


def test_taking_the_whole_node_moves_its_address():
    world = balancing("web1")
    world.down.add(Target("web1"))
    incident = opened(world, at="web1", name="NodeUnwell", heal="reboot-node")
    assert said(world, incident, "owner_settled").reason == "holder_settling"


def test_systemd_is_asked_before_vrrp():
    world = balancing("web1")
    world.unit_age = 1.0
    assert said(world, opened(world), "owner_settled").reason == "owner_settling"


# --- Who holds it, and since when -----------------------------------------------------------


def picture(at: float, **held: bool) -> Picture:
    return Picture(at, {}, {}, addresses={VIP: held})


def seen(*looks: Picture | None) -> Holders:
    holders = Holders()
    for one in looks:
        holders = holders.after(one, addressed())
    return holders


WEB1, WEB2 = frozenset({"web1"}), frozenset({"web2"})


@pytest.mark.parametrize(
    ("looks", "held"),
    [
        ([picture(0, web1=True, web2=False)], Held(WEB1, 0)),
        ([picture(0, web1=True), picture(5, web1=True)], Held(WEB1, 5)),
        ([picture(0, web1=True), None, picture(5, web1=True)], Held(WEB1, 5)),
        ([picture(0, web1=True), picture(5, web2=True)], Held(WEB2, 0)),
        ([picture(9, web1=True), picture(5, web1=True)], Held(WEB1, 0)),
        ([picture(0, web1=True), picture(5, mon1=True, web1=True)], Held(WEB1, 5)),
        ([picture(0, web1=False, web2=False)], Held(frozenset(), 0)),
        ([picture(0, web1=True), picture(5, web1=True, web2=True)], Held(WEB1 | WEB2, 0)),
        ([picture(0, web1=True), picture(5)], None),
        ([picture(0, web1=True), picture(5), picture(6, web1=True)], Held(WEB1, 0)),
        ([picture(0, mon1=True)], None),
    ],
    ids=str,
)
def test_the_time_runs_from_the_first_look_that_showed_the_same(looks, held):
    assert seen(*looks).held.get("vip") == held
