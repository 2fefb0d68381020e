"""One attempt to use a service, as its users do: HTTP, TCP, TLS or a command.

An attempt that fails for a reason of our own (no file descriptors, no such program) says nothing
about the service and is told apart from one that the service failed.
"""

import asyncio
import errno
import os
import ssl
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp

from exporter.blocking import StillRunning, TooMany
from exporter.collector import Absent
from exporter.config import CommandProbe, How, HttpProbe, TcpProbe, TlsProbe
from exporter.handshake import Shown
from exporter.names import Found, Known, Names, connect
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

    @property
    def asked(self) -> bool:
        """Whether the newest attempt has come as far as the service: before that its name is looked up."""
        ...

    async def attempt(self) -> Probed:
        """Make one attempt; the caller sets the time limit by cancelling.

        Raises:
            NotMade: It could not be made.
        """
        ...


def prober(how: How, names: Names) -> Prober:
    """Return what makes attempts of that kind."""
    match how:
        case HttpProbe():
            return Http(how, names)
        case TcpProbe():
            return Tcp(how, names)
        case TlsProbe():
            return Tls(how, names)
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


class Target:
    """Where a probe goes.

    Attributes:
        asked: Whether its address is known, so that from here on the service is asked.
    """

    def __init__(self, host: str, port: int, names: Names | None) -> None:
        """Look up nothing yet.

        Args:
            host: A name or an address.
            port: A TCP port.
            names: Shared with other probes; None for our own.
        """
        self.host = host
        self.asked = False
        self._port = port
        self._names = names or Names()

    async def find(self) -> Found:
        """Return its addresses.

        Raises:
            NotMade: It has none, or the resolver does not answer.
        """
        self.asked = False
        try:
            found = await self._names.find(self.host, self._port, self)
        except StillRunning as error:
            raise NotMade(str(error)) from error
        except OSError as error:  # its number is of another table than others'
            raise NotMade(f"no address of {self.host}: {error.strerror}") from error
        self.asked = True
        return found


class Http:
    """GET over a fresh connection; the status decides."""

    kind = "http"

    def __init__(self, probe: HttpProbe, names: Names | None = None) -> None:
        self._probe = probe
        self._shown = Shown()
        self._target = Target(urlsplit(probe.url).hostname or "", 0, names)

    @property
    def asked(self) -> bool:
        """See Prober."""
        return self._target.asked

    @property
    def earliest_expiry(self) -> float | None:
        """See Prober; None for http://."""
        return self._shown.earliest_expiry

    async def attempt(self) -> Probed:
        """Ask once; the body is not read."""
        self._shown.forget()
        if not self._target.host:
            raise NotMade(f"no URL: {masked(self._probe.url)}")
        known = Known(await self._target.find())
        # A kept connection would still work while the service accepts no new one.
        connector = aiohttp.TCPConnector(force_close=True, ssl=self._shown.context, resolver=known)
        try:
            async with (
                aiohttp.ClientSession(
                    connector=connector, cookie_jar=aiohttp.DummyCookieJar()
                ) as session,
                session.get(self._probe.url, allow_redirects=False) as answer,
            ):
                matches = answer.status == self._probe.status
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

    def __init__(self, probe: TcpProbe, names: Names | None = None) -> None:
        self._target = Target(probe.host, probe.port, names)

    @property
    def asked(self) -> bool:
        """See Prober."""
        return self._target.asked

    async def attempt(self) -> Probed:
        """Connect once."""
        found = await self._target.find()
        try:
            (await connect(found)).close()
        except OSError as error:
            return blame(error)
        return Probed.SUCCESS


class Tls:
    """Connects, shakes hands and hangs up; whatever certificate is shown will do."""

    kind = "tls"

    def __init__(self, probe: TlsProbe, names: Names | None = None) -> None:
        self._target = Target(probe.host, probe.port, names)
        self._shown = Shown()

    @property
    def asked(self) -> bool:
        """See Prober."""
        return self._target.asked

    @property
    def earliest_expiry(self) -> float | None:
        """See Prober."""
        return self._shown.earliest_expiry

    async def attempt(self) -> Probed:
        """Connect once."""
        self._shown.forget()
        found = await self._target.find()
        try:
            _, writer = await asyncio.open_connection(
                sock=await connect(found),
                ssl=self._shown.context,
                server_hostname=self._target.host,
            )
        except OSError as error:
            return blame(error)
        writer.transport.abort()  # nothing was said; do not wait for a polite end
        return Probed.SUCCESS


class Command:
    """Runs a program; one that cannot be killed is not started a second time."""

    kind = "command"
    earliest_expiry = None
    asked = True

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
