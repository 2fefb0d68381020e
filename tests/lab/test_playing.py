"""A drill that did not hold is played once more, few of them are, and what the first time said is told."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from lab.drills.model import Drill
from lab.drills.session import Session
from tests.lab.drills.test_report import DRILL
from tests.lab.playing import ONCE_MORE, Ended, Played

SESSION = cast(Session, None)  # what plays in these tests looks at no lab


def saying(*said: str, harm: tuple[str, ...] = ()) -> tuple[Played, list[Path]]:
    """Return what plays drills that say one thing after the other, and where their reports went."""
    left, places = list(said), list[Path]()

    def play(_session: Session, _drill: Drill, directory: Path) -> Ended:
        places.append(directory)
        return Ended(left.pop(0), harm)

    return Played(play), places


def test_a_drill_that_held_is_played_once_and_nothing_is_said_of_it() -> None:
    played, places = saying("")
    played.hold(SESSION, DRILL, Path("reports"))
    assert places == [Path("reports/first")]
    assert played.summary() == []


def test_one_that_holds_the_second_time_passes_and_its_first_time_is_told() -> None:
    played, places = saying("13 requests were lost", "")
    played.hold(SESSION, DRILL, Path("reports"))
    assert places == [Path("reports/first"), Path("reports/second")]
    assert played.summary() == [
        f"{DRILL.name} was played twice; the first time:\n13 requests were lost"
    ]


def test_one_that_holds_neither_time_fails_with_what_the_second_said() -> None:
    played, _ = saying("the first", "the second")
    with pytest.raises(AssertionError, match="the second"):
        played.hold(SESSION, DRILL, Path("reports"))
    assert len(played.summary()) == 1


def test_one_that_did_harm_has_no_second_time() -> None:
    played, places = saying("two wrote", "", harm=("two primaries: for 9.0 s, limit 0.0 s",))
    with pytest.raises(AssertionError, match="two wrote"):
        played.hold(SESSION, DRILL, Path("reports"))
    assert places == [Path("reports/first")]
    assert played.summary() == []


def test_when_as_many_were_played_twice_as_may_be_the_next_has_one_chance() -> None:
    played, places = saying(*(ONCE_MORE * ("a", "")), "the last")
    for name in range(ONCE_MORE):
        played.hold(SESSION, replace(DRILL, name=f"drill-{name}"), Path("reports"))
    with pytest.raises(AssertionError, match="the last"):
        played.hold(SESSION, DRILL, Path("reports"))
    assert len(places) == 2 * ONCE_MORE + 1
