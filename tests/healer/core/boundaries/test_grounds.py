"""Where the guards of grounds draw their line: known_target, still_true, armed."""

from dataclasses import replace

import pytest

from healer.core.alert import Target
from healer.core.attempt import Outcome
from healer.core.guards.grounds import armed, known_target, still_true
from healer.core.look import Heard
from tests.healer.core.guarded import acted, asked, broken, evidence, opened, unit_is, verb
from tests.healer.core.world import NOW, World, alert, topology


def test_a_gate_that_was_not_asked_is_no_silent_one():
    proposal, facts = asked(broken())
    gates = {node: one for node, one in facts.gates.items() if node != "web1"}
    verdict = known_target(proposal, replace(facts, gates=gates))
    assert (verdict.reason, verdict.passing) == ("gate_not_asked", True)
    verdict = known_target(
        proposal, replace(facts, gates={**gates, "web1": Heard(None, "no route")})
    )
    assert verdict.reason == "gate_silent"


@pytest.mark.parametrize(
    ("given", "reason", "have"),
    [
        (None, "not_clear", "not known to be clear"),
        (evidence(True, 1.0), "not_clear", "sample 1 s old"),
        (evidence(None, 1.0), "not_clear", "sample 1 s old"),
        (evidence(False, None), "not_clear", "no sample"),
        (evidence(False, 60.1), "not_clear", "sample 60 s old"),
        (evidence(False, 60.0), None, "clear, sample 60.0 s old"),
        (evidence(False, 1.0), None, "clear, sample 1.0 s old"),
    ],
)
def test_what_takes_a_mark_back_needs_the_trouble_seen_gone(given, reason, have):
    proposal, facts = asked(broken())
    verdict = still_true(verb(proposal, "pool.return"), replace(facts, evidence=given))
    assert (verdict.reason, verdict.have) == (reason, have)
    assert verdict.passing is (reason is not None)


@pytest.mark.parametrize(
    ("told", "failure", "action", "reason"),
    [
        (True, "disk", "pool.drain", "not_confirmed"),
        (False, "disk", "pool.drain", "no_sample"),
        (None, "disk", "pool.drain", "no_sample"),  # nobody could say
        (False, "oom", "pool.drain", "not_confirmed"),
        (True, "disk", "pool.return", None),
        (False, "disk", "pool.return", "no_sample"),
        (None, "disk", "pool.return", "no_sample"),
    ],
)
def test_hardware_whose_figures_are_gone_is_not_taken_for_well(told, failure, action, reason):
    proposal, facts = asked(World())
    cause = alert(failure=failure)
    proposal = replace(proposal, incident=replace(proposal.incident, cause=cause))
    facts = replace(facts, evidence=evidence(False, 1.0, 1.0), told=told)
    verdict = still_true(verb(proposal, action), facts)
    assert (verdict.reason, verdict.passing) == (reason, reason == "not_confirmed")
    settled = replace(proposal, incident=replace(proposal.incident, settled_by="ann"))
    assert still_true(verb(settled, "pool.return"), facts).allowed  # a person has looked


@pytest.mark.parametrize(
    ("given", "outside", "reason", "passing"),
    [
        (evidence(True, 60.0), None, None, False),
        (evidence(True, 60.1), None, "stale_evidence", False),
        (evidence(True, None), None, "stale_evidence", False),
        (evidence(None, 1.0), None, "no_rule", False),
        (None, None, "no_evidence", False),
        (evidence(False, 1.0), None, "not_confirmed", True),
        (evidence(False, 60.0), None, "not_confirmed", True),
        (evidence(False, 60.1), None, "no_sample", False),
        (evidence(False, None), None, "no_sample", False),
        (evidence(False, 1.0), False, "outside_only", False),
        (evidence(False, 1.0), True, "not_confirmed", True),
    ],
)
def test_only_fresh_positive_evidence_is_a_ground(given, outside, reason, passing):
    proposal, facts = asked(broken(unit_state="active", unit_age=90.0))
    verdict = still_true(proposal, replace(facts, evidence=given, outside=outside))
    assert (verdict.reason, verdict.passing) == (reason, passing)


@pytest.mark.parametrize(
    ("ends", "age", "reason"),
    [
        ([(Outcome.NOT_VERIFIED, 20.0)], 19.9, None),
        ([(Outcome.NOT_VERIFIED, 20.0)], 20.0, "before_last_action"),
        ([(Outcome.NOT_VERIFIED, 40.0), (Outcome.NOT_VERIFIED, 20.0)], 30.0, "before_last_action"),
        ([(Outcome.NOT_VERIFIED, 0.5)], 0.0, None),
        ([(Outcome.NOT_VERIFIED, 40.0), (None, 20.0)], 30.0, None),  # which is not over
        ([(Outcome.NOT_VERIFIED, 40.0), (Outcome.NOT_SENT, 20.0)], 30.0, None),
        ([(Outcome.NOT_VERIFIED, 40.0), (Outcome.REFUSED, 20.0)], 30.0, None),
    ],
)
def test_a_sample_counts_from_the_end_of_the_last_action_that_did_something(ends, age, reason):
    world = broken(topology=topology(cooldown=0.0), unit_state="active")
    proposal, facts = asked(world)
    for outcome, ago in ends:
        acted(world, "1", ended=outcome, age=ago)
    proposal = replace(proposal, incident=world.board.incidents["1"])
    verdict = still_true(proposal, replace(facts, evidence=evidence(True, age)))
    assert (verdict.reason, verdict.passing) == (reason, reason is not None)


@pytest.mark.parametrize(
    ("state", "up_for", "action", "reason"),
    [
        ("active", 10.1, "service.restart", None),
        ("active", 10.0, "service.restart", "before_last_start"),
        ("active", 9.0, "service.reload", "before_last_start"),
        ("active", 9.0, "pool.drain", None),  # the member came up, and that is all that is known
        ("active", None, "service.restart", None),  # owner_settled holds on that
        ("failed", 9.0, "service.restart", None),
    ],
)
def test_a_sample_from_before_the_unit_came_up_is_no_ground_to_touch_it(
    state, up_for, action, reason
):
    proposal, facts = asked(broken(unit_state=state))
    given = unit_is(replace(facts, evidence=evidence(True, 10.0)), "web1", age_seconds=up_for)
    verdict = still_true(verb(proposal, action), given)
    assert (verdict.reason, verdict.passing) == (reason, reason is not None)


@pytest.mark.parametrize(
    ("target", "unit", "reason"),
    [
        (Target("web1", "nginx"), "nginx.service", None),
        (Target(""), "nginx.service", "unknown_target"),
        (Target("web1", "nginx"), "", "unknown_target"),
        (Target("web1", "mysql"), "nginx.service", "unknown_target"),
    ],
)
def test_a_target_needs_a_node_a_service_and_a_unit(target, unit, reason):
    proposal, facts = asked(broken())
    assert known_target(replace(proposal, target=target, unit=unit), facts).reason == reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"boot_id": ""}, "other_gate"),
        ({"cluster": "x"}, "other_gate"),
        ({"node": "web2"}, "other_gate"),
    ],
)
def test_a_gate_answers_with_its_own_name_its_cluster_and_its_boot(changes, reason):
    proposal, facts = asked(broken())
    look = facts.heard("web1").look
    assert look is not None
    other = replace(facts, gates={"web1": Heard(replace(look, **changes))})
    assert known_target(proposal, other).reason == reason


def test_what_takes_nothing_away_may_be_done_on_the_healers_own_node():
    proposal, facts = asked(broken())
    own = replace(facts, topology=replace(facts.topology, own_node="web1"))
    assert known_target(proposal, own).reason == "own_node"
    nothing = replace(proposal.footprint, groups=frozenset())
    assert known_target(replace(proposal, footprint=nothing), own).reason is None


@pytest.mark.parametrize(
    ("armed_at", "tried", "reason", "passing"),
    [
        (NOW, False, None, False),
        (NOW + 0.1, False, "pre_existing", False),
        (NOW + 0.1, True, "pre_existing", False),
        (None, True, "not_armed", True),
        (None, False, "not_armed", True),
    ],
)
def test_what_began_at_arming_is_ours_whatever_was_tried(armed_at, tried, reason, passing):
    world = broken(topology=topology(cooldown=0.0))
    opened(world)
    if tried:
        acted(world, "1", ended=Outcome.NOT_VERIFIED, age=90.0)
    proposal, facts = asked(world, "1")
    given = replace(facts, standing=replace(facts.standing, armed_at=armed_at))
    verdict = armed(proposal, given)
    assert (verdict.reason, verdict.passing) == (reason, passing)


@pytest.mark.parametrize("armed_at", [None, NOW + 60])
def test_a_mark_of_ours_is_taken_back_however_much_older_than_the_arming_its_incident_is(armed_at):
    proposal, facts = asked(broken())
    given = replace(facts, standing=replace(facts.standing, armed_at=armed_at))
    assert not armed(proposal, given).allowed
    assert armed(verb(proposal, "pool.return"), given).allowed


def test_what_a_person_closed_while_it_went_on_is_explained_and_calls_nobody_anew():
    proposal, facts = asked(broken())
    closed = proposal.incident.cause.known_by
    known = replace(facts, standing=replace(facts.standing, by_hand=closed))
    verdict = armed(proposal, known)
    assert (verdict.reason, verdict.passing, verdict.calls) == ("closed_by_hand", True, False)
    # That something was tried makes it nobody's: a cause that a person closed may take such an incident over.
    world = broken()
    opened(world)
    acted(world, "1", ended=Outcome.NOT_VERIFIED, age=90.0)
    tried, _ = asked(world, "1")
    assert tried.incident.attempts
    assert tried.incident.cause.known_by == closed
    assert armed(tried, known).reason == "closed_by_hand"
    adopted = replace(proposal.incident, adopted_by="ann")
    assert armed(replace(proposal, incident=adopted), known).allowed
