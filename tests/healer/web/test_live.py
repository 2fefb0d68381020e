"""The stream that tells open pages to read themselves anew: prompt, bounded, and never in anybody's way."""

import asyncio

import pytest
from healer.web.live import MOST_OF_ONE

from healer.core import events as ev
from tests.healer.web.house import House


@pytest.fixture
async def house() -> House:
    made = House()
    await made.arm()
    return made


async def message(answer) -> dict[str, str]:
    """Return the next message that says something."""
    found: dict[str, str] = {}
    async with asyncio.timeout(10):
        async for raw in answer.content:
            line = raw.decode().rstrip("\n")
            if line and not line.startswith((":", "retry")):
                name, _, value = line.partition(": ")
                found[name] = value
            elif not line and found:
                return found
    raise AssertionError("the stream ended")


async def test_a_page_hears_of_a_change_at_once(house):
    async with house.public() as session, session.get("/events?since=x") as answer:
        assert answer.content_type == "text/event-stream"
        assert answer.headers["X-Accel-Buffering"] == "no"
        first = await message(answer)
        await house.journal.write(ev.Frozen("moving rack b", "alice"))
        second = await message(answer)
    assert (first["event"], second["event"]) == ("change", "change")
    assert first["id"] != second["id"]


async def test_who_was_away_is_told_what_they_missed_and_only_then(house):
    async with house.public() as session:
        async with session.get("/events?since=x") as answer:
            seen = (await message(answer))["id"]
        async with session.get("/events", headers={"Last-Event-ID": seen}) as answer:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await message(answer)
        await house.journal.write(ev.Frozen("moving rack b", "alice"))
        async with session.get("/events", headers={"Last-Event-ID": seen}) as answer:
            assert (await message(answer))["id"] != seen


async def test_one_person_has_so_many_streams_and_a_page_that_was_left_frees_its_own(house):
    async with house.public() as session:
        open_ones = [await session.get("/events?since=x") for _ in range(MOST_OF_ONE)]
        for one in open_ones:
            await message(one)
        refused = await session.get("/events")
        assert refused.status == 503
        assert (await session.get("/incidents")).status == 200
        open_ones.pop().close()
        async with asyncio.timeout(10):
            while (again := await session.get("/events?since=x")).status == 503:
                await asyncio.sleep(0.2)
        assert again.status == 200
        for one in [*open_ones, again]:
            one.close()


async def test_what_strangers_post_wakes_no_page(house):
    async with house.public() as session, session.get("/events?since=x") as answer:
        await message(answer)
        await house.journal.write(ev.AlertsReceived(()))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await message(answer)
