"""The journal and what it says: every change is durable first, and then known to everybody at once."""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.board import Board
from healer.core.history import History, Keep
from healer.core.states import IllegalMove
from healer.errors import ConfigError, LeaseLost, Malformed
from healer.ports import Store

log = structlog.get_logger()

HINTS = frozenset({"alerts_received"})
"""Kinds of events that change nothing on the board: durable for the audit, and left out of a replay."""

PAGE = 1000
"""Records folded at a time, so that a long journal is never in memory whole."""

MOST_TOGETHER = 100
"""Writers, and about as many events, that share one write. etcd takes 128 operations in a transaction."""

Listener = Callable[[ev.Record], None]


def always(_: Board) -> bool:
    """No condition of the board."""
    return True


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
        self._waiting: deque[_Waiting] = deque()
        self._behind: Exception | None = None

    def listen(self, listener: Listener) -> None:
        """Have `listener` called with each record written from now on."""
        self._listeners.append(listener)

    def ignore(self, listener: Listener) -> None:
        """Have `listener` called no more."""
        self._listeners.remove(listener)

    async def replay(self) -> int:
        """Fold everything the store has; return the number of records that were folded.

        Raises:
            ConfigError: It says what cannot have happened; the message names the record. Nothing was changed.
        """
        count = 0
        while page := await self.store.read(self.board.seq, without=HINTS, most=PAGE):
            for record in page:
                self._replay(record)
            count += len(page)
        return count

    def _replay(self, record: ev.Record) -> None:
        try:
            self._fold(record)
        except (IllegalMove, KeyError) as error:
            said = type(record.event).__name__
            msg = (
                f"journal: record {record.seq} ({said}) cannot follow what is before it: {error}. It was not changed, "
                "so this is a fault in hale-healer: keep a copy of the journal, report it, and start anew with "
                "`hale-healer store init` on an empty store"
            )
            raise ConfigError(msg) from error

    def ensure_whole(self) -> None:
        """Make sure that the board knows all that is durable.

        Raises:
            LeaseLost: It does not, and this healer must stop: the next life reads it.
        """
        if self._behind is not None:
            raise LeaseLost(f"the board is behind the journal: {self._behind}")

    async def write(
        self,
        *events: ev.Event,
        closing: bool = False,
        provided: Callable[[Board], bool] = always,
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
        await asyncio.shield(self._write(_Waiting(events, closing, provided)))

    async def _write(self, mine: "_Waiting") -> None:
        self._waiting.append(mine)
        # One at a time: an event that passed the check must still be legal when it is folded.
        async with self._writing:
            if not mine.over:
                await self._write_together(self._take())
        if mine.error is not None:
            raise mine.error

    def _take(self) -> list["_Waiting"]:
        """Take those who wait longest and do not depend on each other: one sync of the disk is for all of them."""
        first = self._waiting.popleft()
        taken, touched, count = [first], first.concerns, len(first.events)
        while touched is not None and self._waiting and len(taken) < MOST_TOGETHER:
            one = self._waiting[0]
            count += len(one.events)
            if one.concerns is None or one.closing != first.closing or count > MOST_TOGETHER:
                break
            if not touched.isdisjoint(one.concerns):
                break
            touched |= one.concerns
            taken.append(self._waiting.popleft())
        return taken

    async def _write_together(self, taken: list["_Waiting"]) -> None:
        able = [one for one in taken if self._legal(one)]
        try:
            if able:
                await self._append(able)
        except Malformed as error:
            # Each for itself, so that what cannot be stored keeps none of the others out.
            for one in able if len(able) > 1 else ():
                await self._write_together([one])
            if len(able) == 1:
                able[0].error = error
        except Exception as error:  # noqa: BLE001 -- each of the writers raises it
            for one in able:
                one.error = error
        except asyncio.CancelledError:
            for one in able:
                one.error = LeaseLost("stopped before it was known to be durable")
            raise
        finally:
            for one in taken:
                one.over = True

    def _legal(self, one: "_Waiting") -> bool:
        try:
            if not one.provided(self.board):
                raise IllegalMove("it was stopped in the moment of writing")
            self.board.check(one.events)
        except IllegalMove as error:
            one.error = error
        return one.error is None

    async def _append(self, able: list["_Waiting"]) -> None:
        events = [event for one in able for event in one.events]
        closing = any(one.closing for one in able)
        self.ensure_whole()
        records = await self.store.append(events, closing=closing)
        try:
            for record in records:
                self._fold(record)
                for listener in self._listeners:
                    listener(record)
        except Exception as error:
            # Its writers must not be told that nothing was written, and nobody may decide by such a board.
            self._behind = error
            log.exception("journal.not_folded")
            raise LeaseLost(f"the board is behind the journal: {error}") from error

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


@dataclass(eq=False, slots=True)
class _Waiting:
    """Events that somebody waits to be durable.

    Attributes:
        over: Whether they are, or never will be for the reason of `error`.
    """

    events: tuple[ev.Event, ...]
    closing: bool
    provided: Callable[[Board], bool]
    over: bool = False
    error: Exception | None = None

    @property
    def concerns(self) -> frozenset[str] | None:
        """The incidents that they change; None where they may change more, or depend on more, than incidents."""
        if self.provided is not always:
            return None
        found = set()
        for event in self.events:
            if isinstance(event, ie.IncidentEvent | ie.IncidentOpened):
                found.add(event.incident)
            elif not isinstance(event, ev.AlertsReceived):
                return None
        return frozenset(found)
