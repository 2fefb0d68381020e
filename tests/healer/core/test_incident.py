"""The incident table: what is legal, what is not, and what can never happen."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healer.core.actions import Step
from healer.core.alert import Target
from healer.core.attempt import Attempt, Outcome
from healer.core.incident import (
    CATCH_UP_AFTER,
    DENIED,
    EXPLAINED,
    EXPLAINED_AFTER,
    FOR_A_PERSON,
    NOT_RETURNED,
    Asked,
    Incident,
)
from healer.core.ladder import Ladder, Mode
from healer.core.states import TRANSITIONS, IllegalMove, Move, State
from healer.core.verdict import hold
from tests.healer.core.test_verification import ENDED
from tests.healer.core.world import CALL, NOW, RESTART, alert

LADDER = Ladder("restart-service", Mode.ACT, (RESTART, CALL))
ARGS = (("member", "web1"), ("owner", "me"), ("pool", "web"))
DRAINED = replace(ENDED, action="pool.drain", gate="lb1", args=ARGS, outcome=Outcome.VERIFIED)
RETURNED = replace(DRAINED, action="pool.return")


def incident(state: State = State.OPEN) -> Incident:
    return Incident("1", alert(), "restart-service", NOW, NOW, "d1", state=state)


def test_an_alert_that_clears_while_the_action_runs_is_not_believed():
    with pytest.raises(IllegalMove, match="incident 1: close is not allowed while acting"):
        incident(State.ACTING).after(Move.CLOSE)


def test_nothing_is_begun_while_something_is_under_way_or_unproved():
    for state in (State.ACTING, State.VERIFYING, State.MITIGATED, State.ESCALATED, State.CLOSED):
        assert Move.BEGIN not in TRANSITIONS[state]


@pytest.mark.parametrize(
    "state", [one for one in State if one is not State.CLOSED], ids=lambda state: state.name
)
def test_every_open_state_leads_to_an_end(state):
    reached, todo = set(), {state}
    while todo:
        here = todo.pop()
        reached.add(here)
        todo |= set(TRANSITIONS[here].values()) - reached
    assert State.CLOSED in reached


def test_what_is_over_stays_over():
    assert TRANSITIONS[State.CLOSED] == {}


@given(st.lists(st.sampled_from(Move)))
def test_no_history_has_two_actions_under_way(moves):
    state, under_way = State.OPEN, 0
    for move in moves:
        if move not in TRANSITIONS[state]:
            continue
        state = TRANSITIONS[state][move]
        under_way += move in (Move.BEGIN, Move.MARK)
        under_way -= move in (Move.END, Move.RETRY) and under_way > 0
        assert under_way <= 1


# --- Whom it concerns -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "escalation", "marked", "calls"),
    [
        (State.ESCALATED, "ladder_exhausted", False, True),
        (State.ESCALATED, FOR_A_PERSON, False, False),  # their own alert has reached them
        (State.OPEN, "ladder_exhausted", False, False),
        (State.ESCALATED, NOT_RETURNED, True, True),
        (State.OPEN, NOT_RETURNED, True, True),  # it is tried again, and they are not called off
        (State.ACTING, NOT_RETURNED, True, True),
        (State.VERIFYING, NOT_RETURNED, True, True),
        (State.HELD, NOT_RETURNED, True, False),
        (State.CLOSED, NOT_RETURNED, True, False),
        (State.ESCALATED, NOT_RETURNED, False, False),  # it is back by now
    ],
)
def test_a_person_is_called_for_what_we_could_not_help(
    state: State, escalation: str, marked: bool, calls: bool
) -> None:
    attempts = (DRAINED,) if marked else ()
    assert replace(incident(state), escalation=escalation, attempts=attempts).calls is calls


@pytest.mark.parametrize(
    ("state", "reason", "passing", "after", "told"),
    [
        (State.HELD, "capacity", False, 0.0, True),
        (State.HELD, "capacity", True, 1000.0, False),
        (State.OPEN, "capacity", False, 1000.0, False),
        (State.HELD, None, False, 1000.0, False),
        (State.HELD, EXPLAINED, False, EXPLAINED_AFTER - 0.1, False),
        (State.HELD, EXPLAINED, False, EXPLAINED_AFTER, True),
        (State.HELD, EXPLAINED, False, -EXPLAINED_AFTER, True),  # whatever the clock did
        (State.HELD, "not_replica", False, CATCH_UP_AFTER - 0.1, False),
        (State.HELD, "not_replica", False, CATCH_UP_AFTER, True),
    ],
)
def test_people_hear_of_a_hold_that_calls_them_once_it_has_lasted(
    state: State, reason: str | None, passing: bool, after: float, told: bool
) -> None:
    held = hold("guard", reason or "", have=0, need=1, sentence="It is.", passing=passing)
    one = replace(incident(state), hold=held if reason else None, called_at=NOW)
    assert one.holds(NOW + after) is told


@pytest.mark.parametrize(
    ("state", "why", "tried", "may"),
    [
        (State.ESCALATED, "ladder_exhausted", 1, True),
        (State.ESCALATED, "ladder_exhausted", 0, False),  # nothing failed
        (State.ESCALATED, DENIED, 1, False),
        (State.ESCALATED, FOR_A_PERSON, 1, False),
        (State.HELD, "poor_record", 1, True),
        (State.HELD, "canary_failed", 1, True),
        (State.HELD, "budget", 1, False),  # it ends by itself
        (State.HELD, "", 1, False),
        (State.MITIGATED, "", 1, True),
        (State.OPEN, "", 1, False),
        (State.CLOSED, "", 1, False),
    ],
)
def test_a_person_may_have_tried_again_what_failed(
    state: State, why: str, tried: int, may: bool
) -> None:
    held = hold("guard", why, have=0, need=1, sentence="") if state is State.HELD and why else None
    one = replace(incident(state), escalation=why, hold=held, attempts=(ENDED,) * tried)
    assert one.retryable is may
    assert replace(one, adopted_after=tried).retryable is False


# --- What was tried -------------------------------------------------------------------------


def test_a_mark_stands_until_the_same_one_is_taken_back_at_the_same_gate() -> None:
    other_gate, other_pool = replace(DRAINED, gate="lb2"), replace(DRAINED, args=(("pool", "b"),))
    one = replace(incident(), attempts=(DRAINED, other_gate, other_pool, ENDED))
    assert one.marks == (DRAINED, other_gate, other_pool)
    assert replace(one, attempts=(*one.attempts, RETURNED)).marks == (other_gate, other_pool)
    again = replace(DRAINED, action_id="1.1.9")
    assert replace(one, attempts=(DRAINED, RETURNED, again)).marks == (again,)


@pytest.mark.parametrize(
    ("first", "second", "stands"),
    [
        (Outcome.REFUSED, None, False),
        (Outcome.NOT_SENT, None, False),
        (Outcome.UNKNOWN, None, True),  # it may be there
        (Outcome.FAILED, None, True),
        (Outcome.DONE, Outcome.DONE, False),
        (Outcome.DONE, Outcome.VERIFIED, False),
        (Outcome.DONE, Outcome.UNKNOWN, True),
        (Outcome.DONE, Outcome.FAILED, True),
        (Outcome.DONE, Outcome.NOT_VERIFIED, True),
    ],
)
def test_what_may_have_been_set_stands_until_it_is_known_to_be_back(
    first: Outcome, second: Outcome | None, stands: bool
) -> None:
    tried = [replace(DRAINED, outcome=first)]
    tried += [replace(RETURNED, outcome=second)] if second else []
    assert bool(replace(incident(), attempts=tuple(tried)).marks) is stands


STEP = Step(ENDED.gate, ENDED.args, "nginx.service")


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ({}, True),
        ({"ladder_digest": LADDER.digest}, True),
        ({"rung": 1}, False),  # another rung of this ladder
        ({"action": "service.reload"}, False),
        ({"gate": "web2"}, False),
        ({"args": ()}, False),
        ({"ladder": "earlier", "rung": 5}, True),  # the same on the same, whoever asked for it
        ({"ladder_digest": "older", "rung": 5}, True),
        ({"ladder": "earlier", "action": "service.reload"}, False),
        ({"ladder": "earlier", "target": Target("web1", "app")}, False),
        ({"outcome": Outcome.NOT_SENT}, False),
        ({"outcome": Outcome.REFUSED, "reason": "busy"}, False),  # a bad moment
        ({"outcome": Outcome.REFUSED, "reason": "not_allowed"}, True),
        ({"outcome": Outcome.UNKNOWN}, True),
        ({"outcome": None}, True),
    ],
)
def test_no_change_of_ladder_gives_a_step_another_set_of_tries(
    change: dict[str, object], counts: bool
) -> None:
    tried: Attempt = replace(ENDED, **change)  # type: ignore[arg-type]
    one = replace(incident(), attempts=(tried,))
    assert one.tries(LADDER, 0, RESTART.action, ENDED.target, STEP) == counts
    same = tried.action == RESTART.action and (tried.gate, tried.args) == (STEP.gate, STEP.args)
    assert one.last_of(RESTART.action, STEP) == (tried if same and tried.touched else None)
    assert replace(one, adopted_after=1).tries(LADDER, 0, RESTART.action, ENDED.target, STEP) == 0


@pytest.mark.parametrize(
    ("outcome", "reason", "for_good"),
    [
        (Outcome.REFUSED, "not_allowed", True),
        (Outcome.REFUSED, "busy", False),
        (Outcome.FAILED, "not_allowed", False),
    ],
)
def test_a_gate_refuses_for_good_for_what_the_target_is(
    outcome: Outcome, reason: str, for_good: bool
) -> None:
    assert replace(ENDED, outcome=outcome, reason=reason).refused_for_good is for_good


def test_what_lies_how_long_ago_is_told_as_if_no_clock_had_been_set() -> None:
    one = replace(ENDED, began_ahead=3600.0, ended_ahead=-60.0)
    assert (one.began, one.ended) == (NOW - 5 - 3600, NOW + 60)
    assert one.over == one.ended
    running = replace(one, ended_at=None)
    assert (running.ended, running.over) == (None, one.began)
    assert replace(incident(), opened_ahead=3600.0).opened == NOW - 3600


def test_the_newest_try_is_the_last_and_runs_as_long_as_nobody_knows_its_end() -> None:
    running = replace(ENDED, action_id="1.1.2", outcome=None)
    one = replace(incident(), attempts=(ENDED, running))
    assert one.last_of(RESTART.action, STEP) == running
    assert one.running == running
    assert replace(one, attempts=(running, ENDED)).running is None
    assert incident().running is None


def test_its_marks_are_its_own_beyond_one_journals_life() -> None:
    assert incident().owner == f"incident:{NOW:.0f}.1"
    assert replace(incident(), opened_at=NOW + 1).owner != incident().owner


def test_the_same_step_is_asked_for_anew_where_only_the_state_is_another() -> None:
    asked = Asked("restart-service", "digest", 0, "service.restart", ENDED.target, "web1", "state")
    assert asked.same_step(replace(asked, expectation="other"))
    assert not asked.same_step(replace(asked, rung=1))
    assert not asked.same_step(replace(asked, ladder_digest="other"))


@pytest.mark.parametrize(
    "change",
    [
        {"state": State.HELD},
        {"cause": alert("ServiceSlow")},
        {"ladder": "other"},
        {"attempts": (ENDED,)},
        {"adopted_at": NOW},
        {"settled_by": "ann"},
    ],
)
def test_what_a_decision_rests_on_changes_with_it(change: dict[str, object]) -> None:
    assert replace(incident(), **change).grounds != incident().grounds  # type: ignore[arg-type]
    assert replace(incident(), hold=None, called_at=NOW).grounds == incident().grounds
