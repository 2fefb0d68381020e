"""Members that fail alike: one repair first, and none at all of those that run and are only slow."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healer.core import events as ev
from healer.core.alert import Target
from healer.core.decide import Act, Hold, decide
from healer.core.footprint import footprint
from healer.core.incident import Incident, Outcome, State
from healer.core.verdict import Verdict, allow, hold
from tests.healer.core.guarded import acted, broken, opened, said, silence, verdict
from tests.healer.core.world import NOW, World, topology
from tests.healer.tier import tier

OVERLOAD = ("common_cause", "overload")
HELD_BACK = hold("capacity", "capacity", have="-", need="-", sentence="It cannot be spared.")
OTHERS_UNKNOWN = ("common_cause", "others_unknown")


def slow(*nodes: str, **changes) -> World:
    """nginx runs on these nodes and does not serve."""
    world = World(**changes)
    world.slow |= {Target(node, "nginx") for node in nodes}
    world.down |= world.slow
    return world


def held(world: World, number: str = "1") -> Incident:
    """Journal the hold that an incident has now."""
    incident = world.board.incidents[number]
    decision = decide(incident, world.facts(incident), None)
    assert isinstance(decision, Hold)
    world.journal(ev.IncidentHeld(number, decision.hold, decision.verdicts))
    return world.board.incidents[number]


# --- Overload -------------------------------------------------------------------------------


def test_of_members_that_run_and_fail_together_none_is_taken_and_a_person_is_told():
    world = slow("web1", "web2", "web3")
    for number in (1, 2, 3):
        opened(world, f"web{number}/nginx", number)
    for _ in range(2):
        for number in (1, 2, 3):
            held(world, str(number))
    incidents = world.board.open
    assert [verdict(world, one) for one in incidents] == [OVERLOAD] * 3
    # One of them calls a person for all, so that one trouble is one page.
    assert [one.hold is not None and one.hold.calls for one in incidents] == [True, False, False]
    world.now += 7200  # it does not end by waiting
    assert [verdict(world, one) for one in incidents] == [OVERLOAD] * 3


@pytest.mark.parametrize(
    ("first", "calls"),
    [
        (hold("armed", "pre_existing", have="-", need="-", sentence="-"), True),
        (hold("armed", "closed_by_hand", have="-", need="-", sentence="-", passing=True), True),
        (hold("not_stopped", "silenced", have="-", need="-", sentence="-"), True),
        (hold("owner_settled", "owner_settling", have="-", need="-", sentence="-", passing=True), False),
        (hold("common_cause", "overload", have="-", need="-", sentence="-"), False),
        (ev.IncidentEscalated("1", "node_gone", ""), True),
        (ev.IncidentMitigated("1", "drained"), True),
        (ev.IncidentClosed("1", "cleared", ""), True),
    ],
)  # fmt: skip
def test_of_overload_people_hear_though_the_first_one_tells_of_something_else(first, calls: bool):
    world = slow("web1", "web2")
    for number in (1, 2):
        opened(world, f"web{number}/nginx", number)
    held(world, "1")
    if isinstance(first, Verdict):
        first = ev.IncidentHeld("1", first, (first,))
    world.journal(first)
    told = said(world, world.board.incidents["2"], "common_cause")
    assert (told.reason, told.calls) == ("overload", calls)


def test_of_overload_people_hear_though_an_escalation_of_another_trouble_waits_to_give_back():
    world = slow("web1", "web2")
    for number in (1, 2):
        opened(world, f"web{number}/nginx", number)
    overload = held(world, "1").hold
    assert overload is not None
    world.journal(
        ev.IncidentEscalated("1", "node_gone", ""), ev.IncidentHeld("1", overload, (overload,))
    )
    told = said(world, world.board.incidents["2"], "common_cause")
    assert (told.reason, told.calls) == ("overload", True)


def test_of_overload_the_first_one_tells_for_all_once_its_own_repair_has_failed():
    world = slow("web1", "web2")
    for number in (1, 2):
        opened(world, f"web{number}/nginx", number)
    acted(world, "1", ended=Outcome.NOT_VERIFIED)
    assert world.board.incidents["1"].state is State.OPEN
    told = said(world, world.board.incidents["2"], "common_cause")
    assert (told.reason, told.calls) == ("overload", False)


@pytest.mark.parametrize("nameless", [1, 2])
def test_an_alert_that_leaves_its_group_out_fails_alike_all_the_same(nameless):
    world = slow("web1", "web2")
    for number in (1, 2):
        opened(world, f"web{number}/nginx", number, group="" if number == nameless else "web")
    for number in (1, 2):
        held(world, str(number))
    assert verdict(world, world.board.incidents["1"]) == OVERLOAD


def test_one_that_runs_waits_until_it_is_known_that_it_fails_alone():
    world = slow("web1")
    opened(world)
    incident = held(world)
    assert incident.hold is not None
    assert incident.hold.passing
    world.now += 29
    assert verdict(world, incident) == OTHERS_UNKNOWN
    world.now += 1
    assert verdict(world, incident) == ("", "act")


@pytest.mark.parametrize(
    ("numbers", "least"),
    [({"full_look": 4.0}, 10), ({"full_look": 4.0, "owner_settled": 1.0}, 4), ({}, 30)],
)
def test_it_waits_for_a_scrape_and_an_evaluation_and_for_the_owners_time(numbers, least: int):
    world = slow("web1", topology=topology(**numbers))
    incident = opened(world)
    world.now += least - 1
    assert verdict(world, incident) == OTHERS_UNKNOWN
    world.now += 1
    assert verdict(world, incident) == ("", "act")


def test_one_without_companions_does_not_wait():
    world = slow("web1", topology=topology(web=1, floor=0))
    assert verdict(world, opened(world)) == ("", "act")


def test_a_dead_one_does_not_wait():
    world = broken()
    assert verdict(world, opened(world)) == ("", "act")


def test_an_alert_that_begins_anew_is_true_anew():
    world = slow("web1")
    opened(world)
    world.now += 40
    renewed = replace(world.board.incidents["1"].cause, began_at=world.now - 1)
    world.journal(ev.AlertRenewed("1", renewed))
    assert verdict(world, world.board.incidents["1"]) == OTHERS_UNKNOWN


def test_one_that_comes_and_goes_for_long_is_told_to_a_person():
    world = slow("web1")
    opened(world)
    world.now += 600
    renewed = replace(world.board.incidents["1"].cause, began_at=world.now)
    world.journal(ev.AlertRenewed("1", renewed))
    told = said(world, world.board.incidents["1"], "common_cause")
    assert (told.reason, told.passing) == ("others_unknown", False)


def test_a_claim_about_another_that_nobody_could_check_yet_is_waited_for():
    world = slow("web1", "web2")
    incident = opened(world)
    world.now += 30
    opened(world, "web2/nginx", 2)
    assert verdict(world, incident) == OTHERS_UNKNOWN
    held(world, "2")
    assert verdict(world, incident) == OVERLOAD


def test_a_claim_that_came_later_and_is_not_true_keeps_nobody_waiting():
    """Else a stranger who posts alerts about the others keeps this one from its repair."""
    world = slow("web1")
    incident = opened(world)
    world.now += 31
    opened(world, "web2/nginx", 2)
    held(world, "2")
    assert verdict(world, incident) == ("", "act")


@pytest.mark.parametrize(("later", "expected"), [(30, OTHERS_UNKNOWN), (31, ("", "act"))])
def test_a_claim_that_nobody_can_check_is_waited_for_where_it_came_in_the_time_to_wait(
    later: int, expected
):
    world = slow("web1")
    incident = opened(world)
    world.now += later
    opened(world, "web2/nginx", 2)
    blind = hold("still_true", "no_evidence", have="-", need="-", sentence="Nobody can tell.")
    world.journal(ev.IncidentHeld("2", blind, (blind,)))
    assert verdict(world, incident) == expected


def test_a_claim_that_came_later_and_that_a_person_has_keeps_nobody_waiting():
    world = slow("web1")
    incident = opened(world)
    world.now += 31
    opened(world, "web2/nginx", 2)
    world.journal(ev.IncidentEscalated("2", "ladder_exhausted", ""))
    assert verdict(world, incident) == ("", "act")


def test_a_claim_that_was_found_untrue_is_over():
    world = slow("web1")
    incident = opened(world)
    opened(world, "web2/nginx", 2)
    world.journal(ev.IncidentClosed("2", "not_true", ""))
    world.now += 30
    assert verdict(world, incident) == ("", "act")


@pytest.mark.parametrize(
    ("outcome", "age", "expected"),
    [
        ("cleared", 599, OVERLOAD),
        ("cleared", 601, ("", "act")),
        ("healed", 599, ("", "act")),
        ("merged", 599, ("", "act")),
    ],
)
def test_overload_comes_and_goes(outcome: str, age: int, expected):
    """One that recovered by itself a short while ago has failed alike; one that was repaired has not."""
    world = slow("web1", "web2")
    world.now -= age
    opened(world, "web2/nginx", 2, began=world.now)
    held(world, "2")
    world.journal(ev.IncidentClosed("2", outcome, ""))
    world.down.discard(Target("web2", "nginx"))
    world.now = NOW - 40
    incident = opened(world, began=world.now)
    world.now = NOW
    assert verdict(world, incident) == expected


def test_one_that_is_in_a_persons_hands_since_long_is_another_matter():
    world = slow("web1")
    world.down.add(Target("web2", "nginx"))
    world.now -= 4000
    opened(world, "web2/nginx", 2, began=world.now)
    world.journal(ev.IncidentEscalated("2", "ladder_exhausted", ""))
    world.now = NOW
    incident = opened(world)
    world.now += 30
    assert verdict(world, incident) == ("", "act")


@pytest.mark.parametrize(
    ("opened_ago", "began_ago", "expected"),
    [
        (600, 600, OVERLOAD),
        (601, 601, ("", "act")),
        (4000, 4000, ("", "act")),  # held since long, for another reason
        (4000, 5, OVERLOAD),  # and its alert began anew
    ],
)
def test_only_who_failed_within_one_window_fails_together(opened_ago, began_ago, expected):
    world = slow("web1")
    world.down.add(Target("web2", "nginx"))
    world.now = NOW - opened_ago
    silence(world, opened(world, "web2/nginx", 2, began=NOW - began_ago))
    held(world, "2")
    world.now = NOW
    incident = opened(world)
    world.now += 30
    assert verdict(world, incident) == expected


def test_who_joins_an_overload_that_goes_on_since_long_fails_together_with_it():
    world = slow("web1", "web2", "web3")
    world.now = NOW - 3000
    for number in (2, 3):
        opened(world, f"web{number}/nginx", number, began=world.now)
    for number in (2, 3, 2):
        held(world, str(number))
    world.now = NOW
    assert verdict(world, opened(world)) == OVERLOAD


def test_one_that_runs_lets_a_dead_one_go_first_and_waits_for_its_proof():
    world = slow("web1")
    world.down.add(Target("web2", "nginx"))
    opened(world)
    held(world)
    dead = opened(world, "web2/nginx", 2)
    assert verdict(world, dead) == ("", "act")
    acted(world, "2", ended=None)
    assert verdict(world, world.board.incidents["1"]) == ("common_cause", "canary_first")


def test_one_that_slows_down_while_another_is_repaired_waits_for_that_proof_and_calls_nobody():
    world = slow("web1")
    world.down.add(Target("web2", "nginx"))
    opened(world, "web2/nginx", 2)
    acted(world, "2", ended=None)
    world.now += 20
    told = said(world, opened(world, began=world.now), "common_cause")
    assert (told.reason, told.calls) == ("canary_first", False)


def test_a_unit_that_nobody_saw_may_run():
    world = broken("web1/nginx")
    world.down.add(Target("web2", "nginx"))
    incident = opened(world)
    opened(world, "web2/nginx", 2)
    held(world, "2")
    world.gate = "silent"
    assert said(world, incident, "common_cause").reason == "overload"


@pytest.mark.parametrize("state", ["activating", "deactivating"])
def test_one_that_systemd_starts_or_stops_does_not_run(state: str):
    world = broken(unit_state=state)
    assert said(world, opened(world), "common_cause").allowed


@pytest.mark.parametrize("true", [True, False])
def test_one_that_runs_waits_until_a_member_that_is_told_of_late_was_judged(true: bool):
    """A healer that was dead finds both at once, and the evidence of one before that of the other."""
    world = slow("web1")
    incident = opened(world)
    world.now += 40
    world.down |= {Target("web2", "nginx")} if true else set()
    opened(world, "web2/nginx", 2, began=world.now)
    assert verdict(world, incident) == OTHERS_UNKNOWN
    judged = said(world, world.board.incidents["2"], "still_true")
    world.journal(ev.IncidentHeld("2", judged if not true else HELD_BACK, (judged,)))
    assert verdict(world, incident) == (OVERLOAD if true else ("", "act"))


# --- Canary ---------------------------------------------------------------------------------


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
    world.journal(ev.IncidentClosed("1", "healed", ""))
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
    world.journal(ev.IncidentClosed("1", "healed", ""))
    world.now += 30
    world.unit_age = 10.0
    second = opened(world, "web2/nginx", 2, began=NOW + 22)
    assert verdict(world, second) == ("common_cause", "follows_action")


def test_one_that_was_dead_before_the_action_does_not_follow_it_however_late_its_alert():
    world = broken()
    world.down.add(Target("web2", "nginx"))
    opened(world)
    acted(world, "1", ended=Outcome.VERIFIED)
    world.journal(ev.IncidentClosed("1", "healed", ""))
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
    world.journal(ev.IncidentEscalated("1", "ladder_exhausted", ""))
    assert not said(world, second, "common_cause").calls
    world.journal(ev.IncidentClosed("1", "cleared", ""))  # a person found out what it is
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
    world.journal(ev.IncidentClosed("2", outcome, ""))
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
    world.journal(ev.IncidentHeld("1", stopped.hold, stopped.verdicts))
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
    world.journal(ev.IncidentHeld("1", held.hold, held.verdicts))
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
        ev.ActionIntended(
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
        ev.ActionEnded(number, action_id, Outcome.DONE, "drained", "", world.now),
        ev.VerificationEnded(number, action_id, True, False, "proved", ""),
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
    world.journal(ev.IncidentMitigated("1", "lb1 is dead"))
    world.down.add(Target("web2", "nginx"))
    second = opened(world, "web2/nginx", 2)
    assert said(world, world.board.incidents["1"], "common_cause").allowed
    assert said(world, second, "common_cause").reason == "canary_failed"


# --- Whatever happens -----------------------------------------------------------------------

FINE, SLOW, DEAD = "fine", "slow", "dead"
moments = st.tuples(
    st.sampled_from(["web1", "web2", "web3"]),
    st.sampled_from([FINE, SLOW, DEAD]),
    st.sampled_from([0, 2, 10, 40, 700]),
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=200)
@given(st.lists(moments, max_size=25))
def test_no_member_that_runs_is_taken_while_another_is_known_to_fail_alike(history):
    """Whatever breaks and recovers in whatever order, and one action at a time."""
    world = World(topology=topology(cooldown=0.0, flapping=99, budget_node=99, budget_group=99))
    number = 0
    for node, state, pause in history:
        target = Target(node, "nginx")
        world.down -= {target}
        world.slow -= {target}
        world.down |= {target} if state != FINE else set()
        world.slow |= {target} if state == SLOW else set()
        if state != FINE and not any(one.target == target for one in world.board.open):
            number += 1
            opened(world, str(target), number, began=world.now)
        world.now += pause
        for incident in list(world.board.open):
            _step(world, incident)


def _step(world: World, incident: Incident) -> None:
    incident = world.board.incidents[incident.id]
    if incident.state is State.ACTING:
        return
    clear = None if incident.target in world.down else 60.0
    match decide(incident, world.facts(incident), clear):
        case Act():
            others = [one for one in world.board.open if one.id != incident.id]
            assert all(one.state is not State.ACTING for one in others)
            if incident.target in world.slow:
                certain = [one for one in others if one.confirmed and one.target in world.down]
                assert not certain
            acted(world, incident.id, ended=Outcome.VERIFIED)
            world.journal(ev.IncidentClosed(incident.id, "healed", ""))
            world.down -= {incident.target}
            world.slow -= {incident.target}
        case Hold(_, hold, verdicts):
            world.journal(ev.IncidentHeld(incident.id, hold, verdicts))
        case other:
            world.journal(ev.IncidentClosed(incident.id, getattr(other, "outcome", "cleared"), ""))


def waiting(reason: str, *, true: bool, guard: str = "owner_settled") -> ev.IncidentHeld:
    """A hold of incident 1 that ends by itself."""
    evidence = allow("still_true", have="true", need="true")
    held = hold(guard, reason, have="-", need="-", sentence="It waits.", passing=True)
    return ev.IncidentHeld("1", held, (evidence,) if true else ())


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
