"""One attempt to use a service, as its users do: HTTP, TCP, TLS or a command.

An attempt that fails for a reason of our own (no file descriptors, no such program) says nothing
about the service and is told apart from one that the service failed.
"""

import asyncio
import errno
import os
import socket
import ssl
from typing import Protocol

import aiohttp

from exporter.blocking import StillRunning, TooMany
from exporter.collector import Absent
from exporter.config import CommandProbe, How, HttpProbe, TcpProbe, TlsProbe
from exporter.handshake import Shown
from exporter.passwords import masked
from exporter.programs import Programs
from exporter.serving import Probed

# Errors of this process or this kernel, not of the service.
OURS = {
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.ENOBUFS,
    errno.EACCES,
    errno.EPERM,
    errno.EADDRNOTAVAIL,  # no local port is free
    errno.ENETUNREACH,
    errno.ENETDOWN,
}


class NotMade(Exception):
    """The attempt could not be made, for a reason of our own: it says nothing about the service."""


class Prober(Protocol):
    """Knows how to make one attempt."""

    @property
    def kind(self) -> str:
        """The value of the label `probe`."""
        ...

    @property
    def earliest_expiry(self) -> float | None:
        """When the first of the certificates ends that the newest attempt was shown, in unixtime; None without."""
        ...

    async def attempt(self) -> Probed:
        """Make one attempt; the caller sets the time limit by cancelling.

        Raises:
            NotMade: It could not be made.
        """
        ...


def prober(how: How) -> Prober:
    """Return what makes attempts of that kind."""
    match how:
        case HttpProbe():
            return Http(how)
        case TcpProbe():
            return Tcp(how)
        case TlsProbe():
            return Tls(how)
        case CommandProbe():
            return Command(how)


def blame(error: OSError) -> Probed:
    """Call an error the service's failure.

    Raises:
        NotMade: It is ours.
    """
    if isinstance(error, ssl.SSLError | aiohttp.ClientSSLError):  # whose numbers are OpenSSL's
        return Probed.FAILURE
    if error.errno in OURS:
        raise NotMade(str(error)) from error
    return Probed.FAILURE


def unfound(host: str, error: OSError) -> NotMade:
    """Say that a name has no address; the error's number is of another table than others'."""
    return NotMade(f"no address of {host}: {error.strerror}")


class Http:
    """GET over a fresh connection; the status decides."""

    kind = "http"

    def __init__(self, probe: HttpProbe) -> None:
        self._probe = probe
        self._shown = Shown()

    @property
    def earliest_expiry(self) -> float | None:
        """See Prober; None for http://."""
        return self._shown.earliest_expiry

    async def attempt(self) -> Probed:
        """Ask once; the body is not read."""
        self._shown.forget()
        # A kept connection would still work while the service accepts no new one.
        connector = aiohttp.TCPConnector(force_close=True, ssl=self._shown.context)
        try:
            async with (
                aiohttp.ClientSession(
                    connector=connector, cookie_jar=aiohttp.DummyCookieJar()
                ) as session,
                session.get(self._probe.url, allow_redirects=False) as answer,
            ):
                matches = answer.status == self._probe.status
        except aiohttp.ClientConnectorDNSError as error:
            raise unfound(error.host, error.os_error) from error
        except aiohttp.InvalidURL as error:
            raise NotMade(f"no URL: {masked(self._probe.url)}") from error
        except OSError as error:
            return blame(error)
        except aiohttp.ClientError:
            return Probed.FAILURE
        return Probed.SUCCESS if matches else Probed.FAILURE


class Tcp:
    """Connects and hangs up."""

    kind = "tcp"
    earliest_expiry = None

    def __init__(self, probe: TcpProbe) -> None:
        self._probe = probe

    async def attempt(self) -> Probed:
        """Connect once."""
        try:
            _, writer = await asyncio.open_connection(self._probe.host, self._probe.port)
        except socket.gaierror as error:
            raise unfound(self._probe.host, error) from error
        except OSError as error:
            return blame(error)
        writer.transport.abort()  # nothing was said; do not wait for a polite end
        return Probed.SUCCESS


class Tls:
    """Connects, shakes hands and hangs up; whatever certificate is shown will do."""

    kind = "tls"

    def __init__(self, probe: TlsProbe) -> None:
        self._probe = probe
        self._shown = Shown()

    @property
    def earliest_expiry(self) -> float | None:
        """See Prober."""
        return self._shown.earliest_expiry

    async def attempt(self) -> Probed:
        """Connect once."""
        self._shown.forget()
        host, port = self._probe.host, self._probe.port
        try:
            _, writer = await asyncio.open_connection(host, port, ssl=self._shown.context)
        except socket.gaierror as error:
            raise unfound(host, error) from error
        except OSError as error:
            return blame(error)
        writer.transport.abort()
        return Probed.SUCCESS


class Command:
    """Runs a program; one that cannot be killed is not started a second time."""

    kind = "command"
    earliest_expiry = None

    def __init__(self, probe: CommandProbe, programs: Programs | None = None) -> None:
        """Run nothing yet.

        Args:
            probe: What to run.
            programs: What runs it; None for one that gives it our own surroundings.
        """
        self._argv = probe.argv
        self._programs = programs or Programs(most_bytes=None, environment=os.environ)

    async def attempt(self) -> Probed:
        """Run it once; when cancelled, it and its children are killed.

        While one hangs that cannot even be killed, each further attempt has failed as that one did.
        """
        try:
            ended = await self._programs.run(self._argv, deadline=None)
        except (Absent, OSError, TooMany) as error:
            raise NotMade(str(error)) from error
        except StillRunning:
            return Probed.FAILURE
        return Probed.SUCCESS if ended.status == 0 else Probed.FAILURE
