"""How long something lasts does not depend on the wall clock."""

from healer.spans import Spans
from tests.healer.fakes import FakeClock


class Jumpy:
    counts = True

    def __call__(self) -> bool:
        return self.counts


def test_a_wall_clock_that_jumps_changes_nothing_of_what_is_counted():
    clock = FakeClock()
    spans = Spans(clock, Jumpy())
    assert spans.seconds("1", "clear") == 0
    clock.pass_by(5)
    clock.now += 3600
    assert spans.seconds("1", "clear") == 5
    clock.now -= 7200
    clock.pass_by(5)
    assert spans.seconds("1", "clear") == 10


def test_what_a_former_life_began_is_told_once_and_never_below_nothing():
    clock = FakeClock()
    spans = Spans(clock, Jumpy())
    assert spans.seconds("1", "ended", "a", before=7) == 7
    clock.now += 3600
    clock.up += 1
    assert spans.seconds("1", "ended", "a", before=3607) == 8
    assert spans.seconds("1", "ended", "b", before=-7200) == 0


def test_nothing_is_counted_while_the_clock_has_just_jumped():
    clock, jumpy = FakeClock(), Jumpy()
    spans = Spans(clock, jumpy)
    spans.begin("1", "well", "a")
    clock.pass_by(3)
    assert spans.seconds("1", "well", "a") == 3
    jumpy.counts = False
    for _ in range(3):
        clock.pass_by(10)
        assert spans.seconds("1", "well", "a") == 3
    jumpy.counts = True
    clock.pass_by(2)
    assert spans.seconds("1", "well", "a") == 5


def test_what_is_forgotten_begins_anew_and_another_engine_goes_on_counting():
    clock = FakeClock()
    before = Spans(clock, Jumpy())
    for key in ("1", "2"):
        before.begin(key, "clear")
    clock.pass_by(4)
    after = Spans(clock, Jumpy())
    after.follow(before)
    after.keep({"2"})
    assert (after.seconds("1", "clear"), after.seconds("2", "clear")) == (0, 4)
    after.forget("2", "clear")
    assert after.seconds("2", "clear") == 0
