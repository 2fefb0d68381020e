"""An upkeep and a roll move only as their tables say, whatever comes; and every life can end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healer.core import upkeep
from healer.core.attempt import Outcome
from healer.core.roll import TRANSITIONS as ROLLS
from healer.core.roll import RollState
from healer.core.states import IllegalMove
from healer.core.steady import Now
from healer.core.upkeep import TRANSITIONS, Phase, Upkeep
from healer.core.upkeep_events import (
    Kind,
    Move,
    UpkeepActionEnded,
    UpkeepActionIntended,
    UpkeepBegan,
    UpkeepEvent,
    UpkeepMoved,
)
from healer.core.upkeep_steps import Do, Go, Rest, Silence, next_step, taking
from tests.healer.tier import tier

TOPOLOGY = tier()
NONE: frozenset[str] = frozenset()


def begun(kind: Kind = Kind.PERSON) -> Upkeep:
    return upkeep.begun(UpkeepBegan("1", kind, "web1", "fan", "root", 7200.0), Now(0.0))


def told(one: Upkeep, *events: UpkeepEvent, at: float = 0.0) -> Upkeep:
    for event in events:
        one = upkeep.fold(one, event, Now(at))
    return one


def did(one: Upkeep, do: Do, outcome: Outcome = Outcome.DONE, at: float = 0.0) -> Upkeep:
    """Return an upkeep after one action."""
    name = f"1.1.{len(one.tasks) + 1}"
    intended = UpkeepActionIntended("1", name, do.action, do.gate, do.args, "l", "{}", do.seconds)
    ended = UpkeepActionEnded("1", name, outcome, outcome.value, "")
    return told(one, intended, ended, at=at)


def test_every_phase_has_its_row_and_leads_to_the_end():
    assert TRANSITIONS.keys() == set(Phase)
    assert ROLLS.keys() == set(RollState)
    reached = {Phase.OVER}
    while (
        more := {one for one, row in TRANSITIONS.items() if reached & set(row.values())} - reached
    ):
        reached |= more
    assert reached == set(Phase)


def test_nothing_leaves_a_patch_or_a_boot_but_its_own_end():
    for phase in (Phase.PATCHING, Phase.REBOOTING):
        assert Move.END not in TRANSITIONS[phase]


@given(st.lists(st.sampled_from(Move), max_size=12))
def test_whatever_comes_only_legal_moves_are_made(moves):
    one = begun(Kind.ROLL)
    for move in moves:
        try:
            after = told(one, UpkeepMoved("1", move, "word", ""))
        except IllegalMove:
            assert move not in TRANSITIONS[one.phase]
            continue
        assert after.phase is TRANSITIONS[one.phase][move]
        one = after


def test_the_lock_comes_first_then_the_silence_then_every_balancer():
    one = begun()
    lock, *drains = taking(one, TOPOLOGY)
    assert next_step(one, TOPOLOGY, 0.0, NONE) == lock
    one = did(one, lock)
    assert next_step(one, TOPOLOGY, 0.0, NONE) == Silence(wanted=True)
    assert [do.gate for do in drains] == ["lb1", "lb2"]


def test_what_is_refused_is_tried_again_after_a_pause_and_then_given_up():
    one, (lock, *_) = begun(), taking(begun(), TOPOLOGY)
    one = did(one, lock, Outcome.REFUSED, at=10.0)
    assert next_step(one, TOPOLOGY, 11.0, NONE) == Rest()
    assert next_step(one, TOPOLOGY, 20.0, NONE) == lock
    for at in (20.0, 40.0):
        one = did(one, lock, Outcome.REFUSED, at=at)
    found = next_step(one, TOPOLOGY, 100.0, NONE)
    assert isinstance(found, Go)
    assert found.move is Move.GIVE_UP


@pytest.mark.parametrize(
    ("outcome", "stands"),
    [
        (Outcome.DONE, True),
        (Outcome.FAILED, True),
        (Outcome.UNKNOWN, True),
        (Outcome.REFUSED, False),
        (Outcome.NOT_SENT, False),
    ],
)
def test_a_mark_that_may_be_there_counts_as_set(outcome, stands):
    one = did(begun(), taking(begun(), TOPOLOGY)[0], outcome)
    assert bool(one.marks) is stands


def test_two_actions_never_run_side_by_side_and_only_the_one_that_runs_ends():
    lock = taking(begun(), TOPOLOGY)[0]
    intended = UpkeepActionIntended("1", "1.1.1", lock.action, "web1", lock.args, "l", "{}", 15.0)
    one = told(begun(), intended)
    with pytest.raises(IllegalMove):
        told(one, intended)
    with pytest.raises(IllegalMove):
        told(one, UpkeepActionEnded("1", "1.1.2", Outcome.DONE, "", ""))
