"""What strangers can hold of the port: over real sockets, with bounds that a test can reach."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from aiohttp import web

from healer.core import events as ev
from healer.web.certificates import Certificates
from healer.web.connections import STANDARD, Bounds
from healer.web.door import network
from healer.web.server import control_app, public_app, serving
from healer.web.turns import TURN, in_turn
from tests.healer.core.world import topology
from tests.healer.web.house import PATIENCE, House


@dataclass
class Caller:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, path: str = "/-/healthy") -> str:
        """Return the first line of an answer; nothing where it was hung up."""
        try:
            async with asyncio.timeout(PATIENCE):
                self.writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
                await self.writer.drain()
                return (await self.reader.readline()).decode().strip()
        except ConnectionError:
            return ""

    async def hung_up(self) -> bool:
        """Whether the other side hangs up in the end, without a word."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read() == b""


@dataclass
class Street:
    """From where people call at a port within bounds."""

    port: int
    callers: list[Caller] = field(default_factory=list)

    async def call(self, address: str = "127.0.0.1") -> Caller:
        """Connect from an address."""
        found = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0))
        self.callers.append(Caller(*found))
        return self.callers[-1]

    async def leave(self) -> None:
        """Close every connection."""
        for one in self.callers:
            one.writer.close()
            with suppress(ConnectionError):
                await one.writer.wait_closed()


@asynccontextmanager
async def street(
    bounds: Bounds, house: House | None = None, certificates: Certificates | None = None
) -> AsyncIterator[Street]:
    """Serve within these bounds."""
    desk = (house or House()).desk
    with TemporaryDirectory() as folder:
        commands, path = control_app(desk), Path(folder) / "ctl.sock"
        public, where = public_app(desk), "0.0.0.0:0"
        async with serving(public, where, commands, path, bounds, certificates) as port:
            found = Street(port)
            try:
                yield found
            finally:
                await found.leave()


OK = "HTTP/1.1 200 OK"


async def test_one_address_holds_so_many_connections_and_keeps_nobody_else_out() -> None:
    async with street(Bounds(most=20, of_one=3)) as people:
        idle = [await people.call() for _ in range(3)]
        assert await (await people.call()).ask() == ""
        assert await (await people.call("127.0.0.2")).ask() == OK
        assert await idle[0].ask() == OK, "those that are there stay"
        idle[1].writer.close()
        async with asyncio.timeout(PATIENCE):
            while await (await people.call()).ask() == "":
                await asyncio.sleep(0.02)


async def test_all_addresses_together_hold_so_many() -> None:
    async with street(Bounds(most=4, of_one=3)) as people:
        for last in range(1, 5):
            assert await (await people.call(f"127.0.0.{last}")).ask() == OK
        assert await (await people.call("127.0.0.9")).ask() == ""


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-A: "])
async def test_who_connects_and_asks_nothing_is_hung_up_on(said: bytes) -> None:
    async with street(Bounds(idle_seconds=0.3)) as people:
        silent = await people.call()
        silent.writer.write(said)
        assert await silent.hung_up()


async def test_who_takes_nothing_of_an_answer_is_hung_up_on() -> None:
    house = House(given=topology(web=4000))
    await house.arm()
    loop = asyncio.get_running_loop()
    async with street(Bounds(of_one=1, stall_seconds=0.5), house) as people:
        with socket.socket() as lazy:
            lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            lazy.setblocking(False)
            await loop.sock_connect(lazy, ("127.0.0.1", people.port))
            asked = b"GET /api/v1/groups HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
            await loop.sock_sendall(lazy, 30 * asked)
            assert await (await people.call()).ask() == "", "its place is taken"
            async with asyncio.timeout(20):
                while await (await people.call()).ask() == "":
                    await asyncio.sleep(0.1)


async def test_a_stream_of_events_outlives_the_time_for_asking() -> None:
    house = House()
    async with street(Bounds(idle_seconds=0.2), house) as people:
        page = await people.call()
        assert await page.ask("/events") == OK
        await asyncio.sleep(0.5)
        await house.journal.write(ev.Frozen("x", "root"))
        async with asyncio.timeout(PATIENCE):
            while b"event: change" not in await page.reader.readline():
                pass


async def test_turning_somebody_away_costs_next_to_nothing() -> None:
    """Whoever is turned away comes again at once, and hundreds are held meanwhile."""
    async with street(Bounds(most=200, of_one=3)) as people:
        for last in range(1, 50):
            assert await (await people.call(f"127.0.0.{last}")).ask() == OK
        understood = network.cache_info().misses
        for _ in range(20):
            await (await people.call()).ask()
        assert network.cache_info().misses == understood, "no address is taken apart twice"


async def test_between_two_requests_the_healer_has_its_turn() -> None:
    """However many come at the same moment: each takes some milliseconds in which nothing else is done."""
    rounds, begun = 0, list[int]()

    async def heal() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    async def handler(_: web.Request) -> web.Response:
        begun.append(rounds)
        return web.Response()

    app = web.Application(middlewares=[in_turn])
    app[TURN] = asyncio.Lock()
    app.add_routes([web.get("/", handler)])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ctl.sock"
        async with serving(app, "127.0.0.1:0", control_app(House().desk), path) as port:
            people = Street(port)
            callers = [await people.call() for _ in range(20)]
            healing = asyncio.create_task(heal())
            answers = await asyncio.gather(*(one.ask("/") for one in callers))
            healing.cancel()
            await people.leave()
    assert answers == 20 * [OK]
    assert len(set(begun)) == 20


async def test_the_healers_own_server_takes_them_in_turn() -> None:
    assert in_turn in public_app(House().desk).middlewares


def test_strangers_leave_file_descriptors_for_what_heals() -> None:
    """Of the 1024 that systemd gives a service."""
    assert STANDARD.most <= 1024 / 2
    assert STANDARD.of_one <= STANDARD.most / 4
