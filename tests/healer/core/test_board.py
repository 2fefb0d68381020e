"""Whatever is written, in whatever order: the board is what its records say, and nothing runs twice."""

from collections import Counter
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.actions import steps
from healer.core.attempt import Outcome
from healer.core.board import (
    Board,
)
from healer.core.incident import Incident
from healer.core.states import UNSETTLED, IllegalMove, State
from healer.core.verdict import allow, hold
from tests.healer.core.history import TOPOLOGY, approval, intent, proof
from tests.healer.core.play import Play, opened, replay
from tests.healer.core.world import NOW, alert

SAID = hold("capacity", "capacity", have=0, need=1, sentence="web is short.")
ENDS = [Outcome.DONE, Outcome.FAILED, Outcome.REFUSED, Outcome.UNKNOWN, Outcome.NOT_SENT]


# --- Any history ----------------------------------------------------------------------------

# What engine, runner and people write about one incident, whoever of them comes first.
WORDS = [
    *("hold", "begin", "end", "prove", "escalate"),
    *("adopt", "approve", "deny", "settle", "close"),
]
PLACES = ["web1/nginx", "web1/app", "web2/nginx"]
FIRES = st.tuples(
    st.just("fire"), st.sampled_from(PLACES), st.sampled_from(["ServiceDown", "ExporterDown"])
)
SPEAKS = st.tuples(
    st.just("word"),
    st.sampled_from(WORDS),
    st.integers(0, 3),
    st.sampled_from(ENDS),
    st.booleans(),
)
TURNS = st.tuples(
    st.just("world"), st.sampled_from(["start", "arm", "freeze", "unfreeze", "refuse"])
)
STEPS = st.lists(FIRES | SPEAKS | TURNS, max_size=60)


def play_step(play: Play, step: tuple[Any, ...]) -> None:
    match step:
        case "fire", at, name:
            play.fire(at, name, began=play.now)
        case "world", what:
            play.write(_world(play, what))
        case "word", word, index, outcome, good:
            here = list(play.board.incidents.values())
            if here:
                events = _about(play, here[index % len(here)], word, outcome, good)
                play.write(*events)


def _world(play: Play, what: str) -> ev.Event:
    match what:
        case "start":
            return ev.HealerStarted("test", "d1", TOPOLOGY.modes, 1, len(play.records))
        case "arm":
            return ev.Armed("first_look", (alert(at="web3/nginx"),))
        case "freeze":
            return ev.Frozen("moving", "ann")
        case "unfreeze":
            return ev.Unfrozen("ann")
        case _:
            return ev.AlertRefused(alert(cluster="other"), "other_cluster", "no")


def _about(
    play: Play, one: Incident, word: str, outcome: Outcome, good: bool
) -> tuple[ev.Event, ...]:
    last = one.attempts[-1].action_id if one.attempts else ""
    match word:
        case "hold":
            return (ie.IncidentHeld(one.id, SAID, (allow("still_true", have=1, need=1),)),)
        case "begin":
            return (intent(one, len(play.records)),)
        # The runner and the engine end and prove only what they began; then it may come late or twice.
        case "end" if last:
            return (ie.ActionEnded(one.id, last, outcome, "word", "", None),)
        case "prove" if one.state is State.VERIFYING:
            return proof(one, good=good)
        case "escalate":
            return (ie.IncidentEscalated(one.id, "ladder_exhausted", ""),)
        case "adopt":
            return (ie.IncidentAdopted(one.id, "ann"),)
        case "approve":
            return (approval(one),)
        case "deny":
            return (ie.ApprovalDenied(one.id, 0, "ann"),)
        case "settle":
            over = ie.IncidentClosed(one.id, "by_hand", "ann: done")
            return (ie.IncidentSettled(one.id, "ann", "done"), *(() if one.marks else (over,)))
        case "close":
            return (ie.IncidentClosed(one.id, "cleared", ""),)
    return ()


@given(STEPS, STEPS)
def test_what_is_tried_on_a_draft_is_what_would_follow_and_changes_nothing(before, after) -> None:
    real, tried = Play(), Play()
    for step in before:
        play_step(real, step)
    told = deepcopy(vars(real.board))
    tried.board, tried.records, tried.now = real.board.draft(), [*real.records], real.now
    for play in (tried, real):
        for step in after:
            play_step(play, step)
        if play is tried:
            assert vars(real.board) == told
    assert vars(tried.board) == vars(real.board)


@given(STEPS)
def test_replaying_any_history_gives_the_same_board(steps: list[tuple[Any, ...]]) -> None:
    play = Play()
    for step in steps:
        play_step(play, step)
    assert vars(replay(play.records)) == vars(play.board)


@given(STEPS)
def test_every_intent_is_one_attempt_and_no_incident_has_two_under_way(
    steps: list[tuple[Any, ...]],
) -> None:
    play = Play()
    for step in steps:
        play_step(play, step)
        for one in play.board.incidents.values():
            running = [attempt for attempt in one.attempts if attempt.outcome is None]
            assert len(running) == (one.state is State.ACTING)
            assert one.running is (running[0] if running else None)
    intents = Counter(one.incident for one in play.wrote(ie.ActionIntended))
    attempts = {one.id: len(one.attempts) for one in play.board.incidents.values() if one.attempts}
    assert intents == attempts
    assert len(play.board.past) == intents.total()


@given(STEPS)
def test_the_success_record_says_what_the_incidents_say(steps: list[tuple[Any, ...]]) -> None:
    play = Play()
    for step in steps:
        play_step(play, step)
    told = {one.attempt.action_id: one.attempt for one in play.board.past}
    shown = {a.action_id: a for one in play.board.incidents.values() for a in one.attempts}
    assert told == shown


@given(STEPS)
def test_what_cannot_happen_leaves_the_board_as_it_was(steps: list[tuple[Any, ...]]) -> None:
    play = Play()
    for step in steps:
        play_step(play, step)
    for one in list(play.board.incidents.values()):
        for event in (intent(one), ie.IncidentAdopted(one.id, "ann")):
            before = deepcopy(vars(play.board))
            try:
                play.board.apply(ev.Record(play.board.seq + 1, NOW, "boot", NOW, event))
            except IllegalMove:
                assert vars(play.board) == before
                continue
            play.board = replay(play.records)


# --- One thing at a time --------------------------------------------------------------------


def test_only_what_is_not_settled_counts_as_running() -> None:
    play = opened("web1/nginx", "web2/nginx")
    first = play.board.incidents["1"]
    play.write(intent(first))
    (running,) = play.board.running(TOPOLOGY, besides="2")
    assert (running.incident, running.action) == ("1", "service.restart")
    assert play.board.running(TOPOLOGY, besides="1") == ()
    play.write(ie.ActionEnded("1", "1.1.1", Outcome.FAILED, "start_failed", "", None))
    assert play.board.incidents["1"].state not in UNSETTLED
    assert play.board.running(TOPOLOGY, besides="2") == ()


@pytest.mark.parametrize("outcome", ENDS)
def test_what_may_have_happened_goes_to_proof_and_the_rest_may_be_tried_again(
    outcome: Outcome,
) -> None:
    play = opened("web1/nginx")
    play.write(intent(play.board.incidents["1"]))
    play.write(ie.ActionEnded("1", "1.1.1", outcome, "word", "", None))
    proved_next = outcome in (Outcome.DONE, Outcome.UNKNOWN)
    assert (play.board.incidents["1"].state is State.VERIFYING) == proved_next


def test_other_modes_disarm_and_the_same_modes_do_not() -> None:
    play = Play()
    play.write(_world(play, "start"), ev.Armed("first_look", ()))
    play.write(_world(play, "start"))
    assert play.board.armed_at is not None
    play.write(ev.HealerStarted("test", "d2", "healer act", 1, 3))
    assert play.board.armed_at is None


def test_actions_are_counted_anew_in_each_term() -> None:
    play = opened("web1/nginx")
    play.write(intent(play.board.incidents["1"]))
    assert play.board.actions == 1
    play.write(_world(play, "start"))
    assert play.board.actions == 0


def test_adoption_forgets_the_attempts_of_before_and_the_success_record_does_not() -> None:
    play = opened("web1/nginx")
    play.write(intent(play.board.incidents["1"]))
    play.write(ie.ActionEnded("1", "1.1.1", Outcome.FAILED, "start_failed", "", None))
    play.write(ie.IncidentEscalated("1", "ladder_exhausted", ""), ie.IncidentAdopted("1", "ann"))
    one = play.board.incidents["1"]
    (step,) = steps("service.restart", one.target, TOPOLOGY, one.owner)
    assert one.tries("restart-service", 0, "service.restart", one.target, step) == 0
    assert len(play.board.past) == 1


def test_before_its_first_record_a_board_has_seen_nothing() -> None:
    empty = Board()
    assert (empty.opened, empty.actions, empty.seq) == (0, 0, 0)


def test_an_alert_is_placed_by_its_episode() -> None:
    play = opened("web1/nginx")
    play.fire("web1/app", "ServiceDown")
    ours, theirs = play.board.incidents["1"].cause, alert(at="web3/nginx")
    play.write(ev.Armed("first_look", (theirs,)))
    assert len(play.board.incidents["1"].alerts) == 2
    for one in (ours, theirs):
        assert play.board.places(one) is True
        assert play.board.places(replace(one, began_at=NOW + 1)) is False
    assert play.board.places(alert(at="web2/nginx")) is False


def test_a_record_can_not_open_an_incident_twice_or_change_one_that_is_not_there() -> None:
    play = opened("web1/nginx")
    first = ie.IncidentOpened("1", alert(), "restart-service", "d1")
    second = replace(first, incident="2")
    for events in ((first,), (second, second), (ie.IncidentAdopted("9", "ann"),)):
        assert not play.write(*events)
    assert play.write(second, ie.IncidentAdopted("2", "ann"))


@pytest.mark.parametrize(
    ("ids", "opened_so_far"), [(["7"], 7), (["7", "3"], 8), (["older-id"], 1), (["1", "older"], 2)]
)
def test_no_id_is_used_again_whatever_an_older_journal_called_its_incidents(
    ids: list[str], opened_so_far: int
) -> None:
    play = Play()
    for one in ids:
        play.write(ie.IncidentOpened(one, alert(), "restart-service", "d1"))
    assert play.board.opened == opened_so_far


@pytest.mark.parametrize(
    ("modes", "digest", "armed", "approved"),
    [("same", "d1", True, True), ("other", "d1", False, True), ("same", "d2", True, False)],
)
def test_another_configuration_takes_back_a_yes_and_other_modes_the_arming(
    modes: str, digest: str, armed: bool, approved: bool
) -> None:
    play = Play()
    play.write(ev.ConfigReloaded("d1", "same", "ann"), ev.Armed("first_look", ()))
    play.fire("web1/nginx", "ServiceDown")
    play.write(approval(play.board.incidents["1"]), ev.ConfigReloaded(digest, modes, "ann"))
    assert (play.board.armed_at is not None) is armed
    assert bool(play.board.incidents["1"].approvals) is approved


@pytest.mark.parametrize(
    ("first", "second", "owners"),
    [(True, False, True), (False, True, True), (True, True, True), (False, False, False)],
)
def test_a_freeze_that_an_owner_set_stays_an_owners(
    first: bool, second: bool, owners: bool
) -> None:
    play = Play()
    play.write(ev.Frozen("moving", "ann", first), ev.Frozen("moving", "bob", second))
    assert play.board.freezes["moving"].owner is owners


def test_nothing_stops_us_and_nothing_is_ours_after_the_last_freeze() -> None:
    play = Play()
    play.write(ev.Armed("first_look", ()), ev.Frozen("moving", "ann"), ev.Frozen("fan", "bob"))
    assert list(play.board.freezes) == ["moving", "fan"]
    play.write(ev.Unfrozen("ann"))
    assert (play.board.freezes, play.board.armed_at) == ({}, None)


def test_what_open_incidents_may_have_marked_is_known_by_gate() -> None:
    play = opened("web1/nginx", "web2/nginx")
    args = (("member", "web1"), ("owner", "me"), ("pool", "web"))
    drain = replace(intent(play.board.incidents["1"]), action="pool.drain", gate="lb1", args=args)
    play.write(drain)
    assert play.board.marked == {("pool.drain", "web/web1", "lb1")}
    play.write(ie.ActionEnded("1", "1.1.1", Outcome.REFUSED, "no_pool", "", None))
    assert play.board.marked == frozenset()


def test_a_person_who_has_it_is_not_passed_over_by_anything_but_a_return() -> None:
    play = opened("web1/nginx")
    play.write(ie.IncidentEscalated("1", "ladder_exhausted", ""))
    one = intent(play.board.incidents["1"])
    assert not play.write(one)
    assert not play.write(replace(one, action="pool.drain"))
    assert play.write(replace(one, action="pool.return"))


def test_of_several_attempts_only_the_last_is_under_way() -> None:
    play = opened("web1/nginx")
    play.write(intent(play.board.incidents["1"], 1))
    play.write(ie.ActionEnded("1", "1.1.1", Outcome.FAILED, "start_failed", "", None))
    play.write(intent(play.board.incidents["1"], 2))
    assert len(play.board.running(TOPOLOGY, besides="2")) == 1


def test_the_alerts_of_one_that_was_merged_are_the_others_when_it_is_closed() -> None:
    play = opened("web1/nginx", "web2/nginx")
    (shared,) = play.board.incidents["1"].alerts
    play.write(ie.AlertJoined("2", shared), ie.IncidentClosed("1", "merged", "into incident 2"))
    assert play.board.known == {one.fingerprint: "2" for one in play.board.incidents["2"].alerts}
    assert [one.id for one in play.board.on_node("web1")] == ["2"]
    assert shared.episode not in play.board.closed_episodes
    play.write(ie.IncidentClosed("2", "healed", ""))
    assert shared.episode in play.board.closed_episodes


def test_an_incident_is_on_a_node_as_long_as_one_of_its_alerts_is() -> None:
    play = opened("web1/nginx")
    here = [alert(name, "web2/nginx") for name in ("ServiceDown", "ServiceSlow")]
    play.write(*(ie.AlertJoined("1", one) for one in here))
    for one, nodes in zip(here, (["web1", "web2"], ["web1"]), strict=True):
        play.write(ie.AlertLeft("1", one))
        assert [node for node in ("web1", "web2") if play.board.on_node(node)] == nodes


def test_an_incident_is_like_others_by_the_cause_that_it_has_now() -> None:
    play = opened("web1/nginx", "web2/nginx")
    first, second = (play.board.incidents[one] for one in ("1", "2"))
    assert play.board.alike(first) == (second,)
    slow = alert("ServiceSlow", "web2/nginx")
    play.write(ie.CauseReplaced("2", slow, "restart-service"))
    assert play.board.alike(first) == ()
    assert play.board.alike(replace(first, cause=alert("ServiceSlow"))) == (
        play.board.incidents["2"],
    )
