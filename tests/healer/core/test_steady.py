"""What was 100 seconds ago is 100 seconds ago, whatever a wall clock was set to meanwhile."""

from dataclasses import dataclass, field

import pytest

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.board import Board
from healer.core.fold import begun
from healer.core.history import DAY, as_told
from healer.core.history import Keep as KeepFor
from healer.core.steady import BOOTS, SLACK, Now, Steady
from healer.core.told import KEEP_PAST_SECONDS
from tests.healer.core.world import alert

NOW = 1_800_000_000.0


@dataclass
class Clocks:
    """One machine's, with what they were read for: steady time, and the records of a journal."""

    wall: float = NOW
    boot: str = "a"
    uptime: float = 500.0
    steady: Steady = field(default_factory=Steady)
    records: list[ev.Record] = field(default_factory=list)

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.uptime += seconds

    @property
    def shown(self) -> tuple[float, str, float]:
        return self.wall, self.boot, self.uptime

    def note(self) -> Now:
        self.steady = self.steady.after(*self.shown)
        return Now(self.wall, self.steady.ahead)

    def look(self) -> Now:
        return self.steady.now(*self.shown)

    def write(self, event: ev.Event) -> None:
        self.records.append(
            ev.Record(len(self.records) + 1, self.wall, self.boot, self.uptime, event)
        )

    @property
    def board(self) -> Board:
        return as_told(self.records)[0]

    def now(self, board: Board) -> Now:
        return board.steady.now(*self.shown)


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_clock_that_is_set_moves_nothing_within_one_boot(jump: float) -> None:
    clocks = Clocks()
    before = clocks.note().steady
    clocks.passes(40)
    clocks.wall += jump
    assert clocks.look() == Now(NOW + 40 + jump, jump)
    clocks.passes(60)
    assert clocks.note().steady - before == 100
    clocks.wall -= jump
    clocks.passes(10)
    assert clocks.look().steady - before == 110


def test_a_clock_that_drifts_is_followed_a_second_at_a_time() -> None:
    clocks = Clocks()
    clocks.note()
    for _ in range(100):
        clocks.passes(1000)
        clocks.wall += 0.3
        assert clocks.look().steady == pytest.approx(NOW + clocks.uptime - 500, abs=SLACK)
        clocks.note()
    assert clocks.steady.ahead == pytest.approx(30, abs=SLACK)


@pytest.mark.parametrize(("step", "ahead"), [(SLACK, 0.0), (-SLACK, 0.0), (2 * SLACK, 2 * SLACK)])
def test_a_clock_counts_as_set_where_it_leaves_the_uptime_by_more_than_the_slack(
    step: float, ahead: float
) -> None:
    clocks = Clocks()
    clocks.note()
    clocks.wall += step
    assert clocks.look().ahead == ahead


def test_a_boot_after_a_clock_was_set_counts_on_by_that_clock() -> None:
    clocks = Clocks()
    clocks.note()
    clocks.wall += 3600
    clocks.note()
    clocks.passes(300)
    clocks.boot, clocks.uptime = "b", 20.0
    assert clocks.note() == Now(NOW + 3900, 3600.0)
    assert clocks.look().steady == NOW + 300


def test_from_one_boot_to_the_next_the_wall_clock_counts_and_never_backwards() -> None:
    clocks = Clocks()
    clocks.note()
    clocks.boot, clocks.uptime, clocks.wall = "b", 20.0, NOW + 300
    assert clocks.look().steady == NOW + 300
    assert not clocks.steady.loses(*clocks.shown)
    clocks.note()
    clocks.boot, clocks.wall = "c", NOW - 7200
    assert clocks.steady.loses(*clocks.shown)
    assert clocks.note().steady == NOW + 300
    clocks.passes(5)
    assert clocks.look().steady == NOW + 305
    assert not clocks.steady.loses(*clocks.shown)


def test_a_healer_that_leads_again_counts_on_by_its_own_uptime() -> None:
    """Its clock was set while another one led, whose own is a little late."""
    clocks = Clocks()
    clocks.note()
    other = Clocks(NOW + 99.5, "other", 7.0, clocks.steady)
    other.note()
    clocks.steady = other.steady
    clocks.passes(200)
    clocks.wall += 7200
    assert clocks.note().steady == NOW + 200


def test_what_a_healer_with_a_later_clock_wrote_is_never_yet_to_come() -> None:
    clocks = Clocks()
    clocks.note()
    other = Clocks(NOW + 3600, "other", 7.0, clocks.steady)
    written = other.note().steady
    clocks.steady = other.steady
    clocks.passes(10)
    assert clocks.note().steady == written
    clocks.passes(10)
    assert clocks.note().steady == written + 10


def test_no_more_than_the_last_boots_are_remembered() -> None:
    steady = Steady()
    for number in range(BOOTS + 1):
        steady = steady.after(NOW + number, f"boot {number}", 0.0)
    assert steady.now(NOW + 7200, "boot 0", 100.0).ahead == 0
    assert steady.now(NOW + 7200, "boot 1", 100.0).ahead == 7200 - 101


def test_a_boot_that_leads_again_is_among_the_newest() -> None:
    steady = Steady()
    for number in (0, 1, 0, *range(2, BOOTS + 1)):
        steady = steady.after(NOW, f"boot {number}", 0.0)
    assert steady.now(NOW + 7200, "boot 0", 100.0).ahead == 7200 - 100
    assert steady.now(NOW + 7200, "boot 1", 100.0).ahead == 0


# --- The board ------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [10800.0, -10800.0])
def test_a_hold_is_over_when_its_time_is_and_says_so_by_the_clock_as_it_is_set(jump: float) -> None:
    clocks = Clocks()
    clocks.write(ev.NodeHeld("web1", "fan", "ann", NOW + 7200))
    clocks.passes(100)
    clocks.wall += jump
    board = clocks.board
    assert board.held(clocks.now(board)) == [ev.NodeHeld("web1", "fan", "ann", NOW + 7200 + jump)]
    # Another hold, a replay, and a jump back in between change nothing of it.
    clocks.write(ev.NodeHeld("web2", "fan", "ann", clocks.wall + 60))
    clocks.passes(7099)
    clocks.wall -= jump
    board = clocks.board
    assert [one.node for one in board.held(clocks.now(board))] == ["web1"]
    clocks.passes(1)
    assert board.held(clocks.now(board)) == []


def test_a_clock_that_was_set_forward_prunes_no_hold_that_stands() -> None:
    clocks = Clocks()
    clocks.write(ev.NodeHeld("web1", "fan", "ann", NOW + 7200))
    clocks.wall += 10 * DAY
    clocks.write(ev.SecondPathTested(True))
    board, history = as_told(clocks.records)
    assert history.due(board, clocks.wall, KeepFor(0, 0)).seqs == ()
    clocks.passes(7201 + DAY)
    assert history.due(board, clocks.wall, KeepFor(0, 0)).seqs == (1,)


@pytest.mark.parametrize("jump", [10800.0, -10800.0])
def test_what_an_incident_counts_from_is_as_long_ago_as_it_was(jump: float) -> None:
    clocks = Clocks()
    clocks.write(ie.IncidentOpened("1", alert(began=NOW - 5), "restart-service", ""))
    clocks.passes(30)
    clocks.wall += jump
    clocks.write(ie.IncidentEscalated("1", "ladder_exhausted", ""))
    clocks.passes(30)
    clocks.write(ie.IncidentRetried("1", "ann"))
    board = clocks.board
    one, now = board.incidents["1"], clocks.now(board).steady
    assert (now - one.opened, now - one.changed, now - one.adopted) == (60, 0, 0)
    # What people are shown is what the journal says.
    assert (one.opened_at, one.changed_at, one.adopted_at) == (NOW, clocks.wall, clocks.wall)


def given(until: float) -> ie.ApprovalGiven:
    one = alert()
    return ie.ApprovalGiven("1", "restart-service", 0, one.target, "as it is", "ann", until)


@pytest.mark.parametrize("jump", [10800.0, -10800.0])
def test_a_yes_is_good_for_its_time(jump: float) -> None:
    clocks = Clocks()
    clocks.write(ie.IncidentOpened("1", alert(began=NOW - 5), "restart-service", ""))
    clocks.write(given(clocks.wall + 900))
    clocks.passes(60)
    clocks.wall += jump
    board = clocks.board
    (yes,) = board.incidents["1"].approvals
    now = clocks.now(board).steady
    assert (now - yes.given_at, yes.until - now) == (60, 840)


@pytest.mark.parametrize(
    ("boot", "wall", "left"), [("b", -60.0, 0), ("b", 60.0, 1), ("a", -60.0, 1)]
)
def test_a_yes_whose_age_nobody_knows_is_none(boot: str, wall: float, left: int) -> None:
    """After a boot with an earlier clock: how long that took cannot be told."""
    clocks = Clocks()
    clocks.write(ie.IncidentOpened("1", alert(began=NOW - 5), "restart-service", ""))
    clocks.write(given(clocks.wall + 900))
    clocks.boot, clocks.wall = boot, clocks.wall + wall
    clocks.write(ev.HealerStarted("1", "", "", 1, 2))
    assert len(clocks.board.incidents["1"].approvals) == left


def test_what_a_replay_leaves_out_changes_no_time() -> None:
    clocks = Clocks()
    clocks.write(ev.Frozen("moving", "ann"))
    clocks.wall += 3600
    clocks.write(ev.AlertsReceived(()))
    told = clocks.board
    assert told.steady == as_told(clocks.records[:1])[0].steady


def test_what_a_replay_leaves_out_takes_no_yes_back() -> None:
    clocks = Clocks()
    clocks.write(ie.IncidentOpened("1", alert(began=NOW - 5), "restart-service", ""))
    clocks.write(given(clocks.wall + 900))
    clocks.boot, clocks.wall = "b", clocks.wall - 60
    clocks.write(ev.AlertsReceived(()))
    assert len(clocks.board.incidents["1"].approvals) == 1


def test_where_nobody_says_that_a_clock_was_set_an_incident_opened_when_its_record_says() -> None:
    opened = begun(ie.IncidentOpened("1", alert(), "restart-service", ""), NOW)
    assert (opened.opened, opened.changed) == (NOW, NOW)


def test_that_a_clock_was_set_is_kept_for_as_long_as_anything_counts() -> None:
    clocks = Clocks()
    clocks.write(ev.ClockSet(3600.0))
    board, history = as_told(clocks.records)
    assert history.due(board, NOW + KEEP_PAST_SECONDS, KeepFor(0, 0)).seqs == ()
    assert history.due(board, NOW + KEEP_PAST_SECONDS + 1, KeepFor(0, 0)).seqs == (1,)
