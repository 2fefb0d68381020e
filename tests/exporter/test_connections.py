"""What strangers can hold of the port: over real sockets, with bounds that a test can reach."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from exporter.collector import OnScrape
from exporter.connections import MOST_HEADERS, Bounds, Doors, ask, network, runner
from exporter.listening import handed_over, opened, port_of
from exporter.scrape import Scraper
from exporter.server import application
from exporter.settings import Address
from tests.exporter.fakes import still_clock

LOCAL = "127.0.0.1"
OK = "HTTP/1.1 200 OK"
PATIENCE = 20.0


class Large(OnScrape):
    """Serves more than sockets hold."""

    name = "large"

    def collect(self) -> bytes:
        return b'x_large{a="%b"} 1\n' % (b"a" * 1000) * 10_000


@dataclass
class Caller:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, path: str = "/-/healthy", more: str = "") -> str:
        """Return the first line of an answer; nothing where it was hung up."""
        try:
            async with asyncio.timeout(PATIENCE):
                self.writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode())
                await self.writer.drain()
                return (await self.reader.readline()).decode().strip()
        except ConnectionError:
            return ""

    async def hung_up(self) -> bool:
        """Whether the other side hangs up in the end, without a word."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.reader.read() == b""
        except ConnectionResetError:  # what came at the last moment was not read any more
            return True


@dataclass
class Street:
    """From where people call at a port within bounds."""

    port: int
    server: web.Server
    listener: socket.socket
    doors: Doors
    callers: list[Caller] = field(default_factory=list)

    async def call(self, address: str = LOCAL) -> Caller:
        """Connect from an address."""
        found = await asyncio.open_connection(LOCAL, self.port, local_addr=(address, 0))
        self.callers.append(Caller(*found))
        return self.callers[-1]

    async def leave(self) -> None:
        for one in self.callers:
            one.writer.close()
            with suppress(ConnectionError):
                await one.writer.wait_closed()


@asynccontextmanager
async def street(bounds: Bounds) -> AsyncIterator[Street]:
    app = application(Scraper([Large()], bytes, still_clock()), "/metrics")
    serves = runner(app, bounds)
    await serves.setup()
    server = cast(web.Server, serves.server)
    (listener,) = opened([Address(LOCAL, 0)])
    doors = Doors(server, bounds)
    task = asyncio.create_task(doors.keep_taking(listener))
    found = Street(port_of(listener), server, listener, doors)
    try:
        yield found
    finally:
        await found.leave()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await serves.cleanup()
        listener.close()


async def test_one_address_holds_so_many_connections_and_keeps_nobody_else_out() -> None:
    async with street(Bounds(most=20, of_one=3)) as people:
        idle = [await people.call() for _ in range(3)]
        with capture_logs() as lines:
            assert await (await people.call()).ask() == ""
            assert await (await people.call()).ask() == ""
        assert [line["event"] for line in lines] == ["connection.refused"]
        assert await (await people.call("127.0.0.2")).ask() == OK
        assert await idle[0].ask() == OK, "those that are there stay"
        idle[1].writer.close()
        async with asyncio.timeout(PATIENCE):
            while await (await people.call()).ask() == "":
                await asyncio.sleep(0.02)


async def test_who_is_in_when_it_stops_is_answered_and_who_comes_then_is_the_next_ones() -> None:
    """As with systemd's socket, which outlives the exporter."""
    async with street(Bounds()) as people:
        first = await people.call()
        await people.doors.shut()
        assert await first.ask() == OK
        late = await people.call()
        answer = asyncio.create_task(late.ask())
        await people.doors.shut()
        assert not answer.done()
        next_one = asyncio.create_task(Doors(people.server).keep_taking(people.listener))
        assert await answer == OK
        next_one.cancel()
        await asyncio.gather(next_one, return_exceptions=True)


async def test_of_all_addresses_together_the_crowd_makes_room_for_who_comes() -> None:
    """Who holds every place by many addresses keeps out no Prometheus, whether it comes or is there."""
    async with street(Bounds(most=6, of_one=3)) as people:
        prometheus = await people.call("127.0.0.9")
        assert await prometheus.ask() == OK
        crowd = [await people.call(f"127.0.0.{last}") for last in (1, 1, 2, 2, 3)]
        with capture_logs() as lines:
            for _ in range(3):
                other = await people.call("127.0.0.10")
                assert await other.ask() == OK
                other.writer.close()
                crowd.append(await people.call("127.0.0.4"))
            assert await prometheus.ask() != "", "it has one place, and keeps it"
        assert await crowd[0].hung_up()
        assert [line["event"] for line in lines] == ["connection.dropped"]
        assert len(people.server.connections) <= 6


async def test_who_takes_nothing_of_an_answer_makes_room_too() -> None:
    async with street(Bounds(most=1)) as people:
        slow = await people.call("127.0.0.2")
        slow.writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await (await people.call()).ask() == OK


async def test_a_flood_of_connections_is_no_reason_to_restart() -> None:
    """The watchdog asks past the bounds, or whoever connects often enough would have systemd kill us."""
    async with street(Bounds(most=1, of_one=1)) as people:
        assert await (await people.call()).ask() == OK
        await ask(people.server)


async def test_a_server_that_answers_otherwise_shows_no_life() -> None:
    async with street(Bounds()) as people:
        elsewhere = web.Server(broken)
        with pytest.raises(OSError, match="our own server answers"):
            await ask(elsewhere)
        await elsewhere.shutdown()
        await ask(people.server)


async def broken(_: web.BaseRequest) -> web.Response:
    return web.Response(status=503)


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-A: "])
async def test_who_connects_and_asks_nothing_is_hung_up_on(said: bytes) -> None:
    async with street(Bounds(idle_seconds=0.3)) as people:
        silent = await people.call()
        silent.writer.write(said)
        assert await silent.hung_up()


async def test_a_head_that_comes_a_byte_at_a_time_gets_no_longer() -> None:
    async with street(Bounds(idle_seconds=0.4)) as people:
        slow = await people.call()
        gone = asyncio.create_task(slow.hung_up())
        slow.writer.write(b"GET / HTTP/1.1\r\nX-A: ")
        while not gone.done():
            slow.writer.write(b"a")
            await asyncio.sleep(0.02)
        assert await gone


async def test_who_takes_nothing_of_an_answer_is_hung_up_on() -> None:
    loop = asyncio.get_running_loop()
    async with street(Bounds(of_one=1, stall_seconds=0.5)) as people:
        with socket.socket() as lazy:
            lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            lazy.setblocking(False)
            await loop.sock_connect(lazy, (LOCAL, people.port))
            await loop.sock_sendall(lazy, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await (await people.call()).ask() == "", "its place is taken"
            async with asyncio.timeout(PATIENCE):
                while await (await people.call()).ask() == "":
                    await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/", "".join(f"X-{n}: a\r\n" for n in range(MOST_HEADERS + 1))),
        ("/", f"X-A: {'a' * 10_000}\r\n"),
        ("/" + "a" * 10_000, ""),
        ("/", "Content-Length: 3\r\nContent-Length: 4\r\n"),
        ("/", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
    ],
)
async def test_a_head_that_is_too_large_or_has_two_ends_is_refused(path: str, more: str) -> None:
    async with street(Bounds()) as people:
        assert await (await people.call()).ask(path, more) == "HTTP/1.0 400 Bad Request"
        assert await (await people.call()).ask() == OK


async def test_what_is_no_http_at_all_ends_and_fills_no_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with street(Bounds()) as people:
        odd = await people.call()
        odd.writer.write(b"\x16\x03\x01\x02\x00" * 100 + b"\r\n\r\n")
        async with asyncio.timeout(PATIENCE):
            assert (await odd.reader.readline()).startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("peer", "whose"),
    [
        (("192.0.2.1", 1), "192.0.2.1"),
        (("2001:db8::1", 1, 0, 0), "2001:db8::/64"),
        (("fe80::1%eth0", 1, 0, 2), "fe80::/64"),
        (("::ffff:192.0.2.1", 1, 0, 0), "192.0.2.1"),
        ("", ""),
        (b"", ""),
        (None, ""),
    ],
)
def test_what_counts_as_one_address(peer: object, whose: str) -> None:
    assert network(peer) == whose


def test_every_address_means_ipv4_and_ipv6_where_there_is_any() -> None:
    sockets = opened([Address(None, 0), Address(LOCAL, 0)])
    families = [one.family for one in sockets]
    for one in sockets:
        one.close()
    assert families.count(socket.AF_INET) == 2
    assert len(families) in (2, 3)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (
            Address("192.0.2.1", 9100),
            r"cannot listen on 192\.0\.2\.1:9100: cannot assign .*`ip address` shows",
        ),
        (Address("2001:db8::1", 9100), r"cannot listen on \[2001:db8::1\]:9100: "),
        (Address("nobody.invalid", 9100), r"on nobody\.invalid:9100: .*write a name or address"),
    ],
)
def test_an_address_of_nobody_is_named_and_nothing_stays_open(address: Address, said: str) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with pytest.raises(OSError, match=said):
        opened([Address(LOCAL, 0), address])
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


AS_SYSTEMD = """
import fcntl, os, sys
kept = [fcntl.fcntl(int(one), fcntl.F_DUPFD, 64) for one in sys.argv[1:]]
for number, one in enumerate(kept):
    os.dup2(one, 3 + number)
os.environ["LISTEN_PID"], os.environ["LISTEN_FDS"] = str(os.getpid()), str(len(kept))
from exporter.cli import main
sys.exit(main(["--web.systemd-socket", "--collector.disable-defaults", "--collector.stat"]))
"""


def test_the_sockets_of_systemd_are_served(tmp_path: Path) -> None:
    """One port and one in the file system, as hale-exporter.socket could open them."""
    port, path = socket.create_server((LOCAL, 0)), socket.socket(socket.AF_UNIX)
    path.bind(str(tmp_path / "sock"))
    path.listen()
    where, given = port.getsockname(), (port.fileno(), path.fileno())
    argv = [sys.executable, "-c", AS_SYSTEMD, *map(str, given)]
    process = subprocess.Popen(argv, pass_fds=given, stderr=subprocess.PIPE)
    try:
        for family, address in ((socket.AF_INET, where), (socket.AF_UNIX, str(tmp_path / "sock"))):
            with socket.socket(family) as caller:
                caller.settimeout(PATIENCE)
                caller.connect(address)
                caller.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
                assert caller.recv(15) == b"HTTP/1.0 200 OK"
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.communicate()
        port.close()
        path.close()


@pytest.mark.parametrize(
    "environ", [{}, {"LISTEN_FDS": "1", "LISTEN_PID": "1"}, {"LISTEN_FDS": "1"}]
)
def test_sockets_that_are_not_there_or_for_somebody_else_are_told(environ: dict[str, str]) -> None:
    with pytest.raises(OSError, match=r"Enable hale-exporter\.socket"):
        handed_over(environ)
