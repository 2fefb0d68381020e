"""Engine and people write at the same time; whatever comes first, what is durable can be replayed."""

import asyncio
from collections.abc import Sequence

import pytest

from healer.core import events as ev
from healer.core.board import Board
from healer.core.events import Event, Record
from healer.core.incident import IllegalMove, State
from healer.core.verdict import hold
from healer.errors import Refused, StoreFull
from tests.healer.core.history import intent
from tests.healer.core.world import alert
from tests.healer.fakes import FakeStore
from tests.healer.village import Village

pytestmark = pytest.mark.looptime(start=0)


class SlowStore(FakeStore):
    """Takes a moment for each append, one after the other, as a disk does."""

    async def append(self, events: Sequence[Event], *, closing: bool = False) -> list[Record]:
        await asyncio.sleep(0.01)
        return await super().append(events, closing=closing)


@pytest.fixture
def village() -> Village:
    made = Village()
    made.store = SlowStore(made.clock)
    made._put_together()
    return made


async def held(village: Village) -> None:
    said = hold("capacity", "capacity", have=0, need=1, sentence="web is short.")
    await village.journal.write(
        ev.IncidentOpened("1", alert(), "restart-service", "d1"), ev.IncidentHeld("1", said, ())
    )


def replayed(village: Village) -> Board:
    board = Board()
    for record in village.store.records:
        board.apply(record)
    return board


@pytest.mark.parametrize("word", ["adopt", "deny"])
async def test_a_person_who_speaks_while_an_action_begins_is_refused(village, word):
    await held(village)
    speak = getattr(village.operators, word)
    begun, said = await asyncio.gather(
        village.journal.write(intent(village.incident())), speak("1", "ann"), return_exceptions=True
    )
    assert begun is None
    assert isinstance(said, Refused)
    assert replayed(village).incidents == village.journal.board.incidents
    assert village.incident().state is State.ACTING


async def test_an_action_that_would_begin_while_a_person_says_no_does_not(village):
    await held(village)
    said, begun = await asyncio.gather(
        village.operators.deny("1", "ann"),
        village.journal.write(intent(village.incident())),
        return_exceptions=True,
    )
    assert said is None
    assert isinstance(begun, IllegalMove)
    assert replayed(village).incidents == village.journal.board.incidents
    assert village.written(ev.ActionIntended) == []


async def test_what_cannot_happen_is_not_written_even_as_part_of_something(village):
    await held(village)
    before = list(village.store.records)
    closed = ev.IncidentClosed("1", "cleared", "")
    with pytest.raises(IllegalMove):
        await village.journal.write(closed, ev.IncidentAdopted("1", "ann"))
    assert village.store.records == before
    assert village.incident().state is State.HELD


async def test_a_writer_that_is_cancelled_leaves_no_event_that_the_board_has_not_heard_of(village):
    opened = ev.IncidentOpened("1", alert(), "restart-service", "d1")
    writer = asyncio.create_task(village.journal.write(opened))
    await asyncio.sleep(0.005)
    writer.cancel()
    await asyncio.sleep(0.1)
    assert len(village.store.records) == 1
    assert replayed(village).incidents == village.journal.board.incidents


async def test_where_there_is_no_room_nothing_changes_and_nobody_hears(village):
    heard: list[Record] = []
    village.journal.listen(heard.append)
    village.store.full = True
    with pytest.raises(StoreFull):
        await village.journal.write(ev.IncidentOpened("1", alert(), "restart-service", "d1"))
    assert (village.journal.board.incidents, heard) == ({}, [])


async def test_the_engine_goes_on_when_a_person_was_faster(village):
    async with village.armed():
        village.gates.holds = ("a person looks",)
        village.fail()
        await asyncio.sleep(4.9)  # just before the next look
        village.gates.holds = ()
        village.engine.wake()
        await asyncio.sleep(0)
        await village.operators.deny("1", "ann")
        await asyncio.sleep(20)
        village.mend()
        await asyncio.sleep(20)
    assert village.incident().outcome == "cleared"
    replayed(village)
