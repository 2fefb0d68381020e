"""Old history goes by itself, and never on the word of a clock that is wrong."""

import asyncio
from dataclasses import replace

import pytest

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.board import KEEP_CLOSED, KEEP_UNTRUE
from healer.core.history import DAY, Keep
from healer.pruner import EVERY, FIRST, LOOK, keep_short, sure_of_time
from tests.healer.core.world import alert
from tests.healer.village import Village

pytestmark = pytest.mark.looptime(start=0)

KEEP = Keep(DAY, DAY, 1 << 40)


async def old(village, count=5):
    """So many closed incidents of two days ago that are not at hand any more."""
    for _ in range(KEEP_CLOSED + count):
        number = str(village.journal.board.opened + 1)
        opened = ie.IncidentOpened(number, alert(began=float(number)), "restart-service", "d1")
        await village.journal.write(opened, ie.IncidentClosed(number, "cleared", ""))
    for index, record in enumerate(village.store.records):
        village.store.records[index] = replace(record, at_wall=record.at_wall - 2 * DAY)
    village._put_together()
    await village.journal.replay()


async def pruned_after(village, seconds):
    task = asyncio.create_task(keep_short(village.journal, village.watch, village.clock, KEEP))
    await asyncio.sleep(seconds)
    task.cancel()
    return village.written(ev.Pruned)


async def test_history_goes_a_while_after_the_start_and_then_every_hour():
    village = Village()
    await old(village)
    async with village.armed():
        (first,) = await pruned_after(village, FIRST + 1)
        assert (first.records, first.succeeded) == (10, 5)
        assert await pruned_after(village, FIRST - 1) == [first]


async def test_a_full_store_waits_for_no_hour():
    village = Village()
    async with village.armed():
        task = asyncio.create_task(keep_short(village.journal, village.watch, village.clock, KEEP))
        await asyncio.sleep(FIRST + LOOK)
        assert village.written(ev.Pruned) == []
        for number in range(1, KEEP_UNTRUE + 6):
            opened = ie.IncidentOpened(str(number), alert(began=float(number)), "none", "d1")
            await village.journal.write(opened, ie.IncidentClosed(str(number), "not_true", ""))
        village.clock.now += 2 * DAY
        await asyncio.sleep(3 * LOOK)
        assert village.written(ev.Pruned) == []  # not due, and there is room

        async def no_room() -> bool:
            return False

        village.store.room = no_room  # as etcd, which has room for what makes room
        await asyncio.sleep(LOOK + 1)
        (gone,) = village.written(ev.Pruned)
        assert (gone.succeeded, gone.failed) == (5, 0)
        task.cancel()


async def test_nothing_goes_while_nobody_confirms_what_time_it_is():
    village = Village()
    await old(village)
    assert village.watch.latest is None
    assert not sure_of_time(village.watch, village.clock)
    assert await pruned_after(village, FIRST + EVERY + 1) == []


async def test_nothing_goes_when_our_clock_and_prometheus_differ():
    village = Village()
    async with village.armed():
        picture = village.watch.latest
        assert sure_of_time(village.watch, village.clock)
        village.watch.picture = replace(picture, now=picture.now - 300 * DAY)
        assert not sure_of_time(village.watch, village.clock)


async def test_a_full_disk_is_waited_out():
    village = Village()
    await old(village)
    async with village.armed():
        village.store.full = True
        task = asyncio.create_task(keep_short(village.journal, village.watch, village.clock, KEEP))
        await asyncio.sleep(FIRST + 1)
        assert village.written(ev.Pruned) == []
        village.store.full = False
        await asyncio.sleep(LOOK + 1)
        assert len(village.written(ev.Pruned)) == 1
        task.cancel()
