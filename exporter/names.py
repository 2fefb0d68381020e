"""Addresses of names, from a resolver that may hang, and connections to them.

A name server that is away says nothing about who was to be reached: whoever asks has to tell the two apart.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from exporter.blocking import Blocking, StillRunning, Threads

MOST_LOOK_UPS = 16
"""Threads that may wait for the resolver at once, of the 160 of the whole process."""

# As getaddrinfo(3) gives them: family, kind, protocol, canonical name, socket address.
Found = Sequence[tuple[int, int, int, str, Any]]


class Names:
    """Asks the resolver in threads of their own, so that one name that hangs holds up no other."""

    def __init__(
        self,
        threads: Blocking | None = None,
        look_up: Callable[..., Found] = socket.getaddrinfo,
    ) -> None:
        """Ask nothing yet."""
        self._threads = threads or Threads(limit=MOST_LOOK_UPS)
        self._look_up = look_up

    async def find(self, host: str, port: int, asker: object) -> Found:
        """Return where to connect to; cancelling gives up the wait.

        Args:
            host: A name, or an address, for which nobody is asked.
            port: Of the service.
            asker: Whose question it is. One whose last one has not come back is not asked a second time.

        Raises:
            StillRunning: The resolver has not answered the asker's last question, or far too many of others.
            OSError: The name has no address; a socket.gaierror.
        """

        def ask() -> Found:
            return self._look_up(host, port, type=socket.SOCK_STREAM)

        if _is_address(host):
            return ask()
        try:
            return await self._threads.call(f"name:{host}:{id(asker)}", ask)
        except StillRunning as error:
            raise StillRunning(f"no address of {host}: the resolver does not answer") from error


async def connect(found: Found) -> socket.socket:
    """Connect to the first address that takes it, one after the other.

    Raises:
        OSError: None does; what the last one said.
    """
    loop = asyncio.get_running_loop()
    failed = OSError("no address")
    for family, kind, protocol, _, address in found:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            failed = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failed


class Known(AbstractResolver):
    """Tells aiohttp what has been found already."""

    def __init__(self, found: Found) -> None:
        self._found = found

    async def resolve(
        self, host: str, port: int = 0, family: int = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return it, whatever the family."""
        return [
            ResolveResult(
                hostname=host,
                host=address[0],
                port=port,
                family=family,
                proto=protocol,
                flags=socket.AI_NUMERICHOST,
            )
            for family, _, protocol, _, address in self._found
        ]

    async def close(self) -> None:
        """Have nothing to close."""


def _is_address(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False
