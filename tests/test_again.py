"""A run ends well where few failed that may be run once more, and names them."""

from pathlib import Path

import pytest

from tests.again import MOST_DRILLS, MOST_TESTS

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

DAEMONS = """
import pytest

@pytest.fixture
def daemon():
    assert {begins}, "it did not start"
    yield
    assert {ends}, "it did not stop"

@pytest.mark.tools
@pytest.mark.parametrize("number", range({count}))
def test_daemon(daemon, number):
    assert {answers}, "no answer within 2 s"

def test_without_any():
    assert {without}
"""


INI = """[pytest]
asyncio_default_fixture_loop_scope = function
markers = tools: needs real programs
"""


def ran(pytester: pytest.Pytester, text: str) -> tuple[pytest.RunResult, Path]:
    """Run these tests; return what the run said and where it names some."""
    pytester.makeini(INI)
    pytester.path.joinpath("test_some.py").write_text(text)
    again = pytester.path / "again/1"
    return pytester.runpytest_inprocess("-p", "tests.again", "--again", str(again)), again


def drilled(pytester: pytest.Pytester, *said: str) -> tuple[pytest.RunResult, Path]:
    """Run drills that say this, one after the other."""
    return ran(pytester, DRILLS.format(said=said))


def asked(pytester: pytest.Pytester, count: int = 1, **told: bool) -> tuple[pytest.RunResult, Path]:
    """Run tests with a real program, and one without any; all is well but for what is told."""
    well = dict.fromkeys(("begins", "ends", "answers", "without"), True)
    return ran(pytester, DAEMONS.format(count=count, **well | told))


def test_where_all_held_nothing_is_played_again(pytester: pytest.Pytester) -> None:
    run, again = drilled(pytester, "held", "held")
    assert run.ret == 0, run.stdout
    assert not again.exists()
    assert "second time" not in str(run.stdout)


def test_one_that_did_not_hold_is_shown_and_named(pytester: pytest.Pytester) -> None:
    run, again = drilled(pytester, "held", "late", "held")
    assert run.ret == 0, run.stdout
    assert again.read_text() == "test_some.py::test_drill[1]\n"
    assert "30 s, limit 15 s" in str(run.stdout)
    assert "1 failed, 2 passed" in str(run.stdout)
    assert "Run a second time, alone: test_some.py::test_drill[1]" in str(run.stdout)


def test_what_it_names_is_what_a_second_run_plays(pytester: pytest.Pytester) -> None:
    _, again = drilled(pytester, "held", "late", "held")
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
        pytest.param(("late",) * (MOST_DRILLS + 1), id="more than a slow machine makes late"),
    ],
)
def test_a_run_with_another_failure_fails(pytester: pytest.Pytester, said: tuple[str, ...]) -> None:
    run, again = drilled(pytester, *said)
    assert run.ret == 1, run.stdout
    assert not again.exists()


def test_as_many_as_may_be_are_named(pytester: pytest.Pytester) -> None:
    run, again = drilled(pytester, *("late",) * MOST_DRILLS)
    assert run.ret == 0, run.stdout
    assert len(again.read_text().splitlines()) == MOST_DRILLS


def test_what_an_earlier_run_named_is_gone(pytester: pytest.Pytester) -> None:
    drilled(pytester, "late")
    _, again = drilled(pytester, "held")
    assert not again.exists()


@pytest.mark.parametrize("what", ["begins", "answers", "ends"])
def test_a_test_with_a_real_program_is_shown_and_named(
    pytester: pytest.Pytester, what: str
) -> None:
    run, again = asked(pytester, count=MOST_TESTS, **{what: False})
    assert run.ret == 0, run.stdout
    assert again.read_text().split() == [
        f"test_some.py::test_daemon[{one}]" for one in range(MOST_TESTS)
    ]


def test_one_that_fails_and_does_not_end_is_named_once(pytester: pytest.Pytester) -> None:
    run, again = asked(pytester, answers=False, ends=False)
    assert run.ret == 0, run.stdout
    assert again.read_text() == "test_some.py::test_daemon[0]\n"


def test_more_of_them_than_a_slow_machine_makes_late_fail(pytester: pytest.Pytester) -> None:
    run, again = asked(pytester, count=MOST_TESTS + 1, answers=False)
    assert run.ret == 1, run.stdout
    assert not again.exists()


def test_a_test_without_a_real_program_is_excused_by_nothing(pytester: pytest.Pytester) -> None:
    run, again = asked(pytester, answers=False, without=False)
    assert run.ret == 1, run.stdout
    assert not again.exists()
