"""Probes and peers against real sockets and real programs."""

import asyncio
import errno
import os
import select
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from aiohttp import web

from exporter.collector import Absent
from exporter.collectors.peers import Peers, ask
from exporter.config import CommandProbe, How, HttpProbe, Peer, TcpProbe, TlsProbe
from exporter.names import Found, Names
from exporter.probes import Command, Http, NotMade, Tcp, blame, prober
from exporter.programs import Programs
from exporter.serving import Probed
from tests.exporter.fakes import FakeBlocking

SUCCESS, FAILURE = Probed.SUCCESS, Probed.FAILURE
LOCAL = "127.0.0.1"


@contextmanager
def listener(backlog: int = 5) -> Iterator[int]:
    """A socket that accepts connections and says nothing."""
    with socket.socket() as sock:
        sock.bind((LOCAL, 0))
        sock.listen(backlog)
        yield sock.getsockname()[1]


def closed_port() -> int:
    with listener() as port:
        return port


@contextmanager
def resolver_that_hangs() -> Iterator[Names]:
    """Answers for localhost, and for all others not before the end."""
    done = threading.Event()

    def look_up(host: str, port: int, **_: object) -> Found:
        if host != "localhost":
            done.wait()
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (LOCAL, port))]

    try:
        yield Names(look_up=look_up)
    finally:
        done.set()


@asynccontextmanager
async def website(status: int) -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, LOCAL, 0)
    await site.start()
    try:
        yield f"http://{LOCAL}:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


def ends(process: int) -> bool:
    """Tell whether a process ends within 20 s, and close its descriptor, whose number select() may not take."""
    poll = select.poll()
    poll.register(process, select.POLLIN)
    ready = poll.poll(20_000)
    os.close(process)
    return bool(ready)


@pytest.mark.parametrize(
    ("answers", "wanted", "result"),
    [(200, 200, SUCCESS), (500, 200, FAILURE), (302, 200, FAILURE), (302, 302, SUCCESS)],
)
async def test_http_is_decided_by_its_status(answers: int, wanted: int, result: Probed) -> None:
    async with website(answers) as url:
        assert await Http(HttpProbe(url, wanted)).attempt() is result


async def test_http_that_is_refused_or_cut_off_is_a_failure() -> None:
    assert await Http(HttpProbe(f"http://{LOCAL}:{closed_port()}/")).attempt() is FAILURE

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, LOCAL, 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        assert await Http(HttpProbe(f"http://{LOCAL}:{port}/")).attempt() is FAILURE


async def test_http_that_answers_nonsense_is_a_failure() -> None:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"\xff\x00 no http \r\n\r\n")
        writer.close()

    server = await asyncio.start_server(shout, LOCAL, 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        assert await Http(HttpProbe(f"http://{LOCAL}:{port}/")).attempt() is FAILURE


@pytest.mark.parametrize(
    ("url", "reason"),
    [("http://nobody.invalid/", "no address of nobody.invalid: "), ("http://", "no URL: http://")],
)
async def test_http_to_a_host_that_cannot_be_found_says_nothing_about_the_service(
    url: str, reason: str
) -> None:
    with pytest.raises(NotMade, match=f"^{reason}"):
        await Http(HttpProbe(url)).attempt()


async def test_http_that_hangs_can_be_given_up() -> None:
    with listener() as port:
        attempt = asyncio.ensure_future(Http(HttpProbe(f"http://{LOCAL}:{port}/")).attempt())
        await asyncio.sleep(0)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt


async def test_tcp_is_decided_by_the_connection() -> None:
    with listener() as port:
        assert await Tcp(TcpProbe(LOCAL, port)).attempt() is SUCCESS
    assert await Tcp(TcpProbe(LOCAL, port)).attempt() is FAILURE


async def test_tcp_to_a_name_that_has_no_address_says_nothing_about_the_service() -> None:
    # RFC 6761: .invalid has no addresses anywhere; without a resolver the answer is the same here.
    with pytest.raises(NotMade, match=r"^no address of nobody\.invalid: "):
        await Tcp(TcpProbe("nobody.invalid", 80)).attempt()


@pytest.mark.parametrize(
    "how",
    [
        HttpProbe("http://web1.example/"),
        TcpProbe("web1.example", 80),
        TlsProbe("web1.example", 443),
    ],
)
async def test_a_service_whose_name_no_resolver_answers_for_has_not_been_asked(how: How) -> None:
    with resolver_that_hangs() as names:
        one = prober(how, names)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(one.attempt(), 0.1)
        assert not one.asked
        with pytest.raises(NotMade, match=r"^no address of web1\.example: the resolver does not"):
            await one.attempt()


async def test_a_name_that_hangs_keeps_no_other_from_being_asked() -> None:
    with listener() as port, resolver_that_hangs() as names:
        slow = [Tcp(TcpProbe(f"web{number}.example", port), names) for number in range(8)]
        waiting = [asyncio.ensure_future(one.attempt()) for one in slow]
        await asyncio.sleep(0)
        quick = Tcp(TcpProbe("localhost", port), names)
        assert (await quick.attempt(), quick.asked) == (SUCCESS, True)
        for one in waiting:
            one.cancel()


async def test_of_several_addresses_one_that_takes_it_is_enough() -> None:
    with listener() as port:
        dead = closed_port()

        def both(*_: object, **__: object) -> Found:
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 0, "", (LOCAL, one)) for one in (dead, port)
            ]

        assert await Tcp(TcpProbe("web1.example", port), Names(look_up=both)).attempt() is SUCCESS


@pytest.mark.parametrize("number", [errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.ENETDOWN])
def test_a_network_of_our_own_that_is_not_there_says_nothing_about_the_service(number: int) -> None:
    with pytest.raises(NotMade, match="here"):
        blame(OSError(number, "here"))
    assert blame(OSError(errno.EHOSTUNREACH, "")) is FAILURE


async def test_a_command_is_decided_by_its_exit_status() -> None:
    assert await Command(CommandProbe(("/bin/true",))).attempt() is SUCCESS
    assert await Command(CommandProbe(("/bin/false",))).attempt() is FAILURE


async def test_a_command_that_does_not_exist_says_nothing_about_the_service() -> None:
    with pytest.raises(NotMade, match=r"^/nowhere/program: no such program$"):
        await Command(CommandProbe(("/nowhere/program",))).attempt()


@pytest.mark.looptime(start=0)
async def test_a_command_that_cannot_be_killed_has_failed_until_it_is_gone() -> None:
    blocking = FakeBlocking()
    gone = blocking.hang("program: ")
    command = Command(CommandProbe(("/bin/true",)), Programs(blocking))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2):
            await command.attempt()
    assert [await command.attempt() for _ in range(3)] == [FAILURE] * 3
    gone.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await command.attempt() is SUCCESS


async def test_what_a_command_writes_is_thrown_away_however_much_it_is() -> None:
    writes = ("/bin/sh", "-c", "head -c 10000000 /dev/zero")
    assert await Command(CommandProbe(writes)).attempt() is SUCCESS


async def test_a_command_gets_no_shell() -> None:
    assert await Command(CommandProbe(("/bin/true", "; exit 1"))).attempt() is SUCCESS


async def test_a_command_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    fifo = tmp_path / "pids"
    os.mkfifo(fifo)
    script = f"sleep 1000 & echo $! > {fifo}; wait"
    attempt = asyncio.ensure_future(Command(CommandProbe(("/bin/sh", "-c", script))).attempt())
    child = os.pidfd_open(int(await asyncio.to_thread(fifo.read_text)))
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    assert await asyncio.to_thread(ends, child)


@pytest.mark.parametrize("turns", [2, 3, 4, 5])
async def test_a_command_given_up_while_it_starts_is_killed_with_its_children(
    tmp_path: Path, turns: int
) -> None:
    """After so many turns of the loop the program runs, but asyncio has not handed it out yet."""
    fifo = tmp_path / "pids"
    os.mkfifo(fifo)
    script = f"sleep 1000 & echo $! > {fifo}; wait"
    attempt = asyncio.ensure_future(Command(CommandProbe(("/bin/sh", "-c", script))).attempt())
    for _ in range(turns):
        await asyncio.sleep(0)
    child = os.pidfd_open(int(fifo.read_text()))  # the loop stands still meanwhile
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    assert await asyncio.to_thread(ends, child)


def test_every_kind_of_probe_has_its_prober() -> None:
    kinds = [
        prober(how, Names()).kind
        for how in (HttpProbe("http://x/"), TcpProbe("x", 1), TlsProbe("x", 1), CommandProbe(()))
    ]
    assert kinds == ["http", "tcp", "tls", "command"]


async def test_a_peer_that_accepts_or_refuses_lives() -> None:
    with listener() as port:
        assert await ask(Peer("web2", LOCAL, port), Names()) is True
    assert await ask(Peer("web2", LOCAL, port), Names()) is True


async def test_a_peer_that_stays_silent_is_not_up() -> None:
    """A listener whose backlog is full drops what comes, as a dead machine does."""
    with listener(backlog=0) as port, socket.socket() as first, socket.socket() as second:
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex((LOCAL, port))
        assert await ask(Peer("web2", LOCAL, port), Names(), within=0.2) is False


async def test_a_peer_that_cannot_be_asked_is_unknown() -> None:
    """The address of another family than the host has a route for is our own trouble."""
    assert await ask(Peer("web2", "255.255.255.255", 22), Names()) is None


async def test_a_peer_whose_name_no_resolver_answers_for_is_unknown() -> None:
    with resolver_that_hangs() as names:
        for _ in range(2):  # the second one finds the first question still under way
            assert await ask(Peer("web2", "web2.example", 22), names, within=0.1) is None


async def test_each_known_peer_has_a_series_and_an_unknown_one_has_none() -> None:
    answers = {"web2": True, "web3": False, "web4": None}

    async def answer(peer: Peer) -> bool | None:
        return answers[peer.node]

    bodies = list[bytes]()
    peers = Peers([Peer(node, LOCAL, 22) for node in answers], 5.0, answer)
    await peers.collect(bodies.append)
    assert [row for row in bodies[0].splitlines() if not row.startswith(b"#")] == [
        b'hale_peer_up{peer="web2"} 1',
        b'hale_peer_up{peer="web3"} 0',
    ]
    peers.declare([], 5.0)
    with pytest.raises(Absent):
        await peers.collect(bodies.append)


async def test_a_probe_of_our_own_interpreter_takes_arguments_as_they_are() -> None:
    argv = (sys.executable, "-c", "import sys; sys.exit(sys.argv[1] != 'a b')", "a b")
    assert await Command(CommandProbe(argv)).attempt() is SUCCESS
