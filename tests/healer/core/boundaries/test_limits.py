"""Where the guards of numbers and of people draw their line: owner_settled, budget, attempts, approved."""

from dataclasses import replace

import pytest

from healer.core import incident_events as ie
from healer.core.attempt import Outcome
from healer.core.guards.limits import attempts, budget
from healer.core.guards.people import approved
from healer.core.guards.witnesses import owner_settled
from healer.core.incident import Approval
from healer.core.ladder import Mode
from tests.healer.core.guarded import acted, asked, broken, history, opened, unit_is, verb
from tests.healer.core.world import NOW, topology


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
    world.journal(ie.IncidentClosed("7", "healed", ""))
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
    world.journal(ie.IncidentClosed("7", "healed", ""))
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
        world.journal(ie.IncidentClosed(str(number), "cleared", ""))
    proposal, facts = asked(world)
    incident = replace(proposal.incident, adopted_at=NOW - adopted_ago)
    assert attempts(replace(proposal, incident=incident), facts).reason == reason


def test_of_several_earlier_ones_the_newest_cools_down():
    world = broken()
    history(world, 1, "web1/nginx", Outcome.VERIFIED, 5000.0)
    opened(world, number=7)
    acted(world, "7", ended=Outcome.VERIFIED, age=100.0)
    world.journal(ie.IncidentClosed("7", "healed", ""))
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
    world.journal(ie.IncidentClosed("7", "healed", ""))
    proposal, facts = asked(world)
    assert budget(proposal, facts).reason == reason
    assert budget(verb(proposal, "pool.return"), facts).reason is None


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
