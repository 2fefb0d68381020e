"""TLS on the healer's port: its certificate, read anew when it changes, and the handshake with whoever comes.

Rule: what cannot be used any more is logged, and what was good last stays: a healer that nobody reaches heals too,
but nobody sees what it does.
"""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from healer.adapters.tls_files import TlsFiles
from healer.errors import ConfigError

HANDSHAKE_SECONDS = 10.0

LOOK_EVERY = 1.0
"""Seconds between two looks at whether a file changed."""

log = structlog.get_logger()


@dataclass
class Certificates:
    """What the next handshake goes by."""

    files: TlsFiles
    _context: ssl.SSLContext = field(init=False)
    _version: tuple[object, ...] = field(init=False)
    _looked_at: float = float("-inf")

    def __post_init__(self) -> None:
        self._version = self.files.version()
        self._context = self.files.context()

    def current(self, now: float) -> ssl.SSLContext:
        """Return it, from the files as they are. It reads them, so it belongs into a thread.

        Args:
            now: Seconds of any clock that only goes forward.
        """
        if now - self._looked_at < LOOK_EVERY:
            return self._context
        self._looked_at = now
        version = self.files.version()
        if version != self._version:
            self._version = version
            try:
                self._context = self.files.context()
            except ConfigError as exc:
                log.error("tls.unreadable", error=str(exc))
            else:
                log.info("tls.read", path=str(self.files.cert))
        return self._context


@dataclass
class _Early(asyncio.Protocol):
    """Keeps what comes together with the end of the handshake until the server knows of the connection."""

    data: bytearray = field(default_factory=bytearray)
    ended: bool = False

    def data_received(self, data: bytes) -> None:
        self.data += data

    def eof_received(self) -> None:
        self.ended = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True


async def greet(
    arrived: asyncio.Transport, certificates: Certificates, serve: Callable[[], asyncio.Protocol]
) -> None:
    """Shake hands with whoever arrived, and let them be served; hang up on who does not manage it.

    Args:
        arrived: Just now, in `connection_made`; this is a task of its own.
        certificates: Ours.
        serve: Gives what answers a connection that is secured.
    """
    # Not earlier: asyncio begins to read right after `connection_made`, paused or not (until Python 3.12), and this
    # first step of a task comes after that, and before anything that arrived is handed on.
    arrived.pause_reading()
    loop, early = asyncio.get_running_loop(), _Early()
    try:
        context = await asyncio.to_thread(certificates.current, loop.time())
        secured = await loop.start_tls(
            arrived,
            early,
            context,
            server_side=True,
            ssl_handshake_timeout=HANDSHAKE_SECONDS,
            ssl_shutdown_timeout=HANDSHAKE_SECONDS,
        )
    except (OSError, TimeoutError):  # ssl.SSLError is an OSError
        arrived.abort()
        return
    if secured is None or early.ended:
        arrived.abort()
        return
    served = serve()
    secured.set_protocol(served)
    served.connection_made(secured)
    if early.data:
        served.data_received(bytes(early.data))
