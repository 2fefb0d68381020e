"""Takes in whoever connects, within bounds, and asks the server whether it still answers.

Each connection takes one of the process's file descriptors and some memory. Strangers who only connect must leave
enough of both for the scrapes and for what the collectors read. Rule: where all places are taken somebody of the
address that holds the most of them goes, and not who comes: any user of the node has as many addresses as places,
127.0.0.0/8.
"""

import asyncio
import errno
import ipaddress
import logging
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import cast

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from exporter.tls import sans
from exporter.web_config import WebConfig
from exporter.web_rules import WebRules

TELL_EVERY = 60.0
"""Seconds between two lines in the log about those who are turned away."""

REST = 1.0
"""Seconds until the next try where the system has no room for a connection."""

MOST_HEADERS, LONGEST_HEADER = 32, 4096
"""Of one request, and bytes of each. Browsers send some twenty, and proxies add a few; each connection may keep all
of them in memory, and TLS as much again, while its head is not whole."""

HANDSHAKE_SECONDS = 10.0

LAST_REQUESTS_SECONDS = 0.1
"""For the request of who has just come in when the exporter stops; who waits at systemd's socket is the next one's."""

LINGER_SECONDS = 1.0
"""For answers under way when the exporter stops, and for the rest of a body that nobody wants."""

PASSING = (errno.ECONNABORTED, errno.EPROTO, errno.EPERM)
"""What accept(2) says of one connection, and not of the listener."""

SIGN_OF_LIFE = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

CLIENTS_FAULTS = (HttpProcessingError, web.RequestPayloadError, ConnectionError)
"""What aiohttp would log with a traceback each: strangers could fill the log with what is no bug."""

log = structlog.get_logger()

Serve = Callable[[], asyncio.Protocol]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What strangers get.

    Attributes:
        most: Connections at the same time; systemd gives a service 1024 file descriptors.
        of_one: Of those, from one address; fewer than --web.max-requests, so that one cannot keep all others out.
        idle_seconds: In which a connection has to bring a whole request's head, and then the next one's.
        stall_seconds: In which a client has to take something of what is sent.
    """

    most: int = 128
    of_one: int = 32
    idle_seconds: float = 130.0  # longer than scrapes are apart: up to 2 minutes
    stall_seconds: float = 30.0


STANDARD = Bounds()


def of_a_bug(record: logging.LogRecord) -> bool:
    """Whether what the server logs is about us, and not about what somebody sent."""
    return not (record.exc_info and isinstance(record.exc_info[1], CLIENTS_FAULTS))


def runner(app: web.Application, bounds: Bounds = STANDARD) -> web.AppRunner:
    """Return what serves an application to one connection after another."""
    server_log = logging.getLogger("exporter.server")
    server_log.addFilter(of_a_bug)
    return web.AppRunner(
        app,
        access_log=None,
        logger=server_log,
        shutdown_timeout=LINGER_SECONDS,
        keepalive_timeout=bounds.idle_seconds,
        lingering_time=LINGER_SECONDS,
        auto_decompress=False,  # a small body could unpack to one that fills the memory
        max_headers=MOST_HEADERS,
        max_field_size=LONGEST_HEADER,
    )


@dataclass
class Doors:
    """Lets those who connect to the server, or hangs up where there are too many.

    Attributes:
        server: Made by `runner`, and set up.
        rules: What web-config.yml says; None for plain HTTP.
    """

    server: web.Server
    bounds: Bounds = STANDARD
    rules: WebRules | None = None
    _arriving: dict[asyncio.Task[None], str] = field(default_factory=dict)
    _open: set[socket.socket] = field(default_factory=set)
    _told_at: float = float("-inf")

    async def keep_taking(self, listener: socket.socket) -> None:
        """Take in everybody who connects there, until cancelled or shut."""
        loop = asyncio.get_running_loop()
        listener.setblocking(False)
        self._open.add(listener)
        try:
            while listener in self._open:
                try:
                    arrived, peer = await loop.sock_accept(listener)
                except OSError as error:
                    if error.errno not in PASSING:
                        log.warning("connection.impossible", reason=str(error))
                        await asyncio.sleep(REST)
                    continue
                self._take(arrived, network(peer))
        finally:
            for task in list(self._arriving):
                task.cancel()

    async def shut(self) -> None:
        """Take in nobody any more, and give those who are in the time to bring their request."""
        for listener in self._open:
            # Cancelled in place of that, one who was just accepted could be dropped.
            asyncio.get_running_loop().remove_reader(listener)
        self._open.clear()
        await asyncio.sleep(LAST_REQUESTS_SECONDS)

    def _take(self, arrived: socket.socket, whose: str) -> None:
        if not self._room(whose):
            arrived.close()
            return
        task = asyncio.create_task(self._serve(arrived), name="connection")
        self._arriving[task] = whose
        task.add_done_callback(partial(self._ended, arrived))

    async def _serve(self, arrived: socket.socket) -> None:
        try:
            if arrived.family != socket.AF_UNIX:
                milliseconds = int(1000 * self.bounds.stall_seconds)
                arrived.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
            await self._greet(arrived)
        except (OSError, TimeoutError):  # gone already, or no client of ours; ssl's are OSErrors
            arrived.close()

    async def _greet(self, arrived: socket.socket) -> None:
        loop, config = asyncio.get_running_loop(), self.rules.now if self.rules else WebConfig()
        allowed = config.tls.allowed_sans if config.tls is not None else frozenset[str]()
        ours = cast("asyncio.Task[None]", asyncio.current_task())
        serve = partial(self._hand_over, ours)
        await loop.connect_accepted_socket(
            partial(Arrival, serve, allowed),
            arrived,
            ssl=config.context,
            ssl_handshake_timeout=HANDSHAKE_SECONDS if config.context else None,
            ssl_shutdown_timeout=HANDSHAKE_SECONDS if config.context else None,
        )

    def _hand_over(self, task: "asyncio.Task[None]") -> asyncio.Protocol:
        self._arrived(task)  # from here on the server counts it, or one would count as two
        return self.server()

    def _ended(self, arrived: socket.socket, task: "asyncio.Task[None]") -> None:
        self._arrived(task)
        if task.cancelled():  # perhaps before it began
            arrived.close()

    def _arrived(self, task: "asyncio.Task[None]") -> None:
        self._arriving.pop(task, None)

    def _room(self, whose: str) -> bool:
        held = Counter(network(one.peername) for one in self.server.connections if one.transport)
        held.update(its for one, its in self._arriving.items() if not one.cancelling())
        # Who comes by a socket in the file system is let in by its permissions, and has no address.
        if whose and held[whose] >= self.bounds.of_one:
            self._tell("connection.refused", whose, held)
            return False
        if held.total() >= self.bounds.most:
            crowd, _ = held.most_common(1)[0]
            self._tell("connection.dropped", crowd, held)
            self._drop_oldest(crowd)
        return True

    def _drop_oldest(self, whose: str) -> None:
        for connection in self.server.connections:
            if connection.transport is not None and network(connection.peername) == whose:
                _hang_up(connection)
                return
        for task, its in self._arriving.items():
            if its == whose and not task.cancelling():
                task.cancel()
                return

    def _tell(self, event: str, whose: str, held: Counter[str]) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._told_at >= TELL_EVERY:
            self._told_at = now
            log.warning(event, remote=whose, held=held.total())


def _hang_up(connection: web.RequestHandler) -> None:
    """End it now, whatever it still has to take."""
    if connection.transport is not None:
        connection.transport.abort()
    connection.force_close()


class Arrival(asyncio.Protocol):
    """Looks at who it is once hands are shaken, and hands the connection to the server or hangs up."""

    def __init__(self, serve: Serve, allowed_sans: frozenset[str]) -> None:
        """Wait for the handshake.

        Args:
            serve: Makes what answers one connection.
            allowed_sans: One of which the certificate must have; empty for any.
        """
        self._serve = serve
        self._allowed = allowed_sans

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Look at the client's certificate, if it has to have a certain one."""
        arrived = cast(asyncio.Transport, transport)
        shown = arrived.get_extra_info("peercert") or {}
        if self._allowed and self._allowed.isdisjoint(sans(shown)):
            arrived.abort()
            return
        served = self._serve()
        arrived.set_protocol(served)
        served.connection_made(arrived)


async def ask(serve: Serve) -> None:
    """Ask the server for a sign of life, past TLS, passwords and bounds: a flood outside is no reason to restart.

    Args:
        serve: Makes what answers one connection.

    Raises:
        OSError: It does not answer as it should.
    """
    ours, theirs = socket.socketpair()
    await asyncio.get_running_loop().connect_accepted_socket(serve, theirs)
    reader, writer = await asyncio.open_connection(sock=ours)
    try:
        writer.write(SIGN_OF_LIFE)
        said = await reader.readline()
    finally:
        writer.close()
    if not said.startswith(b"HTTP/1.1 200 "):
        raise OSError(f"our own server answers {said.decode('latin-1').strip()!r}")


def network(peer: object) -> str:
    """Return what counts as one address: an IPv4 address, or the IPv6 network that one customer gets.

    Args:
        peer: As the socket names it; empty for none.
    """
    try:
        return _network(str(peer[0]))  # type: ignore[index]  # without the port, which is another each time
    except (ValueError, IndexError, TypeError):
        return ""


@lru_cache(1024)
def _network(address: str) -> str:
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped or ipaddress.ip_network((found, 64), strict=False))
    return str(found)
