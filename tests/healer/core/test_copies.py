"""A majority of those who vote, and a last good copy, are never taken away."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healer.core.alert import Target
from healer.core.decide import decide
from healer.core.decision import Act, Hold
from healer.core.guards.copies import stops
from healer.core.guards.witnesses import two_witnesses
from healer.core.ladder import Ladder, Mode, Rung
from healer.core.look import Heard
from healer.core.picture import NodeHealth
from healer.core.topology import Group, Stores
from tests.healer.core.guarded import acted, broken, opened, said, verdict
from tests.healer.core.world import VERIFY, World, topology


def voting(voters: int = 3, **changes) -> World:
    """web1 is broken, and its group votes."""
    made = topology(web=voters)
    groups = {**made.groups, "web": replace(made.groups["web"], votes=True)}
    ladders = {**made.ladders, "reboot-node": _one_rung("node.reboot")}
    return broken(topology=replace(made, groups=groups, ladders=ladders), **changes)


def _one_rung(action: str) -> Ladder:
    rung = Rung(action, None, False, 300.0, VERIFY, attempts=1, wait_seconds=0.0)
    return Ladder("reboot-node", Mode.ACT, (rung,))


# --- quorum ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("voters", "others_down", "allowed"),
    [
        (3, 0, True),
        (3, 1, False),
        (4, 0, True),
        (4, 1, False),
        (5, 1, True),
        (5, 2, False),
        (1, 0, False),
    ],
)
def test_more_than_half_of_all_voters_have_to_go_on(voters: int, others_down: int, allowed: bool):
    world = voting(voters)
    world.down |= {Target(f"web{number + 2}", "nginx") for number in range(others_down)}
    assert said(world, opened(world), "quorum").allowed is allowed


def test_a_voter_of_which_nothing_is_known_counts_as_down():
    world = voting()
    world.unknown = {"web3"}
    told = said(world, opened(world), "quorum")
    assert (told.reason, told.have, told.need) == (
        "quorum",
        "1 of 3 voters left in web",
        "2 left in web",
    )


def test_a_target_that_votes_no_more_relaxes_nothing():
    """Its group's capacity it does: it may be repaired below the floor, but not without a majority."""
    world = voting()
    world.down |= {Target("web2", "nginx"), Target("web1", "app"), Target("web2", "app")}
    incident = opened(world)
    assert said(world, incident, "capacity").allowed
    assert verdict(world, incident) == ("quorum", "quorum")


def test_what_is_being_stopped_elsewhere_is_no_vote():
    world = voting(5)
    world.down.add(Target("web5", "nginx"))
    incident = opened(world)
    assert said(world, incident, "quorum").have == "web: 3 of 5"
    opened(world, at="web2/app", number=2)
    acted(world, "2", ended=None)
    assert said(world, incident, "quorum").reason == "quorum"


def test_a_verb_on_the_whole_node_takes_its_vote_too():
    world = voting()
    world.down |= {Target("web1"), Target("web2", "nginx")}
    incident = opened(world, at="web1", name="NodeUnwell", heal="reboot-node")
    assert said(world, incident, "quorum").reason == "quorum"


def test_a_group_that_does_not_vote_has_no_majority_to_lose():
    world = broken()
    world.down |= {Target("web2", "nginx"), Target("web3", "nginx")}
    assert said(world, opened(world), "quorum").have == "takes no vote"


@pytest.mark.parametrize(
    "verb", ["pool.drain", "address.decline", "disk.free", "service.reload", "pool.return"]
)
def test_who_is_only_left_out_still_votes(verb: str):
    assert not stops(verb)


SERVES, IS_DOWN, IS_UNKNOWN = "serves", "down", "unknown"


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.sampled_from([SERVES, IS_DOWN, IS_UNKNOWN]), max_size=8))
def test_whatever_the_others_do_the_majority_is_never_given_away(others: list[str]):
    world = voting(len(others) + 1)
    for number, state in enumerate(others, 2):
        if state == IS_DOWN:
            world.down.add(Target(f"web{number}", "app"))
        elif state == IS_UNKNOWN:
            world.unknown.add(f"web{number}")
    told = said(world, opened(world), "quorum")
    assert told.allowed is (others.count(SERVES) * 2 > len(others) + 1)


# --- last_copy ------------------------------------------------------------------------------


def storing(stores: Stores | None, at: str = "web1") -> World:
    """web1 keeps something, and the node is to be rebooted."""
    made = topology()
    groups = {**made.groups, "db": Group("db", (at,), 0, control=False, mode=Mode.ACT)}
    ladders = {**made.ladders, "reboot-node": _one_rung("node.reboot")}
    keeper = replace(made.services["app"], name="pg", unit="pg.service", group="db", stores=stores)
    services = {**made.services, "pg": keeper}
    world = World(topology=replace(made, groups=groups, services=services, ladders=ladders))
    world.down.add(Target("web1"))
    return world


@pytest.mark.parametrize("stores", list(Stores))
def test_a_node_that_stores_something_is_not_taken_away(stores: Stores):
    world = storing(stores)
    incident = opened(world, at="web1", name="NodeUnwell", heal="reboot-node")
    told = said(world, incident, "last_copy")
    assert told.reason == "last_copy"
    assert told.have.startswith("pg on web1, ")


@pytest.mark.parametrize(("stores", "at"), [(None, "web1"), (Stores.DATABASE, "web2")])
def test_a_node_that_stores_nothing_may_be(stores: Stores | None, at: str):
    world = storing(stores, at)
    incident = opened(world, at="web1", name="NodeUnwell", heal="reboot-node")
    assert said(world, incident, "last_copy").allowed


def test_a_restart_of_what_stores_takes_no_copy_away():
    world = storing(Stores.DATABASE)
    world.down = {Target("web1", "pg")}
    assert said(world, opened(world, at="web1/pg"), "last_copy").have == "takes no node away"


# --- two_witnesses --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "dark", "reason"),
    [
        ("node.reboot", False, None),
        ("service.restart", False, None),
        ("node.fence", False, "one_witness"),
    ],
)
def test_only_who_takes_a_node_for_dead_needs_two_witnesses(verb, dark, reason):
    world = storing(None)
    ladders = {**world.topology.ladders, "reboot-node": _one_rung(verb)}
    world.topology = replace(world.topology, ladders=ladders, fencing={"web1": ("web2",)})
    at = "web1/nginx" if verb.startswith("service.") else "web1"
    incident = opened(world, at=at, name="NodeUnwell", heal="reboot-node")
    assert said(world, incident, "two_witnesses").reason == reason


SILENT_GATE, BUSY_GATE = Heard(None, "no route to host"), Heard(None, "busy with 1.1.1", busy=True)


@pytest.mark.parametrize(
    ("health", "gate", "reason"),
    [
        (NodeHealth(scraped=False, reached=False), SILENT_GATE, None),
        (NodeHealth(scraped=True, reached=False), SILENT_GATE, "one_witness"),
        (NodeHealth(scraped=False, reached=True), SILENT_GATE, "one_witness"),
        (NodeHealth(scraped=None, reached=False), SILENT_GATE, "one_witness"),
        (NodeHealth(scraped=False, reached=None), SILENT_GATE, "one_witness"),
        (NodeHealth(scraped=False, reached=False), BUSY_GATE, "one_witness"),
        (NodeHealth(scraped=False, reached=False), None, "one_witness"),
        (None, SILENT_GATE, "one_witness"),
    ],
    ids=str,
)
def test_a_node_is_dead_only_where_scrape_peers_and_gate_all_miss_it(health, gate, reason):
    world = storing(None)
    incident = opened(world, at="web1", name="NodeUnwell", heal="reboot-node")
    facts = world.facts(incident)
    decision = decide(incident, facts, None)
    assert isinstance(decision, Hold | Act)
    rung = replace(decision.proposal.rung, action="node.fence")
    assert facts.picture is not None
    nodes = {**facts.picture.nodes}
    nodes.pop("web1")
    nodes |= {"web1": health} if health is not None else {}
    seen = replace(facts, picture=replace(facts.picture, nodes=nodes))
    if gate is not None:
        seen = replace(seen, gates={**facts.gates, "web1": gate})
    proposal = replace(decision.proposal, rung=rung)
    assert two_witnesses(proposal, seen).reason == reason
    words = {True: "sees it", False: "misses it", None: "unknown"}
    scraped, reached = (health.scraped, health.reached) if health is not None else (None, None)
    told = f"scrape {words[scraped]}, peers {words[reached]}, gate "
    assert two_witnesses(proposal, seen).have.startswith(told)
    assert two_witnesses(proposal, replace(seen, picture=None)).reason == "one_witness"
