"""Each step of a heal is timed once, from an instant that the journal has, whatever else happens."""

import pytest
from hypothesis import given, settings

from healer.core import incident_events as ie
from healer.core.attempt import Outcome
from healer.core.times import OVER_AGAIN, STEPS, reached, times
from tests.healer.core.history import intent
from tests.healer.core.test_board import STEPS as LIVES
from tests.healer.core.test_board import Play, play_step
from tests.healer.core.world import NOW, alert


class Timed(Play):
    """A journal whose steps are counted as they are reached, as healer.narrator does."""

    def write(self, *events):
        counted = self.__dict__.setdefault("counted", [])
        for event in events:
            if not super().write(event):
                return False
            about = getattr(event, "incident", None)
            step = None if about is None else reached(event, self.board.incidents[about])
            if step is not None:
                counted.append((about, *step))
        return True

    def took(self, number="1"):
        return {step: seconds for about, step, seconds in self.counted if about == number}


def opened(began=NOW - 10):
    play = Timed()
    play.write(ie.IncidentOpened("1", alert(began=began), "restart-service", "d1"))
    return play


def act(play, number, outcome=Outcome.DONE, reason="word"):
    play.write(intent(play.board.incidents["1"], number))
    play.write(ie.ActionEnded("1", f"1.1.{number}", outcome, reason, "", NOW))


def prove(play, number, *, good, served_at=None):
    play.write(ie.VerificationEnded("1", f"1.1.{number}", good, good, "word", "", served_at))
    if good:
        play.write(ie.IncidentClosed("1", "healed", ""))


def test_a_heal_takes_what_lies_between_the_alert_s_start_and_each_instant():
    play = opened(began=NOW - 10)  # every record is a second later
    act(play, 1)
    prove(play, 1, good=True, served_at=NOW + 3.5)
    assert play.took() == {
        "detect": 11.0,
        "decide": 12.0,
        "act": 13.0,
        "serve": 13.5,
        "redundancy": 15.0,
    }
    assert times(play.board.incidents["1"]).seconds() == play.took()


def test_of_several_actions_the_first_is_decided_and_done_and_the_last_serves():
    play = opened()
    act(play, 1)
    prove(play, 1, good=False)
    act(play, 2, Outcome.FAILED)
    act(play, 3)
    prove(play, 3, good=True)
    assert [step for _, step, _ in play.counted] == list(STEPS)
    assert (play.took()["decide"], play.took()["act"]) == (12.0, 13.0)
    assert play.took()["serve"] == play.took()["redundancy"] - 1
    assert times(play.board.incidents["1"]).seconds() == play.took()


def test_what_is_under_way_is_decided_and_not_done():
    play = opened()
    play.write(intent(play.board.incidents["1"]))
    assert [step for _, step, _ in play.counted] == ["detect", "decide"]
    found = times(play.board.incidents["1"])
    assert (found.decide, found.act) == (NOW + 2, None)


@pytest.mark.parametrize(("outcome", "back"), [("cleared", True), ("gone", False)])
def test_redundancy_is_back_only_where_what_was_tried_ends_well(outcome, back):
    play = opened()
    act(play, 1, Outcome.FAILED)
    play.write(ie.IncidentClosed("1", outcome, ""))
    assert ("redundancy" in play.took()) is back
    assert (times(play.board.incidents["1"]).redundancy is not None) is back


def test_what_touched_nothing_is_decided_and_not_done():
    play = opened()
    act(play, 1, Outcome.NOT_SENT)
    act(play, 2, Outcome.REFUSED, "changed")
    assert [step for _, step, _ in play.counted] == ["detect", "decide"]
    act(play, 3)
    assert play.took()["act"] == 17.0


def test_out_of_harm_s_way_users_are_served_and_redundancy_comes_with_the_close():
    play = opened()
    act(play, 1)
    prove(play, 1, good=False)
    play.write(ie.IncidentMitigated("1", "drained"))
    assert play.took()["serve"] == 15.0
    play.write(ie.IncidentAdopted("1", "ann"))
    play.write(ie.IncidentMitigated("1", "drained"))
    act(play, 2)
    prove(play, 2, good=True)
    assert [step for _, step, _ in play.counted] == list(STEPS)


@pytest.mark.parametrize("outcome", ["cleared", "not_true", "gone"])
def test_what_ends_by_itself_or_for_nobody_is_no_heal(outcome):
    play = opened()
    play.write(ie.IncidentClosed("1", outcome, ""))
    assert list(play.took()) == ["detect"]


def test_another_cause_or_the_same_told_anew_does_not_move_the_start():
    play = opened(began=NOW - 10)
    play.write(ie.AlertRenewed("1", alert(began=NOW + 100)))
    play.write(ie.CauseReplaced("1", alert("NodeSick", "web1", began=NOW - 500), "restart-service"))
    act(play, 1)
    assert play.took()["decide"] == 14.0


def test_what_a_person_puts_into_our_hands_begins_then():
    play = opened(began=NOW - 86400)
    play.write(ie.IncidentAdopted("1", "ann"))
    act(play, 1)
    assert (play.took()["decide"], play.took()["act"]) == (1.0, 2.0)


def test_trying_again_what_failed_does_not_begin_anew():
    play = opened()
    act(play, 1, Outcome.FAILED)
    play.write(ie.IncidentEscalated("1", "ladder_exhausted", ""))
    play.write(ie.IncidentRetried("1", "ann"))
    act(play, 2)
    prove(play, 2, good=True)
    assert play.took()["serve"] > 15


def test_a_clock_that_is_behind_prometheus_gives_no_negative_time():
    assert opened(began=NOW + 60).took() == {"detect": 0.0}


@pytest.mark.parametrize("again", [Outcome.DONE, Outcome.FAILED])
def test_an_action_ends_once(again):
    play = opened()
    act(play, 1)
    assert not play.write(ie.ActionEnded("1", "1.1.1", again, "", "", None))
    assert [step for _, step, _ in play.counted] == ["detect", "decide", "act"]


@settings(deadline=None)
@given(LIVES)
def test_no_step_is_counted_twice_and_each_is_what_the_incident_says_in_the_end(steps):
    play = Timed()
    for step in steps:
        play_step(play, step)
    counted = [(about, step) for about, step, _ in getattr(play, "counted", [])]
    assert len(counted) == len(set(counted))
    for one in play.board.incidents.values():
        told = {step: at for step, at in times(one).seconds().items() if at is not None}
        assert told.keys() == play.took(one.id).keys()
        assert ("redundancy" in told) <= (one.outcome in OVER_AGAIN)
