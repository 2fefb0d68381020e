"""Engine and people write at the same time; whatever comes first, what is durable can be replayed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.attempt import Outcome
from healer.core.board import Board
from healer.core.events import Event, Record
from healer.core.incident import Incident
from healer.core.states import IllegalMove, State
from healer.core.verdict import hold
from healer.errors import ConfigError, LeaseLost, Malformed, Refused, StoreFull
from healer.journal import Journal
from tests.healer.core.history import intent
from tests.healer.core.world import alert
from tests.healer.fakes import FakeStore
from tests.healer.village import Village

pytestmark = pytest.mark.looptime(start=0)


@dataclass
class SlowStore(FakeStore):
    """Takes a moment for each append, one after the other, as a disk does.

    Attributes:
        sizes: How many events each append had.
        unfit: Names of alerts that it cannot store.
    """

    sizes: list[int] = field(default_factory=list)
    unfit: set[str] = field(default_factory=set)

    async def append(self, events: Sequence[Event], *, closing: bool = False) -> list[Record]:
        self.sizes.append(len(events))
        await asyncio.sleep(0.01)
        opened = (one for one in events if isinstance(one, ie.IncidentOpened))
        if any(one.cause.name in self.unfit for one in opened):
            raise Malformed("half a surrogate pair")
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
        ie.IncidentOpened("1", alert(), "restart-service", "d1"), ie.IncidentHeld("1", said, ())
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
    assert village.written(ie.ActionIntended) == []


async def test_what_cannot_happen_is_not_written_even_as_part_of_something(village):
    await held(village)
    before = list(village.store.records)
    closed = ie.IncidentClosed("1", "cleared", "")
    with pytest.raises(IllegalMove):
        await village.journal.write(closed, ie.IncidentAdopted("1", "ann"))
    assert village.store.records == before
    assert village.incident().state is State.HELD


async def test_a_writer_that_is_cancelled_leaves_no_event_that_the_board_has_not_heard_of(village):
    opened = ie.IncidentOpened("1", alert(), "restart-service", "d1")
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
        await village.journal.write(ie.IncidentOpened("1", alert(), "restart-service", "d1"))
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


# --- Many at the same time ------------------------------------------------------------------


def opening(number: int, name: str = "ServiceDown") -> ie.IncidentOpened:
    cause = alert(name, at=f"web1/s{number}")
    return ie.IncidentOpened(str(number), cause, "restart-service", "d1")


async def together(village: Village, *writes: Sequence[Event]) -> list[BaseException | None]:
    return await asyncio.gather(
        *(village.journal.write(*events) for events in writes), return_exceptions=True
    )


async def test_who_writes_of_different_incidents_at_the_same_time_shares_one_write(village):
    assert set(await together(village, *([opening(n)] for n in range(1, 51)))) == {None}
    assert village.store.sizes == [1, 49]
    assert replayed(village).incidents == village.journal.board.incidents


async def test_a_write_is_shared_by_a_bounded_number(village):
    await together(village, *([opening(n)] for n in range(1, 302)))
    assert village.store.sizes == [1, 100, 100, 100]


async def test_two_changes_of_one_incident_are_two_writes_and_the_second_is_judged_after_the_first(
    village,
):
    await together(village, [opening(1)])
    closed, adopted = ie.IncidentClosed("1", "cleared", ""), ie.IncidentAdopted("1", "ann")
    ends = await together(village, [opening(2)], [closed], [opening(3)], [adopted])
    assert [type(end) for end in ends] == [type(None), type(None), type(None), IllegalMove]
    assert village.store.sizes == [1, 1, 2]


async def test_what_a_person_says_of_everything_stands_alone_and_in_its_place(village):
    ends = await together(
        village, [opening(1)], [opening(2)], [ev.Frozen("x", "ann")], [opening(3)]
    )
    assert set(ends) == {None}
    assert village.store.sizes == [1, 1, 1, 1]
    kinds = [type(record.event).__name__ for record in village.store.records]
    assert kinds == ["IncidentOpened", "IncidentOpened", "Frozen", "IncidentOpened"]


async def test_what_cannot_happen_fails_alone_among_those_that_are_written_together(village):
    await together(village, [opening(1)], [ie.IncidentClosed("1", "cleared", "")])
    ends = await together(village, [opening(2)], [ie.IncidentAdopted("1", "ann")], [opening(3)])
    assert [type(end) for end in ends] == [type(None), IllegalMove, type(None)]
    assert set(village.journal.board.incidents) == {"1", "2", "3"}


async def test_what_cannot_be_stored_fails_alone_among_those_that_are_written_together(village):
    village.store.unfit = {"Odd"}
    ends = await together(village, [opening(1)], [opening(2)], [opening(3, "Odd")], [opening(4)])
    assert [type(end) for end in ends] == [type(None), type(None), Malformed, type(None)]
    assert replayed(village).incidents == village.journal.board.incidents


async def test_where_there_is_no_room_each_of_those_that_write_together_hears_it(village):
    village.store.full = True
    ends = await together(village, *([opening(n)] for n in range(1, 4)))
    assert {type(end) for end in ends} == {StoreFull}
    assert village.journal.board.incidents == {}


async def opened(village: Village, number: int) -> None:
    for one in range(1, number + 1):
        begun = replace(alert(), fingerprint=f"f{one}")
        await village.journal.write(
            ie.IncidentOpened(str(one), begun, "restart-service", "d1"), closing=True
        )


async def test_a_word_about_an_incident_that_two_hundred_closings_push_off_the_board_is_refused(
    village,
):
    """They wait on a slow disk, and the word was good when it was said."""
    await opened(village, 202)
    closings = [
        asyncio.create_task(village.journal.write(ie.IncidentClosed(str(one), "cleared", "")))
        for one in range(1, 203)
    ]
    await asyncio.sleep(0.005)
    word = asyncio.create_task(village.operators.adopt("1", "ann"))
    await asyncio.gather(*closings)
    with pytest.raises(Refused):
        await word
    assert village.written(ie.IncidentAdopted) == []
    again = Journal(village.store)
    await again.replay()
    assert again.board.incidents == village.journal.board.incidents


async def test_an_incident_is_opened_once(village):
    await held(village)
    before = list(village.store.records)
    twice = ie.IncidentOpened("2", alert(), "restart-service", "d1")
    for events in [ie.IncidentOpened("1", alert(), "restart-service", "d1")], [twice, twice]:
        with pytest.raises(IllegalMove, match="already"):
            await village.journal.write(*events)
    assert village.store.records == before


async def test_a_journal_that_says_what_cannot_have_happened_is_refused_with_the_record(village):
    await held(village)
    await village.store.append([ie.IncidentAdopted("7", "ann")])
    with pytest.raises(ConfigError, match=r"record 3 \(IncidentAdopted\).*no incident 7"):
        await Journal(village.store).replay()


def ended(outcome: Outcome) -> ie.ActionEnded:
    return ie.ActionEnded("1", "1.1.1", outcome, "word", "", None)


async def test_a_second_end_that_an_older_release_wrote_is_replayed_with_what_it_did_after_it(
    village,
):
    cause = opening(1).cause
    first = Incident("1", cause, "restart-service", 0.0, 0.0, "d1")
    said = hold("capacity", "capacity", have=0, need=1, sentence="web is short.")
    older = (
        opening(1),
        intent(first),
        ended(Outcome.DONE),
        ended(Outcome.FAILED),
        ie.IncidentHeld("1", said, ()),
        intent(first, 2),
    )
    await village.store.append(older)
    assert await village.journal.replay() == len(older)
    assert village.incident().state is State.ACTING
    assert [one.outcome for one in village.incident().attempts] == [Outcome.FAILED, None]


@pytest.mark.parametrize("again", [Outcome.DONE, Outcome.FAILED])
async def test_a_second_end_is_not_written(village, again):
    await village.journal.write(opening(1))
    await village.journal.write(intent(village.incident()))
    await village.journal.write(ended(Outcome.DONE))
    for together in ((ended(again),), (ended(again), ended(again))):
        with pytest.raises(IllegalMove, match="not acting"):
            await village.journal.write(*together)
    assert village.incident().state is State.VERIFYING
    assert village.kinds.count("ActionEnded") == 1


async def test_who_cannot_take_in_what_is_durable_ends_and_the_next_life_reads_it(village):
    def listener(_: Record) -> None:
        raise RuntimeError("a page that cannot be drawn")

    village.journal.listen(listener)
    with pytest.raises(LeaseLost, match="behind"):
        await held(village)
    assert len(village.store.records) == 2
    village.journal.ignore(listener)
    with pytest.raises(LeaseLost, match="behind"):
        await village.journal.write(ie.IncidentClosed("1", "cleared", ""))
    with pytest.raises(LeaseLost, match="behind"):
        village.journal.ensure_whole()
    again = Journal(village.store)
    await again.replay()
    assert again.board.incidents["1"].state is State.HELD
