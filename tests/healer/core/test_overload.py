"""Members that run and fail together: none is taken, and a person is told."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healer.core import incident_events as ie
from healer.core.alert import Target
from healer.core.attempt import Outcome
from healer.core.decide import decide
from healer.core.decision import Act, Hold
from healer.core.incident import Incident
from healer.core.states import State
from healer.core.verdict import Verdict, hold
from tests.healer.core.guarded import acted, broken, held, opened, said, silence, verdict
from tests.healer.core.world import NOW, World, topology

OVERLOAD = ("common_cause", "overload")
HELD_BACK = hold("capacity", "capacity", have="-", need="-", sentence="It cannot be spared.")
OTHERS_UNKNOWN = ("common_cause", "others_unknown")


def slow(*nodes: str, **changes) -> World:
    """nginx runs on these nodes and does not serve."""
    world = World(**changes)
    world.slow |= {Target(node, "nginx") for node in nodes}
    world.down |= world.slow
    return world


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
        (ie.IncidentEscalated("1", "node_gone", ""), True),
        (ie.IncidentMitigated("1", "drained"), True),
        (ie.IncidentClosed("1", "cleared", ""), True),
    ],
)  # fmt: skip
def test_of_overload_people_hear_though_the_first_one_tells_of_something_else(first, calls: bool):
    world = slow("web1", "web2")
    for number in (1, 2):
        opened(world, f"web{number}/nginx", number)
    held(world, "1")
    if isinstance(first, Verdict):
        first = ie.IncidentHeld("1", first, (first,))
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
        ie.IncidentEscalated("1", "node_gone", ""), ie.IncidentHeld("1", overload, (overload,))
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
    world.journal(ie.AlertRenewed("1", renewed))
    assert verdict(world, world.board.incidents["1"]) == OTHERS_UNKNOWN


def test_one_that_comes_and_goes_for_long_is_told_to_a_person():
    world = slow("web1")
    opened(world)
    world.now += 600
    renewed = replace(world.board.incidents["1"].cause, began_at=world.now)
    world.journal(ie.AlertRenewed("1", renewed))
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
    world.journal(ie.IncidentHeld("2", blind, (blind,)))
    assert verdict(world, incident) == expected


def test_a_claim_that_came_later_and_that_a_person_has_keeps_nobody_waiting():
    world = slow("web1")
    incident = opened(world)
    world.now += 31
    opened(world, "web2/nginx", 2)
    world.journal(ie.IncidentEscalated("2", "ladder_exhausted", ""))
    assert verdict(world, incident) == ("", "act")


def test_a_claim_that_was_found_untrue_is_over():
    world = slow("web1")
    incident = opened(world)
    opened(world, "web2/nginx", 2)
    world.journal(ie.IncidentClosed("2", "not_true", ""))
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
    world.journal(ie.IncidentClosed("2", outcome, ""))
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
    world.journal(ie.IncidentEscalated("2", "ladder_exhausted", ""))
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
    world.journal(ie.IncidentHeld("2", judged if not true else HELD_BACK, (judged,)))
    assert verdict(world, incident) == (OVERLOAD if true else ("", "act"))


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
            world.journal(ie.IncidentClosed(incident.id, "healed", ""))
            world.down -= {incident.target}
            world.slow -= {incident.target}
        case Hold(_, hold, verdicts):
            world.journal(ie.IncidentHeld(incident.id, hold, verdicts))
        case other:
            world.journal(ie.IncidentClosed(incident.id, getattr(other, "outcome", "cleared"), ""))
