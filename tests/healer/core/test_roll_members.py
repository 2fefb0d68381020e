"""Where each node of a roll is, in the words that people are told."""

from dataclasses import replace

import pytest

from healer.core.attempt import Outcome
from healer.core.roll import Roll, RollState
from healer.core.roll_members import Where, members
from healer.core.upkeep import Phase, Task, Upkeep
from healer.core.upkeep_events import Kind

NOW = 1000.0
PATCH = Task("1.1.1", "node.patch", "web1", (), "ledger", 0.0, 600.0, Outcome.DONE)
ROLL = Roll("1", "web", ("web1", "web2", "web3"), 1, 300.0, (), "root", since=0.0)


def upkeep(phase: Phase, node: str = "web1", *, since: float = 900.0, failed: str = "") -> Upkeep:
    return Upkeep(
        *("1", Kind.ROLL, node, "", "root", "1", 0.0, 2000.0, since, phase),
        tasks=() if phase is Phase.TAKING or failed else (PATCH,),
        failed=failed,
    )


def where(roll: Roll, *upkeeps: Upkeep, known: tuple[str, ...] = ROLL.nodes) -> list[Where]:
    return [one.where for one in members(roll, upkeeps, NOW, known)]


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (upkeep(Phase.TAKING), Where.DRAINING),
        (upkeep(Phase.AWAY), Where.AWAY),
        (upkeep(Phase.PATCHING), Where.PATCHING),
        (upkeep(Phase.REBOOTING), Where.REBOOTING),
        (upkeep(Phase.PROVING), Where.VERIFYING),
        (upkeep(Phase.STOPPED, failed="patch_failed"), Where.FAILED),
        (upkeep(Phase.RETURNING), Where.RETURNING),
        (upkeep(Phase.OVER), Where.SOAKING),
        (upkeep(Phase.OVER, since=600.0), Where.DONE),
        (upkeep(Phase.OVER, failed="too_slow"), Where.FAILED),
    ],
)
def test_a_node_is_where_its_upkeep_is_and_those_after_it_wait(one: Upkeep, said: Where) -> None:
    assert where(ROLL, one) == [said, Where.WAITING, Where.WAITING]


def test_every_phase_has_a_word() -> None:
    for phase in Phase:
        assert where(ROLL, upkeep(phase))[0] is not Where.WAITING


def test_what_failed_before_a_roll_was_gone_on_with_waits_for_another_turn() -> None:
    again = replace(ROLL, since=950.0)
    found = members(again, [upkeep(Phase.OVER, failed="patch_failed")], NOW, ROLL.nodes)
    assert (found[0].where, found[0].upkeep and found[0].upkeep.failed) == (
        Where.WAITING,
        "patch_failed",
    )


def test_the_upkeep_of_another_roll_says_nothing() -> None:
    other = replace(upkeep(Phase.PATCHING), roll="2")
    assert where(ROLL, other) == [Where.WAITING] * 3


def test_nothing_soaks_once_a_roll_has_stopped() -> None:
    assert where(replace(ROLL, state=RollState.STOPPED), upkeep(Phase.OVER))[0] is Where.DONE


def test_of_a_roll_that_is_over_what_is_forgotten_is_not_said_to_be_missing() -> None:
    over = replace(ROLL, state=RollState.OVER, why="by_hand")
    assert where(over, upkeep(Phase.OVER, "web2")) == [
        *(Where.UNKNOWN, Where.DONE, Where.NOT_REACHED)
    ]
    assert where(replace(over, why="done")) == [Where.DONE] * 3


def test_a_node_that_left_the_group_before_it_was_patched_is_said_to_have_left() -> None:
    others, done = ("web1", "web3"), upkeep(Phase.OVER, since=600.0)
    assert where(ROLL, done, known=others) == [Where.DONE, Where.LEFT, Where.WAITING]
    over = replace(ROLL, state=RollState.OVER, why="left")
    last = upkeep(Phase.OVER, "web3", since=600.0)
    assert where(over, done, last, known=others) == [Where.DONE, Where.LEFT, Where.DONE]
    failed = upkeep(Phase.OVER, "web2", failed="left")
    assert where(ROLL, failed, known=others)[1] is Where.FAILED
    assert where(replace(ROLL, since=950.0), failed, known=others)[1] is Where.LEFT
