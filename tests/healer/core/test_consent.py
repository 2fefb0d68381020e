"""What the gate has to find unchanged, and whose yes an action needs."""

import json
from dataclasses import replace

import pytest

from healer.core.actions import steps
from healer.core.alert import Target
from healer.core.decide import decide
from healer.core.decision import Act, Hold, awaited_yes
from healer.core.draft import expect
from healer.core.guards.people import NEEDED
from healer.core.ladder import Mode
from healer.core.look import Heard
from healer.core.topology import EXPORTER, Group, Topology, VirtualAddress
from healer.core.verdict import hold
from tests.healer.core.deciding import NGINX, climbing, with_member
from tests.healer.core.guarded import opened
from tests.healer.core.world import CALL, RESTART, VIP, World, topology
from tests.healer.tier import tier

# --- What the gate has to find unchanged ----------------------------------------------------


def expected(action: str, at: Target) -> str:
    plain = tier()
    cluster = replace(plain, addresses={"vip": VirtualAddress("vip", VIP, "lb")})
    world = World(topology=cluster)
    one = opened(world)
    facts = with_member(world.facts(one))
    decision = decide(one, facts, None)
    assert isinstance(decision, Act | Hold)
    step = steps(action, at, cluster, one.owner)[0]
    unit = "nginx.service" if at.service else ""
    told = replace(decision.proposal, gate=step.gate, args=step.args, look=step.look, unit=unit)
    told = replace(told, rung=replace(told.rung, action=action), target=at)
    blind = replace(facts, gates={})
    assert expect(told, blind) == ""
    empty = {
        one: Heard(h.look and replace(h.look, pools={}, addresses={}, units={}, disks={}))
        for one, h in facts.gates.items()
    }
    boot = '{"boot_id":"boot-1"}' if action in ("node.reboot", "disk.free") else ""
    assert expect(told, replace(facts, gates=empty)) == boot
    return expect(told, facts)


@pytest.mark.parametrize(
    ("action", "at", "found"),
    [
        (
            "service.restart",
            NGINX,
            {"units": {"nginx.service": {"active_state": "active", "invocation_id": "i1"}}},
        ),
        ("pool.drain", NGINX, {"pools": {"web/web1": {"admin": "ready"}}}),
        ("address.decline", Target("lb1"), {"addresses": {"vip": {"held": True}}}),
        ("address.decline", Target("lb2"), {"addresses": {"vip": {"held": False}}}),
        ("node.reboot", Target("web1"), {}),
        (
            "disk.free",
            Target("web1", None, "/var"),
            {"filesystems": {"/var": {"device": "/dev/sdb1"}}},
        ),
    ],
)
def test_the_gate_is_told_what_the_decision_rested_on(
    action: str, at: Target, found: dict[str, object]
) -> None:
    assert json.loads(expected(action, at)) == {"boot_id": "boot-1", **found}


# --- Whose yes ------------------------------------------------------------------------------


def owned(cluster: Topology, web: Mode, healer: Mode) -> Topology:
    groups = {**cluster.groups, "web": replace(cluster.groups["web"], mode=web)}
    return replace(cluster, groups=groups, healer_mode=healer)


@pytest.mark.parametrize(
    ("action", "service", "mode"),
    [
        ("service.restart", None, Mode.APPROVE),
        ("service.reload", None, Mode.APPROVE),  # it takes nothing away: the service's own group
        ("service.reload", EXPORTER, Mode.EXPLAIN),  # of no group: the healer's own word
        ("node.reboot", None, Mode.APPROVE),
    ],
)
def test_the_owners_of_what_an_action_touches_are_asked(
    action: str, service: str | None, mode: Mode
) -> None:
    world = climbing(replace(RESTART, action=action, service=service), CALL)
    world.topology = owned(world.topology, Mode.APPROVE, Mode.EXPLAIN)
    one = opened(world)
    decision = decide(one, world.facts(one), None)
    assert isinstance(decision, Hold)
    assert decision.proposal.mode is mode


def test_the_owners_of_all_that_goes_with_it_are_asked() -> None:
    """systemd stops the app together with nginx, and it is another group's."""
    plain = topology()
    apps = Group("apps", ("web1",), 0, control=False, mode=Mode.EXPLAIN)
    services = {**plain.services, "app": replace(plain.services["app"], group="apps")}
    cluster = replace(plain, services=services, groups={**plain.groups, "apps": apps})
    world = World(topology=cluster, down={NGINX})
    one = opened(world)
    decision = decide(one, world.facts(one), None)
    assert isinstance(decision, Hold)
    assert decision.proposal.mode is Mode.EXPLAIN


def test_of_a_nodes_disk_the_groups_of_the_node_are_asked() -> None:
    world = climbing(replace(RESTART, action="disk.free"), CALL)
    world.topology = owned(world.topology, Mode.APPROVE, Mode.EXPLAIN)
    one = opened(world, "web1", mountpoint="/var")
    decision = decide(one, world.facts(one), None)
    assert isinstance(decision, Hold)
    assert decision.proposal.mode is Mode.APPROVE


@pytest.mark.parametrize(
    ("reasons", "expectation", "waits"),
    [
        ([NEEDED], "digest", True),
        ([NEEDED, "capacity"], "digest", True),
        ([NEEDED, "pre_existing"], "digest", False),  # a yes would be of no use
        ([NEEDED], "", False),  # nobody knows to what it would be one
        (["capacity"], "digest", False),
    ],
)
def test_a_yes_is_asked_for_where_it_is_wanted_and_would_help(
    reasons: list[str], expectation: str, waits: bool
) -> None:
    world = climbing(RESTART, CALL)
    one = opened(world)
    decision = decide(one, world.facts(one), None)
    assert isinstance(decision, Act | Hold)
    verdicts = [hold("guard", word, have="", need="", sentence="") for word in reasons]
    proposal = replace(decision.proposal, expectation=expectation)
    step = awaited_yes(Hold(proposal, verdicts[0], tuple(verdicts)))
    assert (step is not None) is waits
    if step is not None:
        assert (step.rung, step.action, step.gate) == (0, "service.restart", "web1")
        assert (step.expectation, step.target) == ("digest", NGINX)
        assert (step.ladder, step.ladder_digest) == (proposal.ladder.name, proposal.ladder.digest)
