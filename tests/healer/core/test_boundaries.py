"""Where each guard's line runs exactly: asked one by one, with one fact changed at a time."""

from dataclasses import replace

import pytest

from healer.core import events as ev
from healer.core.alert import Target
from healer.core.decide import Act, Hold, decide
from healer.core.facts import Evidence, Facts, Health, Proposal, Reading, Running
from healer.core.footprint import Footprint, of_node, of_unit
from healer.core.guards.authority import not_stopped, sees_enough, silenced
from healer.core.guards.cause import common_cause
from healer.core.guards.copies import last_copy, quorum
from healer.core.guards.grounds import armed, known_target, still_true
from healer.core.guards.group import capacity, one_at_a_time, proven_out
from healer.core.guards.limits import attempts, budget
from healer.core.guards.people import approved
from healer.core.guards.witnesses import owner_settled
from healer.core.incident import Approval, Outcome, State
from healer.core.ladder import Mode
from healer.core.look import Heard
from tests.healer.core.guarded import acted, broken, history, opened
from tests.healer.core.world import NOW, World, alert, topology


def asked(world: World, number: str = "") -> tuple[Proposal, Facts]:
    """Return what is proposed for a new incident, or a known one, and the facts for it."""
    incident = world.board.incidents[number] if number else opened(world)
    facts = world.facts(incident)
    decision = decide(incident, facts, None)
    assert isinstance(decision, Hold | Act)
    return decision.proposal, facts


def verb(proposal: Proposal, action: str) -> Proposal:
    return replace(proposal, rung=replace(proposal.rung, action=action))


def evidence(firing: bool | None, age: float | None, value: float | None = 0.0) -> Evidence:
    sampled = None if age is None else NOW - age
    return Evidence(firing, Reading(value, sampled, NOW))


def unit_is(facts: Facts, node: str, **changes: object) -> Facts:
    look = facts.heard(node).look
    assert look is not None
    unit = look.units["nginx.service"]
    assert unit is not None
    units = {**look.units, "nginx.service": replace(unit, **changes)}  # type: ignore[arg-type]
    return replace(facts, gates={**facts.gates, node: Heard(replace(look, units=units))})


def test_a_gate_that_was_not_asked_is_no_silent_one():
    proposal, facts = asked(broken())
    gates = {node: one for node, one in facts.gates.items() if node != "web1"}
    verdict = known_target(proposal, replace(facts, gates=gates))
    assert (verdict.reason, verdict.passing) == ("gate_not_asked", True)
    verdict = known_target(
        proposal, replace(facts, gates={**gates, "web1": Heard(None, "no route")})
    )
    assert verdict.reason == "gate_silent"


# --- still_true -----------------------------------------------------------------------------


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
    proposal, facts = asked(broken(unit_state="active"))
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


# --- known_target and armed -----------------------------------------------------------------


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
        (NOW + 0.1, True, None, False),
        (None, True, "not_armed", True),
        (None, False, "not_armed", True),
    ],
)
def test_what_began_at_arming_or_was_acted_on_is_ours(armed_at, tried, reason, passing):
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
    closed = frozenset({proposal.incident.cause.fingerprint})
    known = replace(facts, standing=replace(facts.standing, by_hand=closed))
    verdict = armed(proposal, known)
    assert (verdict.reason, verdict.passing, verdict.calls) == ("closed_by_hand", True, False)
    adopted = replace(proposal.incident, adopted_by="ann")
    assert armed(replace(proposal, incident=adopted), known).allowed


# --- not_stopped and sees_enough ------------------------------------------------------------


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


@pytest.mark.parametrize(("age", "reason"), [(180.0, None), (180.1, "no_watchdog")])
def test_the_watchdog_may_be_as_old_as_its_number_says(age, reason):
    proposal, facts = asked(broken())
    given = replace(facts, standing=replace(facts.standing, watchdog_age=age))
    assert sees_enough(proposal, given).reason == reason


def test_a_jump_of_the_clock_passes_by_itself():
    proposal, facts = asked(broken())
    given = replace(facts, standing=replace(facts.standing, clock_jumped=True))
    assert sees_enough(proposal, given).passing


# --- capacity, quorum, last_copy, one_at_a_time ---------------------------------------------


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
    world.journal(ev.IncidentClosed("7", "healed", ""))
    proposal, facts = asked(world)
    assert attempts(proposal, facts).reason == "cooldown"
    assert attempts(verb(proposal, "pool.return"), facts).have == "gives back"


# --- common_cause ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("began", "unit_age", "outcome", "reason"),
    [
        (NOW - 50, 60.0, Outcome.VERIFIED, "canary_or_none"),
        (NOW - 50, 40.0, Outcome.VERIFIED, "follows_action"),
        (NOW - 50, 40.0, Outcome.NOT_SENT, "canary_or_none"),
        (NOW - 50, None, Outcome.VERIFIED, "follows_action"),
    ],
)
def test_what_began_after_an_action_on_another_follows_it(began, unit_age, outcome, reason):
    """The action began 55 s ago; since when the unit is down says more than when its alert began."""
    world = broken(topology=topology(cooldown=0.0))
    world.down.add(Target("web2", "nginx"))
    opened(world, "web2/nginx", 2, began=NOW - 100)
    acted(world, "2", ended=outcome, age=55.0)
    if outcome is Outcome.VERIFIED:
        world.journal(ev.IncidentClosed("2", "healed", ""))
    opened(world, began=began)
    proposal, facts = asked(world, "1")
    told = common_cause(proposal, unit_is(facts, "web1", age_seconds=unit_age)).reason
    assert told == reason or (reason == "canary_or_none" and told in (None, "canary_first"))


@pytest.mark.parametrize(
    ("tried_ago", "began_ago", "reason"),
    [
        (600, 50, "follows_action"),
        (601, 50, None),  # too long ago to be the cause
        (50, 50, None),  # it failed at the same moment
        (50.1, 50, "follows_action"),
    ],
)
def test_an_action_on_another_is_the_cause_of_what_began_after_it_within_the_window(
    tried_ago, began_ago, reason
):
    world = broken(topology=topology(cooldown=0.0), unit_age=began_ago)
    opened(world, "web2/nginx", 2, began=NOW - 1000)
    acted(world, "2", ended=Outcome.VERIFIED, age=tried_ago)
    world.journal(ev.IncidentClosed("2", "healed", ""))
    opened(world, began=NOW - began_ago)
    proposal, facts = asked(world, "1")
    assert common_cause(proposal, facts).reason == reason


def test_how_long_a_unit_has_run_says_nothing_of_when_it_began_to_be_slow():
    world = broken(unit_state="active", unit_age=4000.0)
    opened(world, "web2/nginx", 2, began=NOW - 1000)
    acted(world, "2", ended=Outcome.VERIFIED, age=90.0)
    world.journal(ev.IncidentClosed("2", "healed", ""))
    opened(world, began=NOW - 60)
    world.now += 30
    proposal, facts = asked(world, "1")
    assert common_cause(proposal, facts).reason == "follows_action"
    unseen = replace(facts, gates={})
    assert common_cause(proposal, unseen).reason == "follows_action"


@pytest.mark.parametrize(
    ("tried", "reason"),
    [
        ([("service.restart", Outcome.NOT_VERIFIED), ("service.restart", Outcome.VERIFIED)], None),
        ([("service.restart", Outcome.FAILED)], "canary_failed"),
        ([("pool.drain", Outcome.FAILED)], "canary_failed"),
        ([("pool.drain", Outcome.NOT_VERIFIED), ("pool.drain", Outcome.VERIFIED)], None),
        ([("pool.drain", Outcome.VERIFIED), ("pool.return", Outcome.FAILED)], None),
    ],
    ids=str,
)
def test_the_last_repair_says_whether_the_canary_lives_and_where_there_is_none_its_mark(
    tried, reason
):
    world = broken()
    opened(world, "web2/nginx", 2)
    acted(world, "2", ended=Outcome.VERIFIED)
    proposal, facts = asked(world)
    first = facts.alike[0]
    attempts = [
        replace(first.attempts[0], action=action, outcome=outcome) for action, outcome in tried
    ]
    canary = replace(first, attempts=tuple(attempts), state=State.ESCALATED)
    assert common_cause(proposal, replace(facts, alike=(canary,))).reason == reason


def test_what_takes_nothing_away_waits_for_no_canary():
    world = broken()
    world.down.add(Target("web2", "nginx"))
    opened(world, "web2/nginx", 2)
    acted(world, "2", ended=Outcome.NOT_VERIFIED)
    proposal, facts = asked(world)
    assert common_cause(proposal, facts).reason == "canary_failed"
    assert common_cause(verb(proposal, "service.reload"), facts).reason is None


def test_one_of_two_that_runs_waits_until_it_is_known_whether_the_other_fails_too():
    proposal, facts = asked(broken(topology=topology(web=2), unit_state="active"))
    assert common_cause(proposal, facts).reason == "others_unknown"
    alone = replace(proposal.footprint, groups=frozenset({"control"}))
    assert common_cause(replace(proposal, footprint=alone), facts).reason is None
    both = replace(proposal.footprint, groups=frozenset({"control", "web"}))
    assert common_cause(replace(proposal, footprint=both), facts).reason == "others_unknown"


@pytest.mark.parametrize(
    ("action", "state", "reason"),
    [
        ("pool.drain", State.MITIGATED, None),
        ("pool.drain", State.HELD, "canary_failed"),
        ("service.restart", State.MITIGATED, "canary_failed"),
    ],
)
def test_only_a_mark_that_stands_is_completed_whoever_fails_alike(action, state, reason):
    world = broken()
    world.down.add(Target("web2", "nginx"))
    opened(world, "web2/nginx", 2)
    acted(world, "2", ended=Outcome.NOT_VERIFIED)
    proposal, facts = asked(world)
    incident = replace(proposal.incident, state=state)
    assert common_cause(verb(replace(proposal, incident=incident), action), facts).reason == reason


@pytest.mark.parametrize(
    ("state", "passing"),
    [(State.OPEN, True), (State.HELD, True), (State.ESCALATED, True), (State.MITIGATED, False)],
)
def test_who_has_the_failed_canary_is_called_for_all_that_fail_alike(state, passing):
    world = broken()
    world.down.add(Target("web2", "nginx"))
    opened(world, "web2/nginx", 2)
    acted(world, "2", ended=Outcome.NOT_VERIFIED)
    proposal, facts = asked(world)
    canary = replace(facts.alike[0], state=state)
    verdict = common_cause(proposal, replace(facts, alike=(canary,)))
    assert (verdict.reason, verdict.passing) == ("canary_failed", passing)


def test_what_a_person_adopted_comes_before_what_is_older():
    world = broken()
    world.down.add(Target("web2", "nginx"))
    opened(world, "web2/nginx", 2)
    world.now += 5
    proposal, facts = asked(world)
    assert common_cause(proposal, facts).reason == "canary_first"
    adopted = replace(proposal.incident, adopted_by="ann")
    assert common_cause(replace(proposal, incident=adopted), facts).reason is None


# --- owner_settled, budget, attempts --------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"age_seconds": 10.0}, None),
        ({"age_seconds": 9.9}, "owner_settling"),
        ({"age_seconds": None}, "owner_unknown"),
        ({"job": True}, "owner_busy"),
        ({"active_state": "reloading"}, "owner_busy"),
        ({"active_state": "deactivating"}, "owner_busy"),
    ],
)
def test_systemd_has_its_own_time_to_the_second(changes, reason):
    proposal, facts = asked(broken())
    seen = unit_is(facts, "web1", **changes)
    verdict = owner_settled(proposal, seen)
    assert (verdict.reason, verdict.passing) == (
        reason,
        reason in ("owner_busy", "owner_settling"),
    )
    assert verdict.have.endswith(", a job queued") is ("job" in changes)
    # A balancer leaves the member out, whatever systemd does there.
    assert owner_settled(verb(proposal, "pool.drain"), seen).allowed


@pytest.mark.parametrize(("ago", "reason"), [(300.0, None), (299.9, "cooldown")])
def test_a_cooldown_is_over_to_the_second(ago, reason):
    world = broken()
    opened(world, number=7)
    acted(world, "7", ended=Outcome.VERIFIED, age=ago)
    world.journal(ev.IncidentClosed("7", "healed", ""))
    proposal, facts = asked(world)
    assert attempts(proposal, facts).reason == reason


@pytest.mark.parametrize(
    ("began", "ended", "reason"),
    [(400, 299, "cooldown"), (400, 300, None), (299, None, "cooldown"), (300, None, None)],
)
def test_a_cooldown_runs_from_the_end_and_where_nobody_knows_one_from_the_begin(
    began, ended, reason
):
    world = broken()
    opened(world, number=7)
    acted(world, "7", ended=Outcome.VERIFIED)
    world.journal(ev.IncidentClosed("7", "healed", ""))
    proposal, facts = asked(world)
    (past,) = facts.past
    attempt = replace(
        past.attempt,
        began_at=facts.now - began,
        ended_at=None if ended is None else facts.now - ended,
    )
    verdict = attempts(proposal, replace(facts, past=(replace(past, attempt=attempt),)))
    assert (verdict.reason, verdict.passing) == (reason, reason is not None)


@pytest.mark.parametrize(("ago", "reason"), [(1000.0, None), (999.9, "flapping")])
def test_flapping_is_of_one_window_to_the_second(ago, reason):
    world = broken(topology=topology(cooldown=0.0, flapping_window=1000.0))
    history(world, 3, "web1/nginx", Outcome.VERIFIED, ago)
    proposal, facts = asked(world)
    assert attempts(proposal, facts).reason == reason


@pytest.mark.parametrize(
    ("outcomes", "adopted_ago", "reason"),
    [
        ((Outcome.NOT_VERIFIED,) * 3, 5001.0, "poor_record"),
        ((Outcome.NOT_VERIFIED,) * 3, 5000.0, "poor_record"),
        ((Outcome.NOT_VERIFIED,) * 3, 4999.0, None),
        ((Outcome.NOT_VERIFIED, Outcome.VERIFIED, Outcome.NOT_VERIFIED), 5001.0, None),
    ],
)
def test_only_what_failed_each_time_since_a_person_handed_it_over_is_not_tried_again(
    outcomes, adopted_ago, reason
):
    world = broken(topology=topology(flapping=99))
    for number, outcome in enumerate(outcomes, 7):
        opened(world, number=number)
        acted(world, str(number), ended=outcome, age=5000.0)
        world.journal(ev.IncidentClosed(str(number), "cleared", ""))
    proposal, facts = asked(world)
    incident = replace(proposal.incident, adopted_at=NOW - adopted_ago)
    assert attempts(replace(proposal, incident=incident), facts).reason == reason


def test_of_several_earlier_ones_the_newest_cools_down():
    world = broken()
    history(world, 1, "web1/nginx", Outcome.VERIFIED, 5000.0)
    opened(world, number=7)
    acted(world, "7", ended=Outcome.VERIFIED, age=100.0)
    world.journal(ev.IncidentClosed("7", "healed", ""))
    proposal, facts = asked(world)
    assert attempts(proposal, facts).reason == "cooldown"


def test_what_was_given_back_is_not_counted_against_what_comes_after():
    world = broken(topology=topology(budget_cluster=1))
    history(world, 1, "web1/nginx", Outcome.VERIFIED, 1000.0)
    proposal, facts = asked(world)
    assert budget(proposal, facts).reason == "budget"
    (past,) = facts.past
    back = replace(past, attempt=replace(past.attempt, action="pool.return"))
    assert budget(proposal, replace(facts, past=(back,))).reason is None


@pytest.mark.parametrize(("ago", "reason"), [(3600.0, None), (3599.9, "budget")])
def test_a_budget_is_of_one_window_to_the_second(ago, reason):
    world = broken(topology=topology(budget_cluster=1))
    opened(world, "web2/nginx", 7)
    acted(world, "7", ended=Outcome.VERIFIED, age=ago)
    world.journal(ev.IncidentClosed("7", "healed", ""))
    proposal, facts = asked(world)
    assert budget(proposal, facts).reason == reason
    assert budget(verb(proposal, "pool.return"), facts).reason is None


# --- approved -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "action", "approve", "reason"),
    [
        (Mode.ACT, "service.restart", False, None),
        (Mode.ACT, "service.restart", True, "approval_needed"),
        (Mode.APPROVE, "service.restart", False, "approval_needed"),
        (Mode.APPROVE, "pool.return", True, None),  # it was agreed to when the mark was set
        (Mode.EXPLAIN, "pool.return", False, "explain_mode"),
    ],
    ids=str,
)
def test_whom_an_action_has_to_ask(mode, action, approve, reason):
    proposal, facts = asked(broken())
    rung = replace(proposal.rung, action=action, approve=approve)
    assert approved(replace(proposal, mode=mode, rung=rung), facts).reason == reason


@pytest.mark.parametrize(("by_owner", "who"), [(True, "An owner"), (False, "A person")])
def test_it_says_whether_an_owner_has_to_decide(by_owner, who):
    proposal, facts = asked(broken())
    rung = replace(proposal.rung, by_owner=by_owner)
    sentence = approved(replace(proposal, mode=Mode.APPROVE, rung=rung), facts).sentence
    assert sentence.startswith(f"{who} decides here")


def test_a_yes_given_before_anybody_saw_the_state_is_to_nothing():
    proposal, facts = asked(broken(topology=topology(mode=Mode.APPROVE)))
    yes = Approval(
        "restart-service", 0, proposal.target, proposal.expectation, "ann", NOW + 900, NOW
    )
    agreed = replace(proposal, incident=replace(proposal.incident, approvals=(yes,)))
    assert approved(agreed, facts).reason is None
    blind = replace(proposal.incident, approvals=(replace(yes, expectation=""),))
    unseen = replace(proposal, incident=blind, expectation="")
    assert approved(unseen, facts).reason == "approval_needed"
