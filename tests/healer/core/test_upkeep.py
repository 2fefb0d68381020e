"""An upkeep and a roll move only as their tables say, whatever comes; and every life can end."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.mark import is_owner
from healer.core import upkeep
from healer.core.attempt import Outcome
from healer.core.roll import TRANSITIONS as ROLLS
from healer.core.roll import RollState
from healer.core.states import IllegalMove
from healer.core.steady import Now
from healer.core.topology import Topology
from healer.core.upkeep import TRANSITIONS, WORK, Phase, Upkeep
from healer.core.upkeep_events import (
    Kind,
    Move,
    UpkeepActionEnded,
    UpkeepActionIntended,
    UpkeepBegan,
    UpkeepEvent,
    UpkeepMoved,
    UpkeepSilenced,
)
from healer.core.upkeep_steps import TRIES, Do, Go, Rest, Silence, next_step, taking, to_give_back
from healer.core.upkeep_waits import waits
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


def test_its_marks_are_its_own_beyond_one_journals_life() -> None:
    first = UpkeepBegan("1", Kind.LOCK, "web1", "", "id", 7200.0, began_at=1795649000.4)
    one, other = (
        upkeep.begun(began, Now(0.0)) for began in (first, replace(first, began_at=1795649002.0))
    )
    assert one.owner == "lock:upkeep-1795649000.1"
    assert is_owner(one.owner)
    assert other.owner != one.owner


def test_one_that_an_earlier_release_began_keeps_the_name_of_its_marks() -> None:
    assert begun().owner == "lock:upkeep-1"


def test_every_phase_has_its_row_and_leads_to_the_end():
    assert TRANSITIONS.keys() == set(Phase)
    assert ROLLS.keys() == set(RollState)
    reached = {Phase.OVER}
    while (
        more := {one for one, row in TRANSITIONS.items() if reached & set(row.values())} - reached
    ):
        reached |= more
    assert reached == set(Phase)


MOVES = {
    Phase.PATCHING: (Move.TAKEN, Move.PATCH),
    Phase.REBOOTING: (Move.TAKEN, Move.PATCH, Move.REBOOT),
}
PATIENT = {Phase.PATCHING: (Move.END, Move.GIVE_UP), Phase.REBOOTING: (Move.END,)}


def at(phase: Phase) -> Upkeep:
    """Return a roll's upkeep that has come to its patch or its boot, and has begun neither."""
    one = told(begun(Kind.ROLL), UpkeepSilenced("1", silenced=True))
    for do in taking(one, TOPOLOGY):
        one = did(one, do)
    return told(one, *(UpkeepMoved("1", move, "word", "") for move in MOVES[phase]))


@pytest.mark.parametrize("phase", MOVES)
@pytest.mark.parametrize(
    ("outcome", "legal"),
    [
        (None, True),
        (Outcome.NOT_SENT, True),
        (Outcome.REFUSED, True),
        (Outcome.UNKNOWN, False),
        (Outcome.FAILED, False),
        (Outcome.DONE, False),
    ],
)
def test_a_node_is_given_back_before_its_patch_or_its_boot_and_never_half_way(
    phase, outcome, legal
):
    one = at(phase)
    work = Do(WORK[phase], "web1", (), "", 60.0)
    if outcome is not None:
        one = did(one, work, outcome)
    for move in PATIENT[phase]:
        if legal:
            assert told(one, UpkeepMoved("1", move, "word", "")).phase is Phase.RETURNING
        else:
            with pytest.raises(IllegalMove):
                told(one, UpkeepMoved("1", move, "word", ""))


@pytest.mark.parametrize("phase", MOVES)
def test_nobody_takes_a_node_back_while_its_patch_or_its_boot_runs(phase):
    work = WORK[phase]
    running = UpkeepActionIntended("1", "1.1.9", work, "web1", (), "l", "{}", 60.0)
    one = told(at(phase), running)
    for move in PATIENT[phase]:
        with pytest.raises(IllegalMove):
            told(one, UpkeepMoved("1", move, "word", ""))


def back_again(phase: Phase) -> Upkeep:
    """Return an upkeep that was taken while lb1 was dead; lb1 is back."""
    one = told(begun(Kind.ROLL), UpkeepSilenced("1", silenced=True))
    for do in taking(one, TOPOLOGY):
        one = one if do.gate == "lb1" else did(one, do)
    return told(one, *(UpkeepMoved("1", move, "word", "") for move in MOVES[phase]))


@pytest.mark.parametrize("phase", MOVES)
def test_what_a_balancer_missed_while_it_was_dead_comes_before_the_patch_and_the_boot(phase):
    one = back_again(phase)
    late = next_step(one, TOPOLOGY, 1.0, NONE)
    assert isinstance(late, Do)
    assert (late.action, late.gate) == ("pool.drain", "lb1")
    work = next_step(did(one, late), TOPOLOGY, 2.0, NONE)
    assert isinstance(work, Do)
    assert work.action == WORK[phase]
    assert next_step(one, TOPOLOGY, 1.0, frozenset({"lb1"})) == work


def test_one_that_can_be_told_nothing_stops_the_roll():
    one = back_again(Phase.PATCHING)
    assert next_step(one, TOPOLOGY, 1000.0, NONE) == Go(
        Move.STOP, "too_slow", "pool.drain at lb1 was not done within 180 s"
    )
    late = next_step(one, TOPOLOGY, 1.0, NONE)
    assert isinstance(late, Do)
    for _ in range(TRIES):
        one = did(one, late, Outcome.FAILED)
    assert next_step(one, TOPOLOGY, 1.0, NONE) == Go(Move.STOP, "failed", "pool.drain at lb1: ")


def test_what_it_missed_is_not_for_a_node_that_is_patched_already():
    one = back_again(Phase.REBOOTING)
    one = did(one, Do(WORK[Phase.REBOOTING], "web1", (), "", 60.0))
    assert next_step(one, TOPOLOGY, 1.0, NONE) == Go(Move.PROVE, "done", "")


@pytest.mark.parametrize("phase", MOVES)
def test_what_was_ended_is_neither_patched_nor_booted_any_more(phase):
    one = told(at(phase), UpkeepMoved("1", Move.END, "ended", ""))
    with pytest.raises(IllegalMove):
        did(one, Do(WORK[phase], "web1", (), "", 60.0))


@pytest.mark.parametrize(
    ("where", "given_back"),
    [("taking", True), ("to patch", True), ("patching", False), ("to boot", False)],
)
def test_where_a_roll_stops_what_was_not_begun_is_given_back_unpatched(where, given_back):
    one = {
        "taking": begun(Kind.ROLL),
        "to patch": at(Phase.PATCHING),
        "patching": did(at(Phase.PATCHING), Do(WORK[Phase.PATCHING], "web1", (), "", 60.0)),
        "to boot": at(Phase.REBOOTING),
    }[where]
    found = next_step(one, TOPOLOGY, 1.0, NONE, rolling=False)
    gives_up = isinstance(found, Go) and found.move is Move.GIVE_UP
    assert gives_up is given_back


# --- Giving back ----------------------------------------------------------------------------


def returning() -> Upkeep:
    one = told(begun(), UpkeepSilenced("1", silenced=True))
    for do in taking(one, TOPOLOGY):
        one = did(one, do)
    return told(one, UpkeepMoved("1", Move.TAKEN, "", ""), UpkeepMoved("1", Move.END, "", ""))


def without_lb2() -> Topology:
    nodes = {name: one for name, one in TOPOLOGY.nodes.items() if name != "lb2"}
    lb = replace(TOPOLOGY.groups["lb"], nodes=("lb1",))
    return replace(TOPOLOGY, nodes=nodes, groups={**TOPOLOGY.groups, "lb": lb})


def given_back(one: Upkeep, topology: Topology, silent: tuple[str, ...], outcomes: str) -> str:
    """Give back for ten minutes, with how each gate that is not silent answers, and say what was done."""
    answers, done = dict(each.split(":") for each in outcomes.split()), list[str]()
    for now in range(0, 600, 5):
        found = next_step(one, topology, float(now), NONE, silent=silent)
        match found:
            case Do(verb, gate):
                if f"{verb}@{gate}" not in done:
                    done.append(f"{verb}@{gate}")
                one = did(one, found, Outcome(answers.get(gate, "done")), at=float(now))
            case Silence(wanted):
                one = told(one, UpkeepSilenced("1", wanted), at=float(now))
            case Go(move, why):
                return " ".join([*done, f"{move.value}:{why}"])
            case _:
                pass
    kept = waits(one, topology, dict.fromkeys(silent, "no route"))
    assert kept is not None
    return " ".join([*done, f"waits:{kept.reason}"])


@pytest.mark.parametrize(
    ("topology", "silent", "answers", "then"),
    [
        (TOPOLOGY, (), "", "pool.return@lb2 pool.return@lb1 node.unlock@web1 returned:returned"),
        (TOPOLOGY, ("lb2",), "", "pool.return@lb1 waits:gate_silent"),
        (TOPOLOGY, ("lb1",), "", "pool.return@lb2 waits:gate_silent"),
        (TOPOLOGY, (), "lb2:refused", "pool.return@lb2 pool.return@lb1 waits:refused"),
        (TOPOLOGY, (), "lb2:unknown", "pool.return@lb2 pool.return@lb1 waits:unknown"),
        (TOPOLOGY, ("web1",), "", "pool.return@lb2 pool.return@lb1 waits:gate_silent"),
        (without_lb2(), (), "", "pool.return@lb1 node.unlock@web1 returned:left_behind"),
    ],
)
def test_a_node_is_given_back_at_every_gate_that_answers_and_unlocked_last(
    topology, silent, answers, then
):
    assert given_back(returning(), topology, silent, answers) == then


def test_what_was_passed_over_is_tried_again_and_the_owner_stays():
    one = did(returning(), to_give_back(returning(), TOPOLOGY)[1])
    assert next_step(one, TOPOLOGY, 5.0, NONE, silent=("lb2",)) == Rest()
    found = next_step(one, TOPOLOGY, 9999.0, NONE)
    assert isinstance(found, Do)
    assert (found.gate, dict(found.args)["owner"]) == ("lb2", "lock:upkeep-1")


def test_what_left_cluster_yml_is_told_with_the_command_that_gives_it_back_there():
    one = did(returning(), to_give_back(returning(), TOPOLOGY)[1])
    one = did(one, Do("node.unlock", "web1", one.tasks[0].args, "", 15.0))
    one = told(one, UpkeepSilenced("1", silenced=False))
    found = next_step(one, without_lb2(), 9.0, NONE)
    assert isinstance(found, Go)
    assert "pool.drain at lb2" in found.detail
    assert "on lb2: hale-gate return web/web1 --all" in found.detail


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


@pytest.mark.parametrize(
    ("told", "stands"),
    [
        ("drain:unknown drain:refused", True),
        ("drain:unknown drain:not_sent drain:not_sent", True),
        ("drain:failed drain:refused", True),
        ("drain:refused drain:not_sent", False),
        ("drain:unknown return:done drain:refused", False),
        ("drain:unknown return:refused", True),
        ("drain:unknown return:unknown drain:not_sent", True),
        ("drain:unknown return:done drain:failed drain:refused", True),
    ],
)
def test_a_mark_that_an_earlier_try_may_have_set_stands_until_it_is_undone(told, stands):
    drain = taking(begun(), TOPOLOGY)[1]
    verbs = {"drain": drain, "return": replace(drain, action="pool.return")}
    one = begun()
    for verb, _, outcome in (each.partition(":") for each in told.split()):
        one = did(one, verbs[verb], Outcome(outcome))
    assert [mark.place for mark in one.marks] == ([(drain.gate, drain.args)] if stands else [])


def test_two_actions_never_run_side_by_side_and_only_the_one_that_runs_ends():
    lock = taking(begun(), TOPOLOGY)[0]
    intended = UpkeepActionIntended("1", "1.1.1", lock.action, "web1", lock.args, "l", "{}", 15.0)
    one = told(begun(), intended)
    with pytest.raises(IllegalMove):
        told(one, intended)
    with pytest.raises(IllegalMove):
        told(one, UpkeepActionEnded("1", "1.1.2", Outcome.DONE, "", ""))
