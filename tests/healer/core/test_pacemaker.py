"""What Pacemaker runs is touched by its own verb alone, once, while Pacemaker decides and rests."""

import json
from dataclasses import replace

import pytest

from healer.core import incident_events as ie
from healer.core import upkeep
from healer.core.actions import ACTIONS, steps, subject_of
from healer.core.alert import Target
from healer.core.decide import decide
from healer.core.decision import Act, Hold
from healer.core.footprint import footprint
from healer.core.ladder import Ladder, Mode, Rung, Verification
from healer.core.look import Look, PacemakerLook, PacemakerNode, ResourceFailures
from healer.core.plan import Escalate, to_hear
from healer.core.steady import Now
from healer.core.topology import Group, Node, Pacemaker, Service, Topology
from healer.core.upkeep_events import Kind, UpkeepBegan
from healer.core.upkeep_expect import expect
from healer.core.upkeep_guards import Wish, judge
from healer.core.upkeep_steps import Do, taking
from tests.healer.core.world import CALL, RESTART, VERIFY, World, alert, topology

NODES = ("s1", "s2")
CLEAN = Verification("hale:pacemaker_resource_clean", 1.0, within_seconds=20.0, soak_seconds=3.0)
CLEANUP = Rung("pacemaker.cleanup", None, False, 60.0, CLEAN, attempts=1, wait_seconds=0.0)
HERE = PacemakerNode(online=True, standby=False, unclean=False, able=True)
FAILED = ResourceFailures("nfs", "s1", 3, "Fri Nov 28 03:21:40 2025", 120.0)
CALM = PacemakerLook(
    *(True, False, (), dict.fromkeys(NODES, HERE), {"nfs": ("s2",)}, (FAILED,)),
    movable=frozenset({"nfs"}),
)


def paced() -> Topology:
    """The world's cluster, and two nodes on which Pacemaker runs `share` as `nfs`."""
    plain = topology()
    reboot = replace(RESTART, action="node.reboot", verify=VERIFY, fast=False, attempts=1)
    rungs = {
        "pacemaker": (CLEANUP, CALL),
        "restart-service": (RESTART, CALL),
        "reboot-node": (reboot, CALL),
    }
    group = Group("store", NODES, 1, control=False, mode=Mode.ACT)
    return replace(
        plain,
        nodes={**plain.nodes, **{name: Node(name, name, f"rack-{name}") for name in NODES}},
        groups={**plain.groups, "store": group},
        services={**plain.services, "share": Service("share", "nfs.service", "store")},
        ladders={name: Ladder(name, Mode.ACT, each) for name, each in rungs.items()},
        pacemakers={"store": Pacemaker("store", "store", {"nfs": "share"})},
    )


class Paced(World):
    """A world with that cluster.

    Attributes:
        clusters: What each gate sees of it, None for nothing.
        homeless: What each says that would run nowhere without its node, None for nothing.
    """

    def __init__(self, seen: PacemakerLook | None = CALM) -> None:
        super().__init__(topology=paced())
        self.clusters = dict.fromkeys(NODES, seen)
        self.homeless: dict[str, tuple[str, ...] | None] = dict.fromkeys(NODES, ())
        self.down = {Target("s1", "share")}

    def _look(self, node: str) -> Look | None:
        look = super()._look(node)
        if look is None:
            return None
        places = {"store": self.homeless.get(node)}
        return replace(look, pacemakers={"store": self.clusters.get(node)}, places=places)

    def decision(self, heal: str = "pacemaker", name: str = "PacemakerResourceFailed") -> object:
        cause = alert(name, "s1/share", heal=heal, group="store", failure_domain="rack-s1")
        self.journal(ie.IncidentOpened("1", cause, heal, self.topology.digest))
        self.now += 60
        return decide(self.board.incidents["1"], self.facts(self.board.incidents["1"]), None)


def held(world: Paced, **more: str) -> tuple[str, str | None]:
    found = world.decision(**more)
    assert isinstance(found, Hold)
    return found.hold.guard, found.hold.reason


def test_a_cleanup_is_asked_of_the_nodes_own_gate_with_the_failures_that_it_rests_on():
    found = Paced().decision()
    assert isinstance(found, Act)
    assert (found.proposal.gate, dict(found.proposal.args)) == (
        "s1",
        {"pacemaker": "store", "resource": "nfs"},
    )
    failures = {"nfs": {"count": 3, "last": FAILED.last}}
    assert json.loads(found.expect)["pacemakers"] == {
        "store": {"standby": False, "failures": failures}
    }


@pytest.mark.parametrize(
    ("seen", "guard", "reason"),
    [
        (None, "owner_settled", "pacemaker_unknown"),
        (replace(CALM, maintenance=True), "not_stopped", "pacemaker_paused"),
        (replace(CALM, quorum=False), "owner_settled", "pacemaker_no_quorum"),
        (replace(CALM, fencing=("s2",)), "owner_settled", "owner_busy"),
        (
            replace(CALM, nodes={"s1": HERE, "s2": replace(HERE, unclean=True)}),
            "owner_settled",
            "owner_busy",
        ),
        (
            replace(CALM, failures=(replace(FAILED, age_seconds=59.0),)),
            "owner_settled",
            "owner_settling",
        ),
    ],
)
def test_while_pacemaker_does_not_decide_or_does_not_rest_nothing_is_done(seen, guard, reason):
    assert held(Paced(seen)) == (guard, reason)
    assert held(Paced(seen), heal="reboot-node", name="NodeDown") == (guard, reason)


def test_a_failure_as_old_as_pacemakers_own_time_is_enough():
    assert isinstance(
        Paced(replace(CALM, failures=(replace(FAILED, age_seconds=60.0),))).decision(), Act
    )


def test_what_pacemaker_runs_is_never_restarted_by_anybody_else():
    found = Paced().decision(heal="restart-service", name="ServiceDown")
    assert isinstance(found, Escalate)
    assert steps("files.restore", Target("s1", "share"), paced(), "incident:1") == ()


def test_every_members_gate_is_heard_before_one_is_touched():
    world = Paced()
    world.decision()
    assert to_hear(world.board.incidents["1"], world.topology) == {
        "s1": ("nfs.service", "pacemaker:store"),
        "s2": ("pacemaker:store",),
    }


def test_another_members_gate_says_how_it_is_where_pacemaker_is_not_on_the_node_itself():
    world = Paced(replace(CALM, quorum=False))
    world.clusters["s1"] = None
    assert held(world) == ("owner_settled", "pacemaker_no_quorum")


def test_a_cleanup_touches_one_service_and_a_standby_all_that_pacemaker_runs_there():
    here = paced()
    two = replace(
        here,
        services={**here.services, "vip": Service("vip", "vip.service", "store")},
        pacemakers={"store": Pacemaker("store", "store", {"nfs": "share", "ip": "vip"})},
    )
    gone = footprint("pacemaker.cleanup", Target("s1", "share"), (), two)
    assert (gone.targets, gone.groups) == ({Target("s1", "share")}, {"store"})
    gone = footprint("pacemaker.standby", Target("s1"), (), two)
    assert gone.targets == {Target("s1", "share"), Target("s1", "vip")}


def begun() -> upkeep.Upkeep:
    return upkeep.begun(UpkeepBegan("1", Kind.PERSON, "s1", "fan", "root", 7200.0), Now(0.0))


def test_maintenance_puts_the_node_in_standby_after_its_lock_and_takes_that_back():
    lock, standby = taking(begun(), paced())
    assert (lock.action, standby.action) == ("node.lock", "pacemaker.standby")
    assert (standby.gate, standby.look) == ("s1", "pacemaker:store")
    assert subject_of(standby.args) == "store"
    assert ACTIONS["pacemaker.standby"].undo == "pacemaker.unstandby"
    assert [one.action for one in taking(replace(begun(), node="web1"), paced())] == ["node.lock"]


def test_a_standby_rests_on_whether_the_node_was_in_one():
    _, standby = taking(begun(), paced())
    world = Paced()
    look = world._look("s1")
    assert look is not None
    world.decision()
    facts = world.facts(world.board.incidents["1"])
    assert json.loads(expect(standby, look, facts)) == {
        "boot_id": "boot-1",
        "pacemakers": {"store": {"standby": False}},
    }
    assert expect(standby, replace(look, pacemakers={"store": None}), facts) == ""


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (CALM, None),
        (None, "pacemaker_unknown"),
        (replace(CALM, maintenance=True), "pacemaker_paused"),
        (replace(CALM, fencing=("s2",)), "owner_busy"),
    ],
)
def test_a_node_is_taken_for_maintenance_only_while_pacemaker_can_move_what_it_runs(seen, reason):
    world = Paced(seen)
    world.down.clear()
    world.decision()
    facts = world.facts(world.board.incidents["1"])
    wish = Wish("s1", "node.lock", Kind.PERSON, "lock:upkeep-1", None)
    reasons = {one.reason for one in judge(wish, facts) if not one.allowed}
    assert reasons == ({reason} if reason else set())


ABLE_ON_S1 = replace(CALM, failures=())


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (ABLE_ON_S1, None),
        (CALM, "capacity"),  # it failed on s1
        (replace(CALM, failures=(replace(FAILED, resource="disk"),)), "capacity"),
        (replace(CALM, failures=(replace(FAILED, node="s2"),)), None),
        (replace(ABLE_ON_S1, movable=frozenset()), "capacity"),  # unmanaged, or blocked
        (replace(ABLE_ON_S1, running={"nfs": ()}), "capacity"),
        (
            replace(ABLE_ON_S1, nodes={"s1": replace(HERE, able=False), "s2": HERE}),
            "capacity",
        ),
    ],
)
def test_who_could_run_what_one_node_runs_at_a_time_counts_as_available(seen, reason):
    assert refused("node.lock", seen) == ({reason} if reason else set())


@pytest.mark.parametrize(
    ("verb", "counts"),
    [
        ("pacemaker.standby", True),
        ("database.switchover", True),  # it comes before the standby, in the same upkeep
        ("node.reboot", False),
        ("node.fence", False),
    ],
)
def test_it_counts_only_where_a_gate_asks_pacemakers_scheduler(verb, counts):
    """A ban or another constraint may keep the resource away from it, which only the scheduler knows."""
    assert ("capacity" not in refused(verb, ABLE_ON_S1)) is counts


def refused(verb: str, seen: PacemakerLook) -> set[str | None]:
    """Return why that may not be done with s2, which alone runs the share."""
    world = Paced(seen)
    share = replace(world.topology.services["share"], exclusive=True)
    services = {**world.topology.services, "share": share}
    world.topology = replace(world.topology, services=services)
    world.decision()
    facts = world.facts(world.board.incidents["1"])
    wish = Wish("s2", verb, Kind.PERSON, "lock:upkeep-1", None)
    return {one.reason for one in judge(wish, facts) if not one.allowed}


def test_what_fails_beside_the_services_is_no_reason_to_wait():
    beside = replace(FAILED, resource="fence-s2", age_seconds=1.0)
    assert isinstance(Paced(replace(CALM, failures=(FAILED, beside))).decision(), Act)


def reboot(world: Paced) -> Act | Hold:
    found = world.decision(heal="reboot-node", name="NodeHung")
    assert isinstance(found, (Act, Hold))
    return found


def serving(**homeless: tuple[str, ...] | None) -> Paced:
    """Return a world in which an alert is true and both nodes seem to serve."""
    world = Paced(ABLE_ON_S1)
    world.unit_state = "active"
    world.homeless |= homeless
    return world


@pytest.mark.parametrize("homeless", [("nfs",), None])
def test_a_node_is_not_rebooted_while_something_would_run_nowhere_or_nobody_can_say(homeless):
    found = reboot(serving(s1=homeless))
    assert isinstance(found, Hold)
    assert (found.hold.guard, found.hold.reason) == ("capacity", "no_place")
    assert not found.hold.passing


def test_where_all_have_a_place_it_is_rebooted_and_its_gate_asks_once_more():
    found = reboot(serving())
    assert isinstance(found, Act)
    assert json.loads(found.expect) == {"boot_id": "boot-1"}


@pytest.mark.parametrize("homeless", [("nfs", "disk"), None])
def test_what_is_proven_out_is_rebooted_all_the_same_and_its_gate_is_told(homeless):
    world = serving(s1=homeless)
    world.unit_state = "failed"
    found = reboot(world)
    assert isinstance(found, Act)
    assert json.loads(found.expect)["pacemakers"] == {"store": {"proven_out": True}}
    assert found.proposal.expectation


GONE = replace(HERE, online=False, able=False)


@pytest.mark.parametrize(
    ("member", "running", "rebooted"),
    [
        (GONE, ("s2",), True),
        (replace(GONE, online=True), ("s2",), False),
        (GONE, ("s1", "s2"), False),
    ],
)
def test_a_node_on_which_pacemaker_has_ended_needs_no_place_if_another_member_says_so(
    member, running, rebooted
):
    world = serving(s1=None)
    world.clusters["s1"] = None
    seen = replace(ABLE_ON_S1, nodes={"s1": member, "s2": HERE}, running={"nfs": running})
    world.clusters["s2"] = seen
    assert isinstance(reboot(world), Act) is rebooted


def test_only_what_takes_the_node_away_asks_what_would_run_nowhere():
    world = Paced()
    world.decision(heal="reboot-node", name="NodeHung")
    heard = to_hear(world.board.incidents["1"], world.topology)
    assert "place:store" in heard["s1"]
    assert "place:store" not in heard["s2"]


@pytest.mark.parametrize("verb", ["node.lock", "node.patch", "node.reboot"])
def test_upkeep_of_such_a_node_does_not_begin_nor_go_on(verb):
    world = serving(s2=("nfs",))
    world.down.clear()
    world.decision()
    facts = world.facts(world.board.incidents["1"])
    found = judge(Wish("s2", verb, Kind.PERSON, "lock:upkeep-1", None), facts)
    assert "no_place" in {one.reason for one in found}


def test_a_patch_that_ended_pacemaker_on_the_node_keeps_it_from_no_boot():
    world = serving(s1=None)
    world.down.clear()
    world.clusters["s1"] = None
    world.clusters["s2"] = replace(ABLE_ON_S1, nodes={"s1": GONE, "s2": HERE})
    world.decision()
    facts = world.facts(world.board.incidents["1"])
    look = world._look("s1")
    assert look is not None
    boot = Do("node.reboot", "s1", (), "", 300.0)
    assert json.loads(expect(boot, look, facts))["pacemakers"] == {"store": {"proven_out": True}}
    found = judge(Wish("s1", "node.reboot", Kind.ROLL, "lock:upkeep-1", None), facts)
    assert "no_place" not in {one.reason for one in found}


THREE = ("s1", "s2", "s3")
AWAY = replace(HERE, online=False, able=False)


def three(**how: PacemakerNode) -> Paced:
    """Return a world in which the cluster has three nodes, and all that s1 runs has a place."""
    world = serving()
    plain = world.topology
    group = replace(plain.groups["store"], nodes=THREE)
    nodes = {**plain.nodes, "s3": Node("s3", "s3", "rack-s3")}
    world.topology = replace(plain, nodes=nodes, groups={**plain.groups, "store": group})
    seen = replace(ABLE_ON_S1, nodes={**dict.fromkeys(THREE, HERE), **how})
    world.clusters = dict.fromkeys(THREE, seen)
    return world


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({}, None),
        ({"s3": AWAY}, "quorum"),
        ({"s1": AWAY, "s3": AWAY}, None),  # it votes no more
    ],
)
def test_of_three_nodes_none_goes_without_which_no_majority_is_left(how, reason):
    world = three(**how)
    found = reboot(world)
    assert (found.hold.reason if isinstance(found, Hold) else None) == reason
    lock = Wish("s1", "node.lock", Kind.PERSON, "lock:upkeep-1", None)
    facts = world.facts(world.board.incidents["1"])
    said = [one.reason for one in judge(lock, facts) if one.guard == "quorum"]
    assert said == [reason]


def test_one_of_three_that_is_locked_may_be_gone_at_any_moment():
    world = three()
    world.decision()
    facts = replace(world.facts(world.board.incidents["1"]), locked={"s3": "upkeep 1"})
    lock = Wish("s1", "node.lock", Kind.PERSON, "lock:upkeep-2", None)
    assert "quorum" in {one.reason for one in judge(lock, facts)}
