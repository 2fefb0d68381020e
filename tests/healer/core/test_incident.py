"""The incident table: what is legal, what is not, and what can never happen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healer.core.incident import TRANSITIONS, IllegalMove, Incident, Move, State
from tests.healer.core.world import NOW, alert


def incident(state: State = State.OPEN) -> Incident:
    return Incident("1", alert(), "restart-service", NOW, NOW, "d1", state=state)


def test_an_alert_that_clears_while_the_action_runs_is_not_believed():
    with pytest.raises(IllegalMove, match="incident 1: close is not allowed while acting"):
        incident(State.ACTING).after(Move.CLOSE)


def test_nothing_is_begun_while_something_is_under_way_or_unproved():
    for state in (State.ACTING, State.VERIFYING, State.MITIGATED, State.ESCALATED, State.CLOSED):
        assert Move.BEGIN not in TRANSITIONS[state]


@pytest.mark.parametrize("state", set(State) - {State.CLOSED}, ids=lambda state: state.name)
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
