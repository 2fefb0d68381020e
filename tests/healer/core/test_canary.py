"""Members that fail alike are repaired one after the other, and none once a repair has failed."""

from dataclasses import replace

import pytest

from healer.core import incident_events as ie
from healer.core.alert import Target
from healer.core.attempt import Outcome
from healer.core.decide import decide
from healer.core.decision import Hold
from healer.core.footprint import footprint
from healer.core.states import State
from healer.core.verdict import allow, hold
from tests.healer.core.guarded import acted, broken, opened, said, silence, verdict
from tests.healer.core.world import NOW, World
from tests.healer.tier import tier


def test_members_that_fail_alike_are_repaired_one_after_the_other():
    world = broken()
    world.down.add(Target("web2", "nginx"))
    first, second = opened(world), opened(world, "web2/nginx", 2)
    assert verdict(world, first) == ("", "act")
    assert verdict(world, second) == ("common_cause", "canary_first")
    acted(world, "1", ended=None)
    assert verdict(world, second) == ("common_cause", "canary_first")


def test_the_next_member_follows_when_the_first_repair_was_proved():
    world = broken()
    world.down.add(Target("web2", "nginx"))
    opened(world)
    second = opened(world, "web2/nginx", 2)
    acted(world, "1", ended=Outcome.VERIFIED)
    world.journal(ie.IncidentClosed("1", "healed", ""))
    world.down.discard(Target("web1", "nginx"))
    assert verdict(world, second) == ("", "act")


def test_a_canary_that_died_stops_the_groups_ladder():
    world = broken()
    world.down.add(Target("web2", "nginx"))
    opened(world)
    second = opened(world, "web2/nginx", 2)
    acted(world, "1", ended=Outcome.NOT_VERIFIED)
    assert verdict(world, second) == ("common_cause", "canary_failed")


def test_a_member_that_fails_after_an_action_on_another_is_not_treated_the_same():
    world = broken()
    world.down.add(Target("web2", "nginx"))
    opened(world)
    acted(world, "1", ended=Outcome.VERIFIED)
    world.journal(ie.IncidentClosed("1", "healed", ""))
    world.now += 30
    world.unit_age = 10.0
    second = opened(world, "web2/nginx", 2, began=NOW + 22)
    assert verdict(world, second) == ("common_cause", "follows_action")


def test_one_that_was_dead_before_the_action_does_not_follow_it_however_late_its_alert():
    world = broken()
    world.down.add(Target("web2", "nginx"))
    opened(world)
    acted(world, "1", ended=Outcome.VERIFIED)
    world.journal(ie.IncidentClosed("1", "healed", ""))
    world.now += 15
    world.unit_age = 16.0
    second = opened(world, "web2/nginx", 2, began=NOW + 1)
    assert verdict(world, second) == ("", "act")


def test_the_canary_that_failed_calls_a_person_for_all_that_fail_alike_and_none_is_treated():
    world = broken(unit_age=60.0)
    world.down.add(Target("web2", "nginx"))
    opened(world)
    second = opened(world, "web2/nginx", 2)
    acted(world, "1", ended=Outcome.NOT_VERIFIED)
    world.now += 7200  # it does not end by waiting
    first = said(world, world.board.incidents["1"], "common_cause")
    assert (first.reason, first.calls) == ("canary_failed", True)
    told = said(world, second, "common_cause")
    assert (told.reason, told.calls) == ("canary_failed", False)
    world.journal(ie.IncidentEscalated("1", "ladder_exhausted", ""))
    assert not said(world, second, "common_cause").calls
    world.journal(ie.IncidentClosed("1", "cleared", ""))  # a person found out what it is
    assert said(world, second, "common_cause").allowed


@pytest.mark.parametrize(
    ("tried_ago", "closed_ago", "outcome", "expected"),
    [
        (600, 600, "cleared", ("common_cause", "canary_failed")),
        (601, 601, "cleared", ("", "act")),
        (601, 10, "cleared", ("", "act")),
        # It goes on in another incident, as that of its rack.
        (601, 600, "merged", ("common_cause", "canary_failed")),
        (602, 601, "merged", ("", "act")),
    ],
)
def test_a_repair_that_failed_condemns_the_others_for_one_window_once_its_incident_is_closed(
    tried_ago, closed_ago, outcome, expected
):
    world = broken()
    world.now = NOW - tried_ago
    opened(world, "web2/nginx", 2, began=world.now)
    acted(world, "2", ended=Outcome.NOT_VERIFIED)
    world.now = NOW - closed_ago
    world.journal(ie.IncidentClosed("2", outcome, ""))
    world.now = NOW
    assert verdict(world, opened(world)) == expected


def test_a_member_that_may_never_be_treated_does_not_keep_the_others_waiting():
    world = broken()
    world.down.add(Target("web2", "nginx"))
    opened(world)
    silence(world, world.board.incidents["1"])
    second = opened(world, "web2/nginx", 2)
    assert verdict(world, second) == ("common_cause", "canary_first")
    stopped = decide(world.board.incidents["1"], world.facts(world.board.incidents["1"]), None)
    assert isinstance(stopped, Hold)
    world.journal(ie.IncidentHeld("1", stopped.hold, stopped.verdicts))
    assert verdict(world, second) == ("", "act")


def test_a_refusal_that_speaks_of_the_moment_condemns_neither_repair_nor_group():
    """The gate found the unit changed, since systemd was at it; nothing was touched."""
    world = broken()
    world.down.add(Target("web2", "nginx"))
    opened(world)
    opened(world, "web2/nginx", 2)
    acted(world, "1", ended=Outcome.REFUSED)
    world.now += 10
    assert verdict(world, world.board.incidents["1"]) == ("", "act")


def test_waiting_for_the_canary_calls_nobody():
    world = broken(unit_state="activating")
    world.down.add(Target("web2", "nginx"))
    first = opened(world)
    held = decide(first, world.facts(first), None)
    assert isinstance(held, Hold)
    world.journal(ie.IncidentHeld("1", held.hold, held.verdicts))
    second = opened(world, "web2/nginx", 2)
    decision = decide(second, world.facts(second), None)
    assert isinstance(decision, Hold)
    words = [(one.reason, one.passing) for one in decision.verdicts if one.guard == "common_cause"]
    assert words == [("canary_first", True)]


def test_out_of_harms_way_is_not_repaired():
    world = broken()
    world.down.add(Target("web2", "nginx"))
    opened(world)
    second = opened(world, "web2/nginx", 2)
    acted(world, "1", ended=Outcome.VERIFIED)
    world.board.incidents["1"] = replace(world.board.incidents["1"], state=State.MITIGATED)
    assert verdict(world, second) == ("common_cause", "canary_failed")


def drained(world: World, number: str, gate: str) -> None:
    """Journal that a member was taken out on one balancer, and that this was proved."""
    incident = world.board.incidents[number]
    target, action_id = incident.target, f"1.1.{world.seq}"
    world.journal(
        ie.ActionIntended(
            incident=number,
            action_id=action_id,
            ladder=incident.ladder,
            rung=1,
            action="pool.drain",
            target=target,
            about=target,
            gate=gate,
            args=(("member", target.node), ("owner", incident.owner), ("pool", "web")),
            footprint=footprint("pool.drain", target, (), world.topology),
            ledger_id="ledger-1",
            expect="{}",
            deadline_at=world.now + 30,
            verdicts=(),
        ),
        ie.ActionEnded(number, action_id, Outcome.DONE, "drained", "", world.now),
        ie.VerificationEnded(number, action_id, True, False, "proved", ""),
    )


def test_a_drain_of_the_canary_does_not_make_its_repair_good():
    world = broken(topology=tier(common_cause_window=600.0))
    world.down.add(Target("web2", "nginx"))
    opened(world)
    second = opened(world, "web2/nginx", 2)
    acted(world, "1", ended=Outcome.NOT_VERIFIED, age=20)
    drained(world, "1", "lb1")
    assert said(world, second, "common_cause").reason == "canary_failed"


def test_a_member_that_is_out_of_harms_way_goes_out_on_a_balancer_that_returns_whoever_fails_alike():
    world = broken(topology=tier())
    opened(world)
    acted(world, "1", ended=Outcome.NOT_VERIFIED, age=20)
    drained(world, "1", "lb2")
    world.journal(ie.IncidentMitigated("1", "lb1 is dead"))
    world.down.add(Target("web2", "nginx"))
    second = opened(world, "web2/nginx", 2)
    assert said(world, world.board.incidents["1"], "common_cause").allowed
    assert said(world, second, "common_cause").reason == "canary_failed"


def waiting(reason: str, *, true: bool, guard: str = "owner_settled") -> ie.IncidentHeld:
    """A hold of incident 1 that ends by itself."""
    evidence = allow("still_true", have="true", need="true")
    held = hold(guard, reason, have="-", need="-", sentence="It waits.", passing=True)
    return ie.IncidentHeld("1", held, (evidence,) if true else ())


@pytest.mark.parametrize(
    ("reason", "true", "ahead"),
    [
        ("owner_settling", True, True),
        ("owner_settling", False, False),  # a claim that nobody ever found true
        ("not_confirmed", True, False),
        ("no_sample", True, False),
    ],
)
def test_only_what_was_found_true_and_still_is_comes_before_others(reason, true, ahead):
    world = broken()
    world.down.add(Target("web2", "nginx"))
    opened(world)
    world.journal(waiting(reason, true=true))
    second = opened(world, "web2/nginx", 2)
    assert verdict(world, second)[1] == ("canary_first" if ahead else "act")


def test_one_that_waits_for_ever_lets_the_next_go_first_after_the_window_of_a_common_cause():
    world = broken()
    world.down.add(Target("web2", "nginx"))
    opened(world)
    world.journal(waiting("owner_settling", true=True))
    second = opened(world, "web2/nginx", 2)
    world.now += world.topology.numbers.common_cause_window - 1
    assert verdict(world, second) == ("common_cause", "canary_first")
    world.now += 1
    assert verdict(world, second) == ("", "act")
    acted(world, "2", ended=None)  # and then the first waits for its proof
    assert verdict(world, world.board.incidents["1"]) == ("common_cause", "canary_first")
