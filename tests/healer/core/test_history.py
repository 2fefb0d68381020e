"""Whatever is pruned, whenever: the board that is replayed decides as the one before did."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.attempt import Outcome
from healer.core.board import Board
from healer.core.history import DAY, Going, History, Keep
from healer.core.incident import FOR_A_PERSON
from healer.core.steady import Now
from healer.core.told import KEEP_PAST_SECONDS
from tests.healer.core.history import intent, proof
from tests.healer.core.test_board import STEPS, Play, play_step
from tests.healer.core.world import NOW, alert

NOTHING_KEPT = Keep(0.0, 0.0, 0)
CLOSED, EPISODES = 2, 4
"""So few are at hand in these histories that some are not."""


@dataclass
class Pruned(Play):
    """A journal under way whose history goes now and then."""

    board: Board = field(default_factory=lambda: Board(CLOSED, EPISODES))
    history: History = field(default_factory=History)
    total: int = 0

    def write(self, *events: ev.Event) -> bool:
        before = len(self.records)
        done = super().write(*events)
        for record in self.records[before:]:
            self.history.apply(record, self.board)
        return done

    def due(self, keep: Keep = NOTHING_KEPT, surplus: int = 0) -> Going:
        return self.history.due(self.board, self.now, keep, surplus)

    def prune(self, keep: Keep = NOTHING_KEPT, surplus: int = 0) -> Going:
        """Do what a store does in one transaction."""
        going = self.due(keep, surplus)
        if going.seqs:
            self.gone |= set(going.seqs)
            self.history.forget(going)
            self.write(
                ev.Pruned(
                    records=len(going.seqs),
                    total=len(self.gone),
                    first_seq=going.seqs[0],
                    last_seq=going.seqs[-1],
                    succeeded=going.succeeded,
                    failed=going.failed,
                    opened=going.opened,
                    episodes=going.episodes,
                    gaps_sha256="",
                )
            )
        return going

    gone: set[int] = field(default_factory=set)

    @property
    def left(self) -> list[ev.Record]:
        return [one for one in self.records if one.seq not in self.gone]

    def kinds(self) -> list[str]:
        return [type(one.event).__name__ for one in self.left]


def replayed(play: Pruned) -> tuple[Board, History]:
    board, history = Board(CLOSED, EPISODES), History()
    for record in play.left:
        board.apply(record)
        history.apply(record, board)
    return board, history


def deciding(board: Board, now: float) -> dict[str, Any]:
    """Everything on the board that a decision rests on, by now or later."""
    return {
        "incidents": list(board.incidents.values()),
        "past": board.recent(now),
        "closed_episodes": list(board.closed_episodes),
        "armed_at": board.armed_at,
        "pre_existing": board.pre_existing,
        "by_hand": set(board.by_hand),
        "modes": board.modes,
        "tested_at": board.tested_at,
        "freezes": list(board.freezes.values()),
        "storm": board.storm,
        "held": board.held(Now(now)),
        "known": board.known,
        "on_node": {node: [one.id for one in board.on_node(node)] for node in ("web1", "web2")},
        "opened": board.opened,
        "refused": {key: one for key, one in board.refused.items() if one[1] > now - 3600},
    }


MORE = st.one_of(
    st.tuples(st.just("pass"), st.sampled_from([1.0, 3600.0, 2 * DAY, 20 * DAY, 40 * DAY])),
    st.tuples(st.just("prune"), st.integers(0, 20)),
    st.tuples(
        st.just("said"),
        st.sampled_from(
            [
                *("hold", "hold until", "release", "storm", "calm", "tested", "other modes"),
                *("clear", "clear there", "theirs", "clock set"),
            ]
        ),
        st.sampled_from(["web1", "web2"]),
    ),
)
LIVES = st.lists(st.one_of(MORE, MORE, STEPS.map(lambda steps: ("steps", steps))), max_size=12)


def said(play: Pruned, what: str, node: str) -> ev.Event:
    return {
        "hold": ev.NodeHeld(node, "fan", "ann", None),
        "hold until": ev.NodeHeld(node, "fan", "bob", play.now + 3 * DAY),
        "release": ev.NodeReleased(node, "ann"),
        "storm": ev.StormBegan((node,)),
        "calm": ev.StormEnded(),
        "clear": ev.SeenClear(alert(at="web3/nginx").fingerprint),
        "clear there": ev.SeenClear(alert(at=f"{node}/nginx").fingerprint),
        "theirs": ev.AlertSettled(alert(at=f"{node}/nginx"), alert("ExporterDown", node)),
        "tested": ev.SecondPathTested(True),
        "clock set": ev.ClockSet(3600.0),
        "other modes": ev.HealerStarted("test", "d2", f"modes of {node}", 1, len(play.records)),
    }[what]


def live(play: Pruned, life: tuple[Any, ...]) -> None:
    match life:
        case "pass", seconds:
            play.now += seconds
        case "prune", surplus:
            play.prune(Keep(30 * DAY, 60 * DAY, 0), surplus)
        case "said", what, node:
            play.write(said(play, what, node))
        case "steps", steps:
            for step in steps:
                play_step(play, step)


@settings(deadline=None)
@given(LIVES)
def test_the_board_decides_the_same_after_pruning_and_a_restart(
    lives: list[tuple[Any, ...]],
) -> None:
    play = Pruned()
    for one in lives:
        live(play, one)
    play.prune()
    board, history = replayed(play)
    assert deciding(board, play.now) == deciding(play.board, play.now)
    assert history.records == play.history.records == len(play.left)
    assert history.due(board, play.now, NOTHING_KEPT) == play.due()


@settings(deadline=None)
@given(LIVES, LIVES)
def test_what_happens_after_pruning_and_a_restart_is_what_would_have_happened(
    before: list[tuple[Any, ...]], after: list[tuple[Any, ...]]
) -> None:
    play = Pruned()
    for one in before:
        live(play, one)
    play.prune()
    again = Pruned(*replayed(play)[:1], records=list(play.left), now=play.now)
    again.history, again.gone = replayed(play)[1], set()
    again.records = list(play.records)  # seqs go on; those that went are not replayed
    again.gone = set(play.gone)
    start = ev.HealerStarted("test", "d1", play.board.modes, 1, 99)
    for life in (play, again):
        life.write(start)
        for one in after:
            live(life, one)
    assert deciding(again.board, again.now) == deciding(play.board, play.now)


@settings(deadline=None)
@given(LIVES)
def test_an_open_incident_and_what_the_success_record_counts_never_go(
    lives: list[tuple[Any, ...]],
) -> None:
    play = Pruned()
    for one in lives:
        live(play, one)
        going = play.due(NOTHING_KEPT, surplus=1000)
        kept = {one.id for one in play.board.open} | {
            one.incident for one in play.board.recent(play.now)
        }
        assert kept.isdisjoint(going.incidents)
        assert list(going.seqs) == sorted(set(going.seqs))


# --- How long ------------------------------------------------------------------------------


def ended(play: Pruned, *, good: bool, at: str = "web1/nginx") -> str:
    """One incident from its alert to its end, and so many after it that it is not at hand any more."""
    play.fire(at, "ServiceDown", began=play.now)
    number = str(play.board.opened)
    one = play.board.incidents[number]
    play.write(intent(one, len(play.records)))
    action = play.board.incidents[number].attempts[-1].action_id
    play.write(ie.ActionEnded(number, action, Outcome.DONE, "restarted", "", NOW))
    play.write(*proof(play.board.incidents[number], good=good))
    if not good:
        play.write(ie.IncidentClosed(number, "cleared", ""))
    return number


def cleared(play: Pruned, count: int = CLOSED) -> None:
    for _ in range(count):
        play.fire("web2/nginx", "ServiceDown", began=play.now)
        play.write(ie.IncidentClosed(str(play.board.opened), "cleared", ""))


KEEP = Keep(40 * DAY, 100 * DAY, 0)


def test_a_failure_is_kept_longer_than_a_success():
    play = Pruned()
    good, bad = ended(play, good=True), ended(play, good=False)
    play.now += 41 * DAY
    cleared(play)
    assert play.due(KEEP).incidents == (good,)
    play.now += 60 * DAY
    cleared(play)
    assert set(play.due(KEEP).incidents) > {good, bad}
    assert (play.due(KEEP).succeeded, play.due(KEEP).failed) == (3, 1)


@pytest.mark.parametrize(
    ("event", "failed"),
    [
        (lambda one: ie.IncidentEscalated(one, "ladder_exhausted", ""), True),
        (lambda one: ie.ApprovalDenied(one, 0, "ann"), True),
        # Nothing was tried: the alert itself had no ladder.
        (lambda one: ie.IncidentEscalated(one, FOR_A_PERSON, ""), False),
        (lambda one: ie.IncidentMitigated(one, ""), False),
    ],
)
def test_a_person_who_was_called_for_what_failed_makes_it_a_failure(event, failed):
    play = Pruned()
    play.fire("web1/nginx", "ServiceDown")
    play.write(event("1"), ie.IncidentClosed("1", "cleared", ""))
    cleared(play)
    play.now += 41 * DAY
    assert ("1" in play.due(KEEP).incidents) is not failed


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.UNKNOWN, Outcome.REFUSED])
def test_an_action_that_did_not_end_well_makes_its_incident_a_failure(outcome):
    play = Pruned()
    play.fire("web1/nginx", "ServiceDown")
    play.write(intent(play.board.incidents["1"]))
    play.write(ie.ActionEnded("1", "1.1.1", outcome, "word", "", None))
    if outcome is Outcome.UNKNOWN:
        play.write(*proof(play.board.incidents["1"], good=True))
    else:
        play.write(ie.IncidentClosed("1", "cleared", ""))
    cleared(play)
    play.now += 41 * DAY
    assert "1" not in play.due(KEEP).incidents


def test_what_the_success_record_counts_stays_however_short_history_is_kept():
    play = Pruned()
    number = ended(play, good=True)
    cleared(play)
    play.now += KEEP_PAST_SECONDS - 60
    assert number not in play.due().incidents
    play.now += 120
    assert number in play.due().incidents


def test_beyond_its_size_the_oldest_successes_go_before_their_time_and_failures_last():
    play = Pruned()
    bad, good, better = (ended(play, good=good) for good in (False, True, True))
    play.now += KEEP_PAST_SECONDS + 60
    cleared(play)
    long = Keep(1000 * DAY, 1000 * DAY, 0)
    assert play.due(long).seqs == ()
    assert play.due(long, surplus=1).incidents == (good,)
    assert play.due(long, surplus=6).incidents == (good, better)
    assert play.due(long, surplus=11).incidents == (good, better, bad)


def ruled(play: Pruned, number: str, word: ev.Event) -> None:
    play.fire("web1/nginx", "ServiceDown")
    play.write(ie.IncidentEscalated(number, "ladder_exhausted", ""), word)
    play.write(ie.IncidentClosed(number, "cleared", ""))


def test_an_adoption_is_kept_until_the_next_arming():
    play = Pruned()
    play.write(ev.Armed("first_look", (alert(),)))
    ruled(play, "1", ie.IncidentAdopted("1", "ann"))
    cleared(play)
    play.now += 50 * DAY
    assert "1" not in play.due().incidents
    play.write(ev.Armed("blind", ()))
    assert "1" in play.due().incidents


def test_what_was_closed_by_hand_is_kept_until_it_was_seen_clear_and_goes_before_that_word():
    play = Pruned()
    ruled(play, "1", ie.IncidentSettled("1", "ann", "a new fan"))
    cleared(play)
    play.write(ev.Armed("blind", ()))
    play.now += 50 * DAY
    assert "1" not in play.due().incidents
    play.write(ev.SeenClear(next(iter(play.board.by_hand))))
    clear = len(play.records)
    play.write(ev.Armed("blind", ()))
    due = play.due()
    assert "1" in due.incidents
    assert clear not in due.seqs
    play.prune()
    assert clear in play.due().seqs


def test_an_adoption_outlives_the_closing_by_hand_that_it_ended():
    play = Pruned()
    ruled(play, "1", ie.IncidentSettled("1", "ann", "a new fan"))
    (one,) = play.board.by_hand
    play.write(ie.IncidentOpened("2", replace(alert(), fingerprint=one), "restart-service", "d1"))
    play.write(ie.IncidentAdopted("2", "ann"), ie.IncidentClosed("2", "cleared", ""))
    cleared(play)
    play.write(ev.Armed("blind", ()))
    play.now += 50 * DAY
    for number in ("1", "2"):
        due = play.due()
        assert [one for one in ("1", "2") if one in due.incidents] == [number]
        play.prune()
        assert not replayed(play)[0].by_hand


def test_of_what_is_about_no_incident_only_that_goes_which_decides_nothing():
    play = Pruned()
    start = ev.HealerStarted("test", "d1", "modes", 1, 1)
    play.write(start, start, ev.Armed("first_look", ()), start)
    play.write(
        ev.Frozen("old", "ann"),
        ev.Unfrozen("ann"),
        ev.Armed("unfrozen", ()),
        ev.Frozen("new", "ann"),
    )
    play.write(ev.NodeHeld("web1", "fan", "ann", None), ev.NodeReleased("web1", "ann"))
    play.write(
        ev.NodeHeld("web2", "disk", "ann", None), ev.NodeHeld("web2", "cpu", "bob", play.now + 1)
    )
    play.write(ev.StormBegan(("web1",)), ev.StormEnded(), ev.StormBegan(("web2",)))
    play.write(ev.SecondPathTested(True), ev.SecondPathTested(False))
    play.now += 2 * DAY
    play.prune()
    assert play.kinds() == [
        "HealerStarted",
        "Unfrozen",
        "Armed",
        "Frozen",
        "NodeReleased",
        "NodeHeld",
        "StormBegan",
        "SecondPathTested",
        "Pruned",
    ]
    play.prune()
    assert "NodeReleased" not in play.kinds()
    assert [one.reason for one in replayed(play)[0].held(Now(play.now))] == ["disk"]


def test_no_id_of_an_incident_is_used_again():
    play = Pruned()
    for at in ("web1/nginx", "web2/nginx", "web3/nginx"):
        play.fire(at, "ServiceDown", began=play.now)
    for number in ("3", "2", "1"):  # the newest is over first, and so the first to go
        play.write(ie.IncidentClosed(number, "cleared", ""))
    play.now += 50 * DAY
    assert play.prune().incidents == ("3",)
    assert replayed(play)[0].opened == 3


def test_a_closed_episode_is_remembered_however_often_the_journal_is_pruned():
    play = Pruned()
    play.fire("web1/nginx", "ServiceDown", began=NOW)
    play.write(ie.IncidentClosed("1", "cleared", ""))
    cleared(play)
    episode = alert(at="web1/nginx", began=NOW).episode
    for _ in range(3):
        play.now += 50 * DAY
        play.write(ev.SecondPathTested(True), ev.SecondPathTested(True))
        play.prune()
        assert episode in replayed(play)[0].closed_episodes
    assert "1" not in replayed(play)[0].incidents


def test_notes_of_earlier_pruning_go_when_nothing_in_them_is_remembered_any_more():
    play = Pruned()
    for _ in range(6):
        cleared(play, EPISODES)
        play.now += 50 * DAY
        play.prune()
    assert 1 <= play.kinds().count("Pruned") <= 3
    assert len(replayed(play)[0].closed_episodes) == EPISODES
