"""The oracle's count of what is long ago: it excuses what no healer can know, and no more than that."""

import pytest

from healer.core import events as ev
from tests.healer.safety.ages import Ages

HOUR = 3600.0


def written(*records: tuple[float, str, float]) -> Ages:
    """Return what is known after records of these times, boots and wall clocks (less the simulation's own time)."""
    ages = Ages()
    for seq, (now, boot, wall) in enumerate(records, 1):
        ages.wrote(ev.Record(seq, now + wall, boot, now, ev.StormEnded()), now)
    return ages


@pytest.mark.parametrize("wall", [HOUR, -HOUR])
def test_a_clock_that_is_set_within_a_boot_makes_nothing_older(wall: float) -> None:
    ages = written((0, "a", 0), (10, "a", wall), (20, "b", wall), (30, "a", 0))
    assert ages.since(5, 40) == 35


def test_another_machine_s_clock_is_believed_when_it_writes_first() -> None:
    ages = written((0, "a", 0), (20, "b", HOUR))
    assert ages.since(5, 25) == HOUR + 20
    assert ages.since(21, 25) == 4


def test_it_is_believed_still_once_it_was_set_back() -> None:
    ages = written((0, "a", 0), (20, "b", HOUR), (26, "b", 0), (30, "a", 0))
    assert ages.since(5, 35) == HOUR + 26  # for the healer that led before, time stands still
    assert ages.since(27, 35) == 8


def test_it_is_believed_only_the_first_time() -> None:
    ages = written((0, "a", 0), (20, "b", 0), (30, "a", 0), (40, "b", HOUR))
    assert ages.since(5, 50) == 45


def test_nothing_is_younger_by_a_clock_that_is_behind() -> None:
    ages = written((0, "a", 0), (20, "b", -HOUR))
    assert ages.since(5, 25) == 20
