"""A store in etcd whose every single request is cut, in turn: whatever it returned is there, once."""

import asyncio
import contextlib
import itertools
from dataclasses import replace

import pytest

from healer.adapters import etcd_init
from healer.adapters.etcd_store import EtcdStore
from healer.clock import SystemClock
from healer.core.events import Frozen, SeenClear, Unfrozen
from healer.errors import LeaseLost
from tests.healer.adapters.etcd_proxy import Fault, proxy
from tests.healer.adapters.etcd_real import etcd

pytestmark = pytest.mark.tools

NUMBERS = itertools.count()
LARGE = [Frozen("x" * 900_000, "ann"), Frozen("y" * 900_000, "ann")]
STEPS = ([Frozen("a", "ann")], LARGE, [Unfrozen("ann"), SeenClear("f")])
"""What is appended; the second takes several transactions."""


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with etcd(tmp_path_factory.mktemp("etcd")) as found:
        yield found


async def lived(settings, told=None):
    """Live a whole life; return what was acknowledged. A list that is given is filled as it goes."""
    acknowledged = [] if told is None else told
    store = await EtcdStore.open(settings, SystemClock(), "mon1")
    try:
        for events in STEPS:
            acknowledged += await store.append(events)
            await store.renew()
        await store.mark_seen(7.0)
    finally:
        await store.release()
    return acknowledged


async def found_by_the_next(settings, tmp_path):
    """Return all records and the last sight, as another healer finds them."""
    other = replace(settings, history=tmp_path / "b.db")
    store = await EtcdStore.open(other, SystemClock(), "mon2")
    records, seen = await store.read(), await store.last_seen()
    await store.release()
    return records, seen


async def each(real, tmp_path, one):
    """Do one thing for every request of a whole life, several at a time, each on a store of its own."""
    turns = asyncio.Semaphore(6)  # much of it is waiting

    async def done(number):
        async with turns:
            folder = tmp_path / str(number)
            folder.mkdir()
            settings = real.settings(
                prefix=f"/cut{next(NUMBERS)}", history=folder / "a.db", lease_seconds=30
            )
            await etcd_init.make(settings, 1, 0)
            try:
                await one(settings, folder, number)
            except Exception as error:
                error.add_note(f"with request {number}")
                raise

    async with asyncio.TaskGroup() as tasks:
        for number in range(1, await requests(real, tmp_path) + 1):
            tasks.create_task(done(number), name=f"request {number}")


async def requests(real, tmp_path):
    """Return how many requests a whole life takes."""
    settings = real.settings(
        prefix=f"/cut{next(NUMBERS)}", history=tmp_path / "count.db", lease_seconds=30
    )
    await etcd_init.make(settings, 1, 0)
    async with proxy(real.endpoints[0]) as between:
        await lived(replace(settings, endpoints=(between.url,)))
    assert len(between.asked) > 10
    return len(between.asked)


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.UNANSWERED], ids=lambda one: one.name)
async def test_one_cut_is_not_noticed_whichever_request_it_hits(real, tmp_path, fault):
    async def one(settings, folder, number):
        async with proxy(real.endpoints[0]) as between:
            between.faults = {number: fault}
            acknowledged = await lived(replace(settings, endpoints=(between.url,)))
        assert [one.event for one in acknowledged] == [event for step in STEPS for event in step]
        records, seen = await found_by_the_next(settings, folder)
        assert records == acknowledged
        assert seen == 7.0

    await each(real, tmp_path, one)


async def test_a_member_that_falls_silent_costs_time_and_nothing_else(real, tmp_path):
    async def one(settings, folder, number):
        async with proxy(real.endpoints[0]) as between:
            between.faults = {number: Fault.SILENT}
            both = (between.url, real.endpoints[0])
            acknowledged = await lived(replace(settings, endpoints=both))
        records, _ = await found_by_the_next(settings, folder)
        assert records == acknowledged
        assert len(records) == 5

    await each(real, tmp_path, one)


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.UNANSWERED], ids=lambda one: one.name)
async def test_one_that_is_cut_off_for_good_wrote_all_of_an_append_or_none(real, tmp_path, fault):
    lives = []

    async def one(settings, folder, number):
        told = []
        async with proxy(real.endpoints[0]) as between:
            # From this request on nothing comes back any more; this one may still have been done.
            between.faults = {number: fault}
            between.faults |= dict.fromkeys(range(number + 1, 10_000), Fault.REFUSED)
            quick = replace(settings, endpoints=(between.url,), lease_seconds=4.0)
            life = asyncio.create_task(lived(quick, told), name="life")
            while len(between.asked) < number and not life.done():
                await asyncio.sleep(0.05)
            with contextlib.suppress(LeaseLost, TimeoutError):
                # It may wait for the lead as long as it likes.
                await asyncio.wait_for(life, quick.lease_seconds + 2)
        records, _ = await found_by_the_next(settings, folder)
        assert records[: len(told)] == told
        whole = [len(step) for step in STEPS]
        assert len(records) in {sum(whole[:count]) for count in range(4)}
        assert len(records) - len(told) in {0, *whole}
        lives.append(len(records))

    await each(real, tmp_path, one)
    assert set(lives) >= {0, 1, 3, 5}
