"""Who may ask, by web-config.yml: names and passwords, and how many requests in what time.

Checking a bcrypt hash is dear on purpose. So one is checked at a time, beside the event loop; after a wrong one
nobody's is for nine times as long, which leaves guessing a tenth of one CPU; few may wait, of one address fewer; and
what came of a password is remembered, the wrong ones too: a scraper with an old password comes again and again.
"""

import asyncio
import base64
import hmac
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from exporter import bcrypt
from exporter.blocking import Blocking, StillRunning, Threads
from exporter.connections import network
from exporter.web_config import RateLimit
from exporter.web_rules import WebRules

OPEN = "/-/healthy"
"""Nobody is asked there: it says no more than that the process answers, and systemd's watchdog rests on it."""

REST = 9
"""After a wrong password nobody's is checked for so many times as long as that took."""

MOST_WAITING, MOST_FROM_ONE = 16, 2
"""Who wait for their password to be checked, and of those from one address."""

MOST_REMEMBERED = 100
"""Passwords that were right, and as many that were wrong; the toolkit's cache has room for as many."""

LONGEST = 1024
"""Characters of an Authorization header that are looked at; bcrypt reads 72 bytes of a password."""

log = structlog.get_logger()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Verdict(Enum):
    """What came of a name and a password."""

    RIGHT = "right"
    WRONG = "wrong"
    BUSY = "busy"  # too many others are being checked


@dataclass
class Guard:
    """Checks names and passwords.

    Attributes:
        blocking: Where a hash is checked.
        check: Whether a password is the one of which this is kept; it takes its time.
    """

    blocking: Blocking = field(default_factory=Threads)
    check: Callable[[str, str], bool] = bcrypt.matches
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    _right: "OrderedDict[bytes, None]" = field(default_factory=OrderedDict)
    _wrong: "OrderedDict[bytes, None]" = field(default_factory=OrderedDict)
    _checking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _waiting: Counter[str] = field(default_factory=Counter)

    async def judge(
        self, users: Mapping[str, str], name: str, password: str, whose: str
    ) -> Verdict:
        """Return whether there is a user of that name with that password.

        Args:
            users: bcrypt hashes by name, at least one.
            name: As given.
            password: As given.
            whose: The address that asks; empty for one by a socket in the file system.
        """
        kept = users.get(name) or bcrypt.nobodys(max(map(bcrypt.cost, users.values())))
        mark = self._mark(name, kept, password)
        if (known := self._known(mark)) is not None:
            return known
        if self._waiting[whose] >= MOST_FROM_ONE or self._waiting.total() >= MOST_WAITING:
            return Verdict.BUSY
        self._waiting[whose] += 1
        try:
            async with self._checking:
                # While this one waited, the same may have been checked for another.
                return self._known(mark) or await self._check(mark, password, kept, name in users)
        finally:
            self._waiting[whose] -= 1
            self._waiting += Counter()  # those at zero are dropped

    async def _check(self, mark: bytes, password: str, kept: str, user: bool) -> Verdict:
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            right = await self.blocking.call("bcrypt", lambda: self.check(password, kept))
        except StillRunning:  # one whose client went away
            return Verdict.BUSY
        except bcrypt.Unavailable as error:
            log.error("sign_in.impossible", reason=str(error))
            return Verdict.BUSY
        if right and user:
            _remember(self._right, mark)
            return Verdict.RIGHT
        _remember(self._wrong, mark)
        await asyncio.sleep(REST * (clock() - began))
        return Verdict.WRONG

    def _known(self, mark: bytes) -> Verdict | None:
        for known, verdict in ((self._right, Verdict.RIGHT), (self._wrong, Verdict.WRONG)):
            if mark in known:
                known.move_to_end(mark)
                return verdict
        return None

    def _mark(self, name: str, kept: str, password: str) -> bytes:
        # Under a key that nobody has, so how long the look-up takes tells nothing of the password; and with the
        # hash, so that a new password ends the old one.
        told = "\0".join((kept, name, password)).encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, told, "sha256")


def _remember(known: "OrderedDict[bytes, None]", mark: bytes) -> None:
    known[mark] = None
    while len(known) > MOST_REMEMBERED:
        known.popitem(last=False)


@dataclass
class Bucket:
    """Room for so many requests in a row, which comes back with time."""

    limit: RateLimit
    monotonic: Callable[[], float] = time.monotonic
    _left: float = field(init=False)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        self._left, self._at = float(self.limit.burst), self.monotonic()

    def take(self) -> bool:
        """Take room for one request, if there is any."""
        now = self.monotonic()
        back = (now - self._at) / self.limit.interval
        self._left, self._at = min(float(self.limit.burst), self._left + back), now
        if self._left < 1:
            return False
        self._left -= 1
        return True


@dataclass
class Admission:
    """Lets requests in, as `rules` say at that moment."""

    rules: WebRules
    guard: Guard = field(default_factory=Guard)
    _bucket: Bucket | None = None

    def middleware(self) -> Middleware:
        """Return what stands before every handler."""

        @web.middleware
        async def admitted(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path == OPEN:
                return await handler(request)
            refusal = await self._refuse(request)
            return await handler(request) if refusal is None else refusal

        return admitted

    async def add_headers(self, _: web.Request, response: web.StreamResponse) -> None:
        """Put the file's headers on an answer, before ours."""
        response.headers.update(self.rules.now.headers)

    async def _refuse(self, request: web.Request) -> web.Response | None:
        config = self.rules.now
        if self._bucket is None or self._bucket.limit != config.rate:
            self._bucket = Bucket(config.rate) if config.rate is not None else None
        if self._bucket is not None and not self._bucket.take():
            return web.Response(status=429, text="Too Many Requests\n")
        if not config.users:
            return None
        given = credentials(request.headers.get(hdrs.AUTHORIZATION, ""))
        verdict = Verdict.WRONG
        if given is not None:
            peer = request.transport.get_extra_info("peername") if request.transport else None
            verdict = await self.guard.judge(config.users, *given, network(peer))
        match verdict:
            case Verdict.RIGHT:
                return None
            case Verdict.BUSY:
                text = "Too many passwords are being checked, try again later.\n"
                return web.Response(status=503, text=text, headers={hdrs.RETRY_AFTER: "5"})
            case Verdict.WRONG:
                basic = {hdrs.WWW_AUTHENTICATE: "Basic"}
                return web.Response(status=401, text="Unauthorized\n", headers=basic)


def credentials(header: str) -> tuple[str, str] | None:
    """Return the name and password of basic authentication (RFC 7617); None where there are none to look at."""
    scheme, _, packed = header.partition(" ")
    if scheme.lower() != "basic" or len(header) > LONGEST:
        return None
    try:
        text = base64.b64decode(packed.strip(), validate=True).decode()
    except ValueError:  # neither base64, nor ASCII before it, nor UTF-8 in it
        return None
    name, colon, password = text.partition(":")
    return (name, password) if colon else None
