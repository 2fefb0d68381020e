"""The instant that it is, by this machine's clocks and by what the journal knows of them."""

from healer.core.board import Board
from healer.core.steady import Now
from healer.ports import Clock


def now_of(clock: Clock, board: Board) -> Now:
    """Return the instant that it is. A clock that was set since the last record counts already."""
    return board.steady.now(clock.wall(), clock.boot_id, clock.boottime())
