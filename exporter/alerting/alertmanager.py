"""One Alertmanager over HTTP: limited in time and bytes, to no redirects and to no clock of this node.

Rule: a connection for each post. One that was kept warm may be long dead on the other side, and then the first
words about a failure wait for their deadline.
"""

import asyncio
import ssl
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import aiohttp

from exporter.alerting.ports import NotTaken
from exporter.config import ClientTls

DEADLINE = 5.0
"""Seconds for a whole post."""

TOLD = 200
"""Bytes of a refusal that are shown."""

NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of openssl's x509_vfy.h: whether a certificate has run out would be asked of our clock.

The chain, the name and the key are checked as ever (docs/decisions/0033-the-short-way.md).
"""


def session() -> aiohttp.ClientSession:
    """Return what posts go through: no proxy of the environment, no cookies, nothing kept open."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(),
    )


class HttpAlertmanager:
    """ports.Alertmanager at one URL."""

    def __init__(
        self,
        url: str,
        tls: ClientTls,
        through: aiohttp.ClientSession,
        deadline: float = DEADLINE,
    ) -> None:
        """Connect to nothing yet; `deadline` in seconds, for a whole post."""
        self._url = f"{url.rstrip('/')}/api/v2/alerts"
        self._tls = tls
        self._session = through
        self._deadline = deadline
        self._context: ssl.SSLContext | None = None
        self._version: tuple[object, ...] = ()

    async def post(self, body: bytes) -> float | None:
        """See ports.Alertmanager.post."""
        headers = {"Content-Type": "application/json"}
        secured: ssl.SSLContext | bool = True
        try:
            if self._url.startswith("https:"):
                secured = self._secured()
            async with (
                asyncio.timeout(self._deadline),
                self._session.post(
                    self._url, data=body, headers=headers, allow_redirects=False, ssl=secured
                ) as answer,
            ):
                if answer.status != 200:
                    told = await answer.content.read(TOLD)
                    raise NotTaken(f"status {answer.status}: {told!r}", refused=True)
                return _date(answer.headers)
        except TimeoutError as error:
            raise NotTaken(f"no answer within {self._deadline:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NotTaken(f"{type(error).__name__}: {str(error)[:TOLD]}") from error

    def _secured(self) -> ssl.SSLContext:
        """Return what a handshake needs; the files are read again when one of them has changed."""
        version = _version(self._tls)
        if self._context is None or version != self._version:
            self._context, self._version = context(self._tls), version
        return self._context


def context(tls: ClientTls) -> ssl.SSLContext:
    """Return what a handshake needs.

    Raises:
        OSError: A file cannot be read or is not what it should be.
        ValueError: The key is encrypted; it would ask at a terminal.
    """
    made = ssl.create_default_context(cafile=tls.ca)
    made.verify_flags = ssl.VerifyFlags(made.verify_flags | NO_CHECK_TIME)
    if tls.cert is not None:
        made.load_cert_chain(tls.cert, tls.key, password=_none)
    return made


def _version(tls: ClientTls) -> tuple[object, ...]:
    files = [file for file in (tls.ca, tls.cert, tls.key) if file is not None]
    stats = [file.stat() for file in files]
    return tuple((found.st_ino, found.st_mtime_ns, found.st_size) for found in stats)


def _none() -> str:
    raise ValueError("the key is encrypted; the exporter needs it as it is")


def _date(headers: Mapping[str, str]) -> float | None:
    try:
        return parsedate_to_datetime(headers.get("Date", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
