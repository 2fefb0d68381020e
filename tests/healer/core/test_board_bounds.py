"""Nothing that a board remembers grows without end."""

from collections import Counter
from dataclasses import replace

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.attempt import Outcome
from healer.core.board import (
    KEEP_CLOSED,
    KEEP_REFUSED,
    KEEP_UNTRUE,
    Board,
)
from healer.core.ended import KEEP_ENDED
from healer.core.incident import Incident
from healer.core.steady import Now
from healer.core.told import KEEP_PAST_SECONDS
from tests.healer.core.history import TOPOLOGY, intent
from tests.healer.core.play import Play, opened, replay
from tests.healer.core.world import NOW, alert


def test_the_newest_closed_incidents_are_kept_and_open_ones_always() -> None:
    play = opened("web3/nginx")
    for number in range(KEEP_CLOSED + 50):
        play.fire("web1/nginx", "ServiceDown", began=NOW + number)
        play.write(ie.IncidentClosed(str(play.board.opened), "cleared", ""))
    assert len(play.board.incidents) == KEEP_CLOSED + 1
    assert [one.id for one in play.board.open] == ["1"]
    assert str(play.board.opened) in play.board.incidents


def test_of_what_was_never_true_only_the_newest_few_are_kept_and_keep_nothing_else_out() -> None:
    play = Play()
    for number in range(KEEP_UNTRUE + 30):
        play.fire("web1/nginx", "ServiceDown", began=NOW + number)
        play.write(ie.IncidentClosed(str(play.board.opened), "cleared", ""))
        play.fire("web2/nginx", "ServiceDown", began=NOW + number)
        play.write(ie.IncidentClosed(str(play.board.opened), "not_true", ""))
    kept = Counter(one.outcome for one in play.board.incidents.values())
    assert kept == {"cleared": KEEP_UNTRUE + 30, "not_true": KEEP_UNTRUE}
    assert str(play.board.opened) in play.board.incidents
    assert replay(play.records).incidents == play.board.incidents


def test_refused_alerts_that_anyone_can_post_do_not_fill_the_memory() -> None:
    play = Play()
    for number in range(KEEP_REFUSED + 50):
        forged = alert(at=f"web{number}/nginx", cluster="other")
        play.write(ev.AlertRefused(forged, "other_cluster", "no"))
    assert len(play.board.refused) == KEEP_REFUSED
    assert forged.fingerprint in play.board.refused


def test_attempts_older_than_a_month_no_longer_count() -> None:
    play = opened("web1/nginx", "web2/nginx")
    play.write(intent(play.board.incidents["1"], 1))
    play.now += KEEP_PAST_SECONDS + 1
    play.write(intent(play.board.incidents["2"], 2))
    assert [one.attempt.action_id for one in play.board.past] == ["1.1.2"]


def test_an_attempt_counts_for_exactly_a_month() -> None:
    play = opened("web1/nginx", "web2/nginx")
    play.write(intent(play.board.incidents["1"], 1))
    (past,) = play.board.past
    last = past.attempt.began_at + KEEP_PAST_SECONDS
    assert play.board.recent(last) == (past,)
    assert play.board.recent(last + 0.1) == ()
    play.now = last - 1  # the next record is a second later
    play.write(intent(play.board.incidents["2"], 2))
    assert len(play.board.past) == 2


def test_what_was_refused_last_is_forgotten_last() -> None:
    play = Play()
    forged = [alert(at=f"web{number}/nginx", cluster="other") for number in range(KEEP_REFUSED + 1)]
    for one in (*forged[:-1], forged[0], forged[-1]):
        play.write(ev.AlertRefused(one, "other_cluster", "no"))
    assert forged[0].fingerprint in play.board.refused
    assert forged[1].fingerprint not in play.board.refused


def test_the_incidents_that_ended_first_are_forgotten_first() -> None:
    play = opened("web1/nginx", "web2/nginx")
    play.write(ie.IncidentClosed("1", "cleared", ""))
    (first,) = play.board.ended.values()
    play.board.ended |= {f"old-{number}": first for number in range(KEEP_ENDED - 2)}
    play.write(ie.IncidentClosed("2", "cleared", ""))
    assert len(play.board.ended) == KEEP_ENDED
    play.fire("web1/nginx", "ServiceDown", began=NOW + 1)
    play.write(ie.IncidentClosed("3", "cleared", ""))
    assert len(play.board.ended) == KEEP_ENDED
    assert "1" not in play.board.ended
    assert list(play.board.ended)[-1] == "3"


def test_an_episode_that_was_closed_again_is_remembered_from_then() -> None:
    play = Play(Board(keep_episodes=2))
    for at in ("web1/nginx", "web2/nginx"):
        play.fire(at, "ServiceDown")
        play.write(ie.IncidentClosed(str(play.board.opened), "cleared", ""))
    first, third = alert(at="web1/nginx"), alert(at="web3/nginx")
    for number, one in (("3", first), ("4", third)):
        play.write(ie.IncidentOpened(number, one, "restart-service", "d1"))
        play.write(ie.IncidentClosed(number, "cleared", ""))
    assert list(play.board.closed_episodes) == [first.episode, third.episode]


def test_what_is_not_at_hand_any_more_is_like_nothing() -> None:
    play = Play(Board(keep_closed=1))
    for number, name in enumerate(("ServiceDown", "ServiceSlow", "ServiceDown"), 1):
        play.fire(f"web{number}/nginx", name)
        play.write(ie.IncidentClosed(str(number), "cleared", ""))
    like = Incident("9", alert(at="web9/nginx"), "restart-service", NOW, NOW, "d1")
    assert [one.id for one in play.board.alike(like)] == ["3"]
    assert play.board.alike(replace(like, cause=alert("ServiceSlow", "web9/nginx"))) == ()
    assert list(vars(play.board)["_of_kind"]) == [("ServiceDown", "", "nginx")]


def test_what_was_tried_in_an_incident_that_is_over_marks_nothing_and_runs_nowhere() -> None:
    play = Play(Board(keep_closed=1))
    for number in (1, 2):
        play.fire(f"web{number}/nginx", "ServiceDown")
        play.write(replace(intent(play.board.incidents[str(number)]), action="pool.drain"))
        assert play.board.marked
        play.write(
            ie.ActionEnded(str(number), "1.1.1", Outcome.FAILED, "failed", "", None),
            ie.IncidentClosed(str(number), "cleared", ""),
        )
        assert play.board.marked == frozenset()
    assert list(play.board.incidents) == ["2"]
    assert play.board.running(TOPOLOGY, besides="") == ()


def test_what_was_tried_is_kept_with_all_others_even_if_it_was_never_true() -> None:
    play = opened("web3/nginx")
    play.write(intent(play.board.incidents["1"]))
    play.write(ie.ActionEnded("1", "1.1.1", Outcome.FAILED, "failed", "", None))
    play.write(ie.IncidentClosed("1", "not_true", ""))
    for number in range(KEEP_UNTRUE):
        play.fire("web1/nginx", "ServiceDown", began=NOW + number)
        play.write(ie.IncidentClosed(str(play.board.opened), "not_true", ""))
    assert "1" in play.board.incidents


def test_each_persons_hold_lasts_until_it_lapses_or_the_node_is_released():
    play = Play()
    play.write(
        ev.NodeHeld("web1", "fan", "ann", NOW + 60),
        ev.NodeHeld("web1", "cable", "bob", None),
        ev.NodeHeld("web2", "disk", "ann", None),
    )
    assert [one.reason for one in play.board.held(Now(NOW + 59))] == ["fan", "cable", "disk"]
    assert [one.reason for one in play.board.held(Now(NOW + 60))] == ["cable", "disk"]
    play.write(ev.NodeHeld("web1", "fan again", "ann", NOW + 90))
    assert [one.reason for one in play.board.held(Now(NOW + 30))] == ["cable", "disk", "fan again"]
    play.write(ev.NodeReleased("web1", "cid"))
    assert [one.reason for one in play.board.held(Now(NOW + 30))] == ["disk"]
    assert replay(play.records).held(Now(NOW)) == play.board.held(Now(NOW))


def test_lapsed_holds_do_not_pile_up():
    play = Play()
    for number in range(100):
        play.write(ev.NodeHeld("web1", "fan", f"person {number}", play.now + 1.5))
    assert len(play.board.holds) <= 2
