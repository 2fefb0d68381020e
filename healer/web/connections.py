"""How many connections strangers may hold, and for how long.

Each takes one of the process's file descriptors. Somebody who only connects must leave enough of them for what
heals: the gates, Prometheus, the Alertmanagers and the journal.
"""

import asyncio
import logging
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from healer.web.certificates import Certificates, greet
from healer.web.door import network

BACKLOG = 128
"""Connections that the kernel keeps until they are looked at."""

TELL_EVERY = 60.0
"""Seconds between two lines in the log about those who are turned away."""

log = structlog.get_logger()

CLIENTS_FAULTS = (HttpProcessingError, web.RequestPayloadError, ConnectionError)
"""What aiohttp would log with a traceback each: strangers could fill the log with what is no bug."""


def of_a_bug(record: logging.LogRecord) -> bool:
    """Whether what the server logs is about us, and not about what somebody sent."""
    return not (record.exc_info and isinstance(record.exc_info[1], CLIENTS_FAULTS))


def server_log() -> logging.Logger:
    """Return where the server logs bugs."""
    found = logging.getLogger("healer.web.server")
    found.addFilter(of_a_bug)
    return found


@dataclass(frozen=True, slots=True)
class Bounds:
    """What strangers get.

    Attributes:
        most: Connections at the same time; systemd gives a service 1024 file descriptors.
        of_one: Of those, from one address; a proxy before us holds all its users' alone.
        idle_seconds: In which a connection has to bring a whole request's head, and then the next one's.
        stall_seconds: In which a client has to take something of what is sent.
    """

    most: int = 512
    of_one: int = 128
    idle_seconds: float = 75.0
    stall_seconds: float = 30.0


STANDARD = Bounds()


@dataclass
class Usher:
    """Hands each new connection to the server, or hangs up where there are too many.

    Attributes:
        server: The one that answers now; None as long as none does.
        certificates: Of TLS; None for plain HTTP.
    """

    bounds: Bounds
    server: web.Server | None = None
    certificates: Certificates | None = None
    _told_at: float = float("-inf")
    _greeted: dict[asyncio.Task[None], str] = field(default_factory=dict)

    def __call__(self) -> asyncio.Protocol:
        """Return what meets the next connection."""
        return _Arrival(self)

    def room(self, address: str) -> bool:
        """Whether one more connection from this address may stay."""
        if self.server is None:
            return False
        whose = network(address)
        held = self.server.connections
        # Whoever is being shaken hands with is here too, and may take their time.
        most, of_one = len(self._greeted), list(self._greeted.values()).count(whose)
        most, of_one = most + len(held), of_one + self._of(whose, held)
        if most < self.bounds.most and of_one < self.bounds.of_one:
            return True
        now = asyncio.get_running_loop().time()
        if now - self._told_at >= TELL_EVERY:
            self._told_at = now
            log.warning("connection.refused", remote=whose, held=most)
        return False

    def serve(self, arrived: asyncio.Transport) -> None:
        """Hand a connection to the server, with TLS after a handshake."""
        if self.certificates is None:
            served = self._served()
            arrived.set_protocol(served)
            served.connection_made(arrived)
            return
        hands = greet(arrived, self.certificates, self._served)
        greeting = asyncio.create_task(hands, name="handshake")
        self._greeted[greeting] = network(_host(arrived.get_extra_info("peername")))
        greeting.add_done_callback(self._greeted.pop)

    def _served(self) -> asyncio.Protocol:
        return cast(web.Server, self.server)()  # there was room, so there is one

    async def leave(self) -> None:
        """Shake no more hands."""
        under_way = list(self._greeted)
        for one in under_way:
            one.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    @staticmethod
    def _of(whose: str, held: Iterable[web.RequestHandler]) -> int:
        return sum(network(_host(one.peername)) == whose for one in held)


class _Arrival(asyncio.Protocol):
    def __init__(self, usher: Usher) -> None:
        self._usher = usher

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        arrived = cast(asyncio.Transport, transport)
        if not self._usher.room(_host(arrived.get_extra_info("peername"))):
            arrived.abort()
            return
        milliseconds = int(1000 * self._usher.bounds.stall_seconds)
        found = arrived.get_extra_info("socket")
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
        self._usher.serve(arrived)


def _host(peer: object) -> str:
    """Return the address of a peer; empty where it is gone already."""
    return str(peer[0]) if isinstance(peer, tuple) else ""
