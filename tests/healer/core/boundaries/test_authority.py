"""Where the guards of authority draw their line: not_stopped, sees_enough."""

from dataclasses import replace

import pytest

from healer.core.alert import Target
from healer.core.guards.authority import not_stopped, sees_enough, silenced
from healer.core.look import Heard
from tests.healer.core.guarded import asked, broken, verb


def test_a_gate_that_was_not_heard_may_be_held():
    proposal, facts = asked(broken())
    silent = replace(facts, gates={})
    verdict = not_stopped(proposal, silent)
    assert (verdict.reason, verdict.have) == ("gate_hold", "the gate was not heard")


def test_a_member_whose_own_gate_is_silent_may_be_drained_through_a_balancer():
    proposal, facts = asked(broken())
    only = replace(facts, gates={"web2": facts.heard("web2"), "web1": Heard(None, "gone")})
    assert not_stopped(replace(proposal, gate="web2"), only).reason is None


def test_a_silence_nearby_stops_only_what_disrupts():
    proposal, facts = asked(broken())
    standing = replace(facts.standing, at_work={Target("web1", "nginx"): "ServiceSlow"})
    near = replace(facts, standing=standing)
    found = silenced(proposal, near)
    assert found is not None
    assert found.reason == "silenced_nearby"
    assert silenced(verb(proposal, "service.reload"), near) is None


@pytest.mark.parametrize(("group", "held"), [("web", True), ("control", False)])
def test_whoever_silenced_what_is_said_of_a_group_is_at_work_on_all_that_it_could_lose(group, held):
    proposal, facts = asked(broken())
    standing = replace(facts.standing, groups_at_work={group: "RedundancyLost"})
    near = replace(facts, standing=standing)
    found = silenced(proposal, near)
    assert (found is not None and found.have == f"RedundancyLost of group {group}") is held
    assert silenced(verb(proposal, "service.reload"), near) is None


@pytest.mark.parametrize(("domain", "held"), [("rack-a", True), ("rack-b", False)])
def test_whoever_silenced_the_loss_of_a_domain_is_at_work_on_all_of_its_nodes(domain, held):
    proposal, facts = asked(broken())
    nodes = {
        name: replace(node, failure_domain="rack-a" if name in ("web1", "web2") else "rack-b")
        for name, node in facts.topology.nodes.items()
    }
    standing = replace(facts.standing, at_work={Target("", domain=domain): "DomainLost"})
    near = replace(facts, standing=standing, topology=replace(facts.topology, nodes=nodes))
    found = silenced(proposal, near)
    assert (found is not None and found.have == f"DomainLost of {domain}") is held


@pytest.mark.parametrize(("age", "reason"), [(180.0, None), (180.1, "no_watchdog")])
def test_the_watchdog_may_be_as_old_as_its_number_says(age, reason):
    proposal, facts = asked(broken())
    given = replace(facts, standing=replace(facts.standing, watchdog_age=age))
    assert sees_enough(proposal, given).reason == reason


def test_a_jump_of_the_clock_passes_by_itself():
    proposal, facts = asked(broken())
    given = replace(facts, standing=replace(facts.standing, clock_jumped=True))
    assert sees_enough(proposal, given).passing
