"""The journal and what it says: every change is durable first, and then known to everybody at once."""

import asyncio
import math
from collections.abc import Callable

import structlog

from healer.core import events as ev
from healer.core.board import Board
from healer.core.history import History, Keep
from healer.core.incident import IllegalMove
from healer.ports import Store

log = structlog.get_logger()

HINTS = frozenset({"alerts_received"})
"""Kinds of events that change nothing on the board: durable for the audit, and left out of a replay."""

PAGE = 1000
"""Records folded at a time, so that a long journal is never in memory whole."""

Listener = Callable[[ev.Record], None]


class Journal:
    """Writes events, folds them into the board, and tells those who listen.

    Attributes:
        board: Everything told so far. Only this class changes it.
        store: Where it is durable.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.board = Board()
        self._history = History()
        self._listeners: list[Listener] = []
        self._writing = asyncio.Lock()

    def listen(self, listener: Listener) -> None:
        """Have `listener` called with each record written from now on."""
        self._listeners.append(listener)

    async def replay(self) -> int:
        """Fold everything the store has; return the number of records that were folded."""
        count = 0
        while page := await self.store.read(self.board.seq, without=HINTS, most=PAGE):
            for record in page:
                self._fold(record)
            count += len(page)
        return count

    async def write(
        self,
        *events: ev.Event,
        closing: bool = False,
        provided: Callable[[Board], bool] = lambda _: True,
    ) -> None:
        """Make events durable, then fold and tell them.

        Args:
            events: All or none of them are written.
            closing: They end what was begun, and may use the reserved room.
            provided: What must hold of the board in the moment of writing.

        Raises:
            StoreFull: Nothing was written, nothing changed.
            LeaseLost: Nothing was written, and this healer must stop.
            IllegalMove: Another writer came first and it cannot happen any more, or `provided` does not
                hold; nothing was written.
        """
        # A cancelled writer must not leave a durable event that the board has not heard of.
        await asyncio.shield(self._write(events, closing, provided))

    async def _write(
        self,
        events: tuple[ev.Event, ...],
        closing: bool,
        provided: Callable[[Board], bool],
    ) -> None:
        # One at a time: an event that passed the check must still be legal when it is folded.
        async with self._writing:
            if not provided(self.board):
                raise IllegalMove("it was stopped in the moment of writing")
            self.board.check(events)
            for record in await self.store.append(events, closing=closing):
                self._fold(record)
                for listener in self._listeners:
                    listener(record)

    def _fold(self, record: ev.Record) -> None:
        self.board.apply(record)
        self._history.apply(record, self.board)

    async def prune(self, now: float, keep: Keep) -> int:
        """Let go of history that is old enough, a batch at once; return how many records went.

        Args:
            now: Epoch seconds; nothing goes that is younger than `keep` has it, save for its size.
            keep: How long history is kept.

        Raises:
            StoreFull: Nothing went.
            LeaseLost: Nothing went, and this healer must stop.
        """
        return await asyncio.shield(self._prune(now, keep))

    async def _prune(self, now: float, keep: Keep) -> int:
        async with self._writing:
            size, held = await self.store.size(), self._history.records
            surplus = math.ceil(held * (1 - keep.size / size)) if size > keep.size else 0
            going = self._history.due(self.board, now, keep, surplus)
            record = await self.store.prune(going)
            if record is None:
                return 0
            self._history.forget(going)
            self._fold(record)
            for listener in self._listeners:
                listener(record)
            return record.event.records if isinstance(record.event, ev.Pruned) else 0
