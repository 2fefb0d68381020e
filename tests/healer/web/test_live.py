"""The stream that tells open pages to read themselves anew: in time, bounded, and gone when nobody listens."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import pytest

from healer.core import events as ev
from healer.web.live import LIVE, MOST, MOST_OF_ONE, Live
from healer.web.server import control_app, public_app, serving
from tests.healer.core.world import alert
from tests.healer.web.house import PATIENCE, House
from tests.healer.web.people import ALICE, BOB, house_with_users, line


@asynccontextmanager
async def streaming(house: House, **times: float) -> AsyncIterator[tuple[str, Live]]:
    """Serve the pages with other times; it gives their address and what tells them."""
    public = public_app(house.desk)
    live = public[LIVE]
    live.apart = 0.0
    for name, seconds in times.items():
        setattr(live, name, seconds)
    with TemporaryDirectory() as folder:
        commands, path = control_app(house.desk), Path(folder) / "ctl.sock"
        async with serving(public, "127.0.0.1:0", commands, path) as port:
            yield f"http://127.0.0.1:{port}", live


async def message(response: aiohttp.ClientResponse, seconds: float = PATIENCE) -> dict[str, str]:
    """Return the next message of a stream by its fields; an empty one is a heartbeat."""
    found: dict[str, str] = {}
    async with asyncio.timeout(seconds):
        while line := (await response.content.readline()).decode().rstrip("\n"):
            name, _, value = line.partition(":")
            if name:
                found[name] = value.strip()
    return found


async def test_a_record_of_the_journal_is_told_at_once() -> None:
    house = House()
    async with streaming(house) as (url, live), aiohttp.ClientSession() as session:
        seen = live.revision
        async with session.get(f"{url}/events?since={seen}") as response:
            assert response.content_type == "text/event-stream"
            assert response.headers["Cache-Control"] == "no-store"
            assert await message(response) == {"retry": "3000"}
            await house.arm()
            told = await message(response)
            assert (told["event"], told["id"]) == ("change", live.revision)
            assert told["id"] != seen


async def test_whoever_was_away_is_told_at_once_that_there_is_something_new() -> None:
    house = House()
    async with streaming(house) as (url, live), aiohttp.ClientSession() as session:
        seen = live.revision
        await house.arm()
        for given in ({"Last-Event-ID": seen}, {"Last-Event-ID": "x" * 200}, {}):
            async with session.get(f"{url}/events", headers=given) as response:
                await message(response)
                assert (await message(response))["data"] == live.revision


async def test_the_stream_says_nothing_of_what_changed() -> None:
    house = House()
    async with (
        streaming(house) as (url, _),
        aiohttp.ClientSession() as session,
        session.get(f"{url}/events") as response,
    ):
        await message(response)
        await house.open(house.trouble())
        told = await message(response)
    assert set(told) == {"id", "event", "data"}
    assert "web1" not in str(told)


async def test_what_strangers_post_wakes_no_page() -> None:
    house = House()
    async with streaming(house) as (_, live):
        before = live.revision
        await house.journal.write(ev.AlertsReceived((alert(),)))
        assert live.revision == before
        await house.journal.write(ev.Frozen("x", "root"))
        assert live.revision != before


async def test_what_no_record_tells_is_told_too() -> None:
    house = House()
    await house.arm()
    async with (
        streaming(house) as (url, live),
        aiohttp.ClientSession() as session,
        session.get(f"{url}/events?since={live.revision}") as response,
    ):
        await message(response)
        house.watch.leading = False
        assert (await message(response))["event"] == "change"


async def test_a_quiet_stream_has_a_heartbeat() -> None:
    house = House()
    async with (
        streaming(house, heartbeat=0.2) as (url, live),
        aiohttp.ClientSession() as session,
        session.get(f"{url}/events?since={live.revision}") as response,
    ):
        await message(response)
        assert [await message(response) for _ in range(2)] == [{}, {}]


async def test_a_stream_ends_after_its_time_so_that_the_browser_is_asked_anew_who_it_is() -> None:
    house = House()
    async with (
        streaming(house, lifetime=0.3) as (url, live),
        aiohttp.ClientSession() as session,
        session.get(f"{url}/events?since={live.revision}") as response,
    ):
        async with asyncio.timeout(PATIENCE):
            assert await response.content.read() == b"retry: 3000\n\n"


@pytest.mark.parametrize("seen", ["now", "before"], ids=["quiet", "just told"])
async def test_the_healer_ends_every_stream_when_it_stops(seen: str) -> None:
    house = House()
    async with aiohttp.ClientSession() as session:
        async with streaming(house, apart=30.0) as (url, live):
            response = await session.get(
                f"{url}/events?since={live.revision if seen == 'now' else seen}"
            )
            await message(response)
            if seen == "before":
                assert (await message(response))["event"] == "change"
            started = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - started < 1.0
        response.close()


async def test_one_user_has_a_bounded_number_of_streams_and_keeps_nobody_else_out(
    tmp_path: Path,
) -> None:
    house = house_with_users(tmp_path)
    async with streaming(house) as (url, live), aiohttp.ClientSession() as session:
        open_ = [
            await session.get(f"{url}/events?since={live.revision}", headers=ALICE.headers)
            for _ in range(MOST_OF_ONE + 1)
        ]
        assert [one.status for one in open_] == [200] * MOST_OF_ONE + [503]
        async with session.get(f"{url}/events", headers=BOB.headers) as bobs:
            assert bobs.status == 200
        for one in open_:
            one.close()
        async with asyncio.timeout(PATIENCE):
            while live._streams:
                await asyncio.sleep(0.05)


async def test_there_is_a_bound_for_all_together() -> None:
    live = Live(House().watch)
    places = [live.place(f"user {number}") for number in range(MOST + 1)]
    assert [one.__enter__() for one in places] == [True] * MOST + [False]
    for one in places:
        one.__exit__(None, None, None)
    assert not live._streams


async def test_a_client_that_is_gone_gives_its_place_back_soon() -> None:
    house = House()
    async with streaming(house) as (url, live), aiohttp.ClientSession() as session:
        response = await session.get(f"{url}/events?since={live.revision}")
        await message(response)
        assert live._streams.total() == 1
        response.close()
        async with asyncio.timeout(PATIENCE):
            while live._streams:
                await asyncio.sleep(0.05)


async def test_a_client_that_takes_nothing_is_dropped() -> None:
    house = House()
    async with streaming(house, heartbeat=0.0, patience=0.5) as (url, live):
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.socket() as lazy:
            lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            lazy.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(lazy, (host, int(port)))
            await loop.sock_sendall(lazy, b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            async with asyncio.timeout(PATIENCE):
                while not live._streams:
                    await asyncio.sleep(0.02)
            # A record each moment: more than the kernel keeps for somebody who does not read.
            async with asyncio.timeout(40):
                while live._streams:
                    await house.journal.write(ev.Frozen("x", "root"))
                    await asyncio.sleep(0)


# --- Whose leave to look has ended -----------------------------------------------------------


@pytest.mark.parametrize("become", ["gone", "another password"])
async def test_a_stream_ends_with_its_users_leave_to_look(become: str, tmp_path: Path) -> None:
    house = house_with_users(tmp_path)
    path = house.users
    assert path is not None
    async with (
        streaming(house) as (url, live),
        aiohttp.ClientSession(headers=BOB.headers) as session,
        session.get(f"{url}/events?since={live.revision}") as response,
    ):
        await message(response)
        text = path.read_text()
        other = text.replace(line(BOB.password), line(ALICE.password))
        path.write_text(text.replace("  bob:", "  robert:") if become == "gone" else other)
        house.clock.pass_by(5.0)
        async with asyncio.timeout(PATIENCE):
            assert await response.content.read() == b""
        assert (await session.get(f"{url}/events")).status == 401
