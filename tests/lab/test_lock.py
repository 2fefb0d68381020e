"""One command at a time changes a lab."""

import pytest

from lab import lock
from lab.names import Place
from lab.ports import LabError


@pytest.fixture
def place(tmp_path):
    return Place(id="t", state=tmp_path / "hale/lab", cache=tmp_path / "cache")


def test_the_second_is_told_who_the_first_is(place):
    with (
        lock.held(place, "up first"),
        pytest.raises(LabError, match=r"hale-lab up first \(process \d+\)"),
        lock.held(place, "down"),
    ):
        raise AssertionError("both hold it")


def test_another_lab_of_the_same_machine_is_free(place):
    with lock.held(place, "up"), lock.held(Place("u", place.state, place.cache), "up"):
        assert place.lock.exists()


def test_nothing_is_left_when_it_is_let_go(place, tmp_path):
    with lock.held(place, "up"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_it_can_be_taken_again_after_an_error(place):
    with pytest.raises(RuntimeError), lock.held(place, "up"):
        raise RuntimeError
    with lock.held(place, "down"):
        pass


def test_a_lock_file_that_a_killed_command_left_is_no_lock(place):
    place.state.mkdir(parents=True)
    place.lock.write_text("hale-lab up first (process 1)")
    with lock.held(place, "down"):
        pass
