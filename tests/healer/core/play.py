"""A journal under way, for tests of the board."""

from dataclasses import dataclass, field
from typing import Any

from healer.core import events as ev
from healer.core.board import Board
from healer.core.correlate import correlate
from healer.core.states import IllegalMove
from tests.healer.core.history import TOPOLOGY
from tests.healer.core.world import NOW, alert


@dataclass
class Play:
    """A journal under way. What cannot happen is not written, as healer.journal has it."""

    board: Board = field(default_factory=Board)
    records: list[ev.Record] = field(default_factory=list)
    now: float = NOW

    def write(self, *events: ev.Event) -> bool:
        try:
            self.board.check(events)
        except IllegalMove:
            return False
        for event in events:
            self.now += 1
            record = ev.Record(len(self.records) + 1, self.now, "boot", self.now, event)
            self.records.append(record)
            self.board.apply(record)
        return True

    def fire(self, at: str, name: str, began: float = NOW) -> None:
        one = alert(name, at, began=began)
        for changes in correlate(self.board, [one], TOPOLOGY):
            assert self.write(*changes)

    def wrote(self, kind: type[ev.Event]) -> list[Any]:
        return [one.event for one in self.records if isinstance(one.event, kind)]


def replay(records: list[ev.Record]) -> Board:
    board = Board()
    for record in records:
        board.apply(record)
    return board


def opened(*targets: str) -> Play:
    play = Play()
    for at in targets:
        play.fire(at, "ServiceDown")
    return play
