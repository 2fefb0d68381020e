"""Where the guards of what is left draw their line: capacity, quorum, last_copy, one_at_a_time."""

from dataclasses import replace

import pytest

from healer.core import incident_events as ie
from healer.core.alert import Target
from healer.core.attempt import Outcome
from healer.core.facts import Facts, Health, Running
from healer.core.footprint import Footprint, of_node, of_unit
from healer.core.guards.copies import last_copy, quorum
from healer.core.guards.group import capacity, one_at_a_time, proven_out
from healer.core.guards.limits import attempts
from tests.healer.core.guarded import acted, asked, broken, evidence, opened, unit_is, verb
from tests.healer.core.world import topology


@pytest.mark.parametrize(
    ("given", "unit", "outside", "out"),
    [
        (evidence(True, 1.0), "failed", None, True),
        (evidence(True, 1.0), "inactive", True, True),
        (evidence(True, 1.0), "active", False, True),
        (evidence(True, 1.0), "active", None, False),
        (evidence(True, 1.0), "active", True, False),
        (evidence(False, 1.0), "failed", False, False),
        (evidence(None, 1.0), "failed", False, False),
        (evidence(True, None, None), "failed", False, False),
        (evidence(True, 60.0), "failed", False, True),
        (evidence(True, 60.1), "failed", False, False),
        (
            evidence(True, 1.0, 17.0),
            "failed",
            None,
            True,
        ),  # what its rung is proved by is another series
        (None, "failed", False, False),
    ],
)
def test_a_member_is_proven_out_by_prometheus_and_one_more_witness(given, unit, outside, out):
    proposal, facts = asked(broken())
    seen = unit_is(replace(facts, evidence=given, outside=outside), "web1", active_state=unit)
    assert proven_out(proposal, seen) == (frozenset({"web"}) if out else frozenset())


@pytest.mark.parametrize("seen", [True, None], ids=["serving", "unknown"])
def test_a_member_that_prometheus_does_not_see_down_is_not_proven_out(seen):
    """The rule is about something else, as how slow it is; one probe from the healer's node found nobody."""
    proposal, facts = asked(broken())
    assert facts.picture is not None
    services = {**facts.picture.services, proposal.target: seen}
    picture = replace(
        facts.picture, services={at: up for at, up in services.items() if up is not None}
    )
    told = replace(facts, evidence=evidence(True, 1.0, 1.0), outside=False, picture=picture)
    assert proven_out(proposal, told) == frozenset()
    assert proven_out(proposal, replace(told, picture=None)) == frozenset()


def test_what_each_group_can_spare_is_said_where_the_action_may_go_on_too():
    proposal, facts = asked(broken())
    assert capacity(proposal, facts).have == "web: 2 of 3, needs 1, proven out of web"


def test_evidence_about_something_else_proves_nobody_out():
    world = broken()
    world.down.add(Target("web1", "app"))
    proposal, facts = asked(world)
    other = replace(proposal, target=Target("web1", "app"))
    assert proven_out(other, facts) == frozenset()
    whole = replace(proposal, target=Target("web1"))
    assert proven_out(whole, facts) == frozenset()


def test_without_a_picture_nobody_serves():
    proposal, facts = asked(broken(unit_state="active"))
    blind = replace(facts, picture=None)
    assert facts.health("web", "web2") is Health.SERVING
    assert blind.health("web", "web2") is Health.UNKNOWN
    assert capacity(proposal, blind).reason == "capacity"


def running(node: str, action: str, facts: Facts) -> Facts:
    target = Target(node, "nginx")
    taken = (
        of_node(node, facts.topology)
        if action == "node.reboot"
        else of_unit(target, (), facts.topology)
    )
    return replace(facts, running=(Running("9", action, target, taken),))


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        ("service.restart", "quorum"),
        ("node.reboot", "quorum"),
        ("service.reload", None),
        ("pool.drain", None),
    ],
)
def test_a_vote_that_is_being_taken_does_not_count(action, reason):
    world = broken()
    groups = {**world.topology.groups, "web": replace(world.topology.groups["web"], votes=True)}
    world.topology = replace(world.topology, groups=groups)
    proposal, facts = asked(world)
    assert quorum(proposal, facts).reason is None
    assert quorum(proposal, running("web2", action, facts)).reason == reason


def test_a_vote_of_another_group_is_none_of_this_one():
    world = broken()
    groups = {**world.topology.groups, "web": replace(world.topology.groups["web"], votes=True)}
    world.topology = replace(world.topology, groups=groups)
    proposal, facts = asked(world)
    taken = replace(
        of_unit(Target("web2", "nginx"), (), facts.topology), groups=frozenset({"other"})
    )
    near = replace(facts, running=(Running("9", "service.restart", Target("web2"), taken),))
    assert quorum(proposal, near).reason is None


def test_a_verb_that_stops_nothing_takes_no_vote_and_no_copy():
    world = broken()
    groups = {**world.topology.groups, "web": replace(world.topology.groups["web"], votes=True)}
    world.topology = replace(world.topology, groups=groups)
    world.down |= {Target("web2", "nginx"), Target("web3", "nginx")}
    proposal, facts = asked(world)
    assert quorum(proposal, facts).reason == "quorum"
    assert quorum(verb(proposal, "pool.drain"), facts).have == "takes no vote"
    assert last_copy(verb(proposal, "service.restart"), facts).have == "takes no node away"


@pytest.mark.parametrize(
    ("node", "out", "reason"),
    [("web1", True, "busy"), ("web2", True, None), ("web2", False, "busy")],
)
def test_beside_another_action_only_a_member_that_is_proven_out_is_repaired(node, out, reason):
    proposal, facts = asked(broken())
    seen = facts if out else unit_is(facts, "web1", active_state="active")
    verdict = one_at_a_time(proposal, running(node, "service.restart", seen))
    assert (verdict.reason, verdict.passing) == (reason, reason is not None)
    assert reason is not None or verdict.have == "target proven out"


def beside(facts: Facts, action: str, taken: Footprint) -> Facts:
    return replace(facts, running=(Running("9", action, Target("web2", "nginx"), taken),))


def test_what_disrupts_nobody_waits_for_nobody_near_and_nobody_for_it():
    proposal, facts = asked(broken(unit_state="active"))
    taken = of_unit(Target("web2", "nginx"), (), facts.topology)
    assert one_at_a_time(proposal, beside(facts, "service.restart", taken)).reason == "busy"
    assert one_at_a_time(proposal, beside(facts, "service.reload", taken)).reason is None
    gentle = verb(proposal, "service.reload")
    assert one_at_a_time(gentle, beside(facts, "service.restart", taken)).reason is None


def test_another_group_in_another_domain_is_not_near():
    proposal, facts = asked(broken(unit_state="active"))
    taken = of_unit(Target("web2", "nginx"), (), facts.topology)
    far = replace(taken, groups=frozenset({"other"}))
    assert one_at_a_time(proposal, beside(facts, "service.restart", far)).reason is None
    here = replace(far, failure_domains=proposal.footprint.failure_domains)
    assert one_at_a_time(proposal, beside(facts, "service.restart", here)).reason == "busy"
    assert one_at_a_time(proposal, beside(facts, "service.restart", far)).have == "nothing near"
    address = replace(proposal, footprint=replace(proposal.footprint, targets=frozenset()))
    assert one_at_a_time(address, beside(facts, "service.restart", far)).reason is None


def test_one_target_in_common_is_enough_to_wait():
    proposal, facts = asked(broken())
    nothing = replace(proposal.footprint, groups=frozenset(), failure_domains=frozenset())
    shared = replace(nothing, targets=frozenset({Target("web1", "nginx"), Target("web2", "other")}))
    assert one_at_a_time(proposal, beside(facts, "service.reload", shared)).reason == "busy"
    whole = replace(proposal, footprint=of_node("web1", facts.topology))
    part = replace(nothing, targets=frozenset({Target("web1", None, "/data"), Target("web2")}))
    assert one_at_a_time(whole, beside(facts, "disk.free", part)).reason == "busy"


def test_only_what_is_taken_of_this_group_is_missing_in_it():
    proposal, facts = asked(broken(unit_state="active", topology=topology(floor=2)))
    taken = of_unit(Target("web2", "nginx"), (), facts.topology)
    assert capacity(proposal, beside(facts, "service.restart", taken)).reason == "capacity"
    other = replace(taken, groups=frozenset({"other"}))
    assert capacity(proposal, beside(facts, "service.restart", other)).reason is None
    nothing = replace(proposal.footprint, groups=frozenset())
    assert capacity(replace(proposal, footprint=nothing), facts).have == "takes nothing away"


def test_giving_back_is_neither_counted_nor_cooled_down():
    world = broken()
    opened(world, number=7)
    acted(world, "7", ended=Outcome.VERIFIED, age=10.0)
    world.journal(ie.IncidentClosed("7", "healed", ""))
    proposal, facts = asked(world)
    assert attempts(proposal, facts).reason == "cooldown"
    assert attempts(verb(proposal, "pool.return"), facts).have == "gives back"
