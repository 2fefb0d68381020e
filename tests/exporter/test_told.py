"""What a log is told of the same things, round after round."""

from exporter.told import MOST, Told


def test_each_thing_is_told_once_and_again_when_it_comes_back() -> None:
    told = Told()
    rounds = [{"b", "a"}, {"b", "a", "c"}, {"a"}, {"a", "b"}]
    assert [told.news(wrong) for wrong in rounds] == [["a", "b"], ["c"], [], ["b"]]


def test_of_very_many_each_round_tells_some_until_all_are_told() -> None:
    told, wrong = Told(), {f"{number:02}" for number in range(2 * MOST + 1)}
    rounds = [told.news(wrong) for _ in range(4)]
    assert [len(new) for new in rounds] == [MOST, MOST, 1, 0]
    assert [name for new in rounds for name in new] == sorted(wrong)
