"""Where common_cause draws its line."""

from dataclasses import replace

import pytest

from healer.core import incident_events as ie
from healer.core.alert import Target
from healer.core.attempt import Outcome
from healer.core.guards.cause import common_cause
from healer.core.incident import Incident
from healer.core.states import State
from tests.healer.core.guarded import acted, asked, broken, opened, unit_is, verb
from tests.healer.core.world import NOW, topology

HOUR = 3600.0


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
        world.journal(ie.IncidentClosed("2", "healed", ""))
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
    world.journal(ie.IncidentClosed("2", "healed", ""))
    opened(world, began=NOW - began_ago)
    proposal, facts = asked(world, "1")
    assert common_cause(proposal, facts).reason == reason


def test_how_long_a_unit_has_run_says_nothing_of_when_it_began_to_be_slow():
    world = broken(unit_state="active", unit_age=4000.0)
    opened(world, "web2/nginx", 2, began=NOW - 1000)
    acted(world, "2", ended=Outcome.VERIFIED, age=90.0)
    world.journal(ie.IncidentClosed("2", "healed", ""))
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


def an_hour_ahead(incident: Incident) -> Incident:
    """The same incident, as a machine has it whose clock shows an hour too much."""
    cause = replace(incident.cause, began_at=incident.cause.began_at + HOUR)
    opened_at = incident.opened_at + HOUR
    return replace(incident, cause=cause, opened_at=opened_at, opened_ahead=HOUR)


def test_who_failed_long_before_fails_not_together_whatever_the_clock_shows():
    world = broken(unit_state="active")
    world.now = NOW - 4000
    opened(world, "web2/nginx", 2, began=world.now)
    world.journal(ie.IncidentEscalated("2", "ladder_exhausted", ""))
    world.now = NOW
    proposal, facts = asked(world)
    other = an_hour_ahead(replace(facts.alike[0], confirmed=True))
    later = replace(facts, now=NOW + 40 + HOUR, ahead=HOUR, alike=(other,))
    incident = an_hour_ahead(proposal.incident)
    assert common_cause(replace(proposal, incident=incident), later).reason is None


def test_who_was_slow_before_an_action_on_another_does_not_follow_it_whatever_the_clock_shows():
    world = broken(unit_state="active", topology=topology(cooldown=0.0))
    opened(world, "web2/nginx", 2, began=NOW - 100)
    acted(world, "2", ended=Outcome.VERIFIED, age=50.0)
    world.journal(ie.IncidentClosed("2", "healed", ""))
    opened(world, began=NOW - 60)
    proposal, facts = asked(world, "1")
    later = replace(facts, now=NOW + 40 + HOUR, ahead=HOUR)
    incident = an_hour_ahead(proposal.incident)
    assert common_cause(replace(proposal, incident=incident), later).reason is None
