"""A run of drills ends well where few did not hold and did no harm, and names them to be played once more."""

from pathlib import Path

import pytest

from tests.lab.again import MOST

pytest_plugins = ["pytester"]

DRILLS = """
import pytest
from tests.lab.playing import DidNotHoldError

SAID = {said!r}

@pytest.mark.parametrize("number", range(len(SAID)))
def test_drill(number):
    if SAID[number] == "late":
        raise DidNotHoldError("30 s, limit 15 s")
    if SAID[number] == "harm":
        raise DidNotHoldError("two wrote", ("two primaries: for 9.0 s, limit 0.0 s",))
    assert SAID[number] == "held"
"""


def ran(pytester: pytest.Pytester, *said: str) -> tuple[pytest.RunResult, Path]:
    """Run tests that say this, one after the other; return what the run said and where it names drills."""
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.path.joinpath("test_some.py").write_text(DRILLS.format(said=said))
    again = pytester.path / "again/1"
    return pytester.runpytest_inprocess("-p", "tests.lab.again", "--again", str(again)), again


def test_where_all_held_nothing_is_played_again(pytester: pytest.Pytester) -> None:
    run, again = ran(pytester, "held", "held")
    assert run.ret == 0, run.stdout
    assert not again.exists()
    assert "second time" not in str(run.stdout)


def test_one_that_did_not_hold_is_shown_and_named(pytester: pytest.Pytester) -> None:
    run, again = ran(pytester, "held", "late", "held")
    assert run.ret == 0, run.stdout
    assert again.read_text() == "test_some.py::test_drill[1]\n"
    assert "30 s, limit 15 s" in str(run.stdout)
    assert "1 failed, 2 passed" in str(run.stdout)
    assert "Played a second time, alone: test_some.py::test_drill[1]" in str(run.stdout)


def test_what_it_names_is_what_a_second_run_plays(pytester: pytest.Pytester) -> None:
    _, again = ran(pytester, "held", "late", "held")
    pytester.path.joinpath("test_some.py").write_text(DRILLS.format(said=("harm", "held", "harm")))
    second = pytester.runpytest_inprocess(f"@{again}")
    assert second.ret == 0, second.stdout
    assert "1 passed" in str(second.stdout)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(("harm",), id="harm is excused by nothing"),
        pytest.param(("late", "harm"), id="nor beside one that was late"),
        pytest.param(("late", "a test that is no drill"), id="nothing is tried again but drills"),
        pytest.param(("late",) * (MOST + 1), id="more than a slow machine makes late"),
    ],
)
def test_a_run_with_another_failure_fails(pytester: pytest.Pytester, said: tuple[str, ...]) -> None:
    run, again = ran(pytester, *said)
    assert run.ret == 1, run.stdout
    assert not again.exists()


def test_as_many_as_may_be_are_named(pytester: pytest.Pytester) -> None:
    run, again = ran(pytester, *("late",) * MOST)
    assert run.ret == 0, run.stdout
    assert len(again.read_text().splitlines()) == MOST


def test_what_an_earlier_run_named_is_gone(pytester: pytest.Pytester) -> None:
    ran(pytester, "late")
    _, again = ran(pytester, "held")
    assert not again.exists()
