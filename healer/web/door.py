"""Who is at the door: checks names and passwords, and bounds what wrong ones cost.

Checking a password takes a third of a second on purpose. So one is checked at a time, wrong ones are
followed by a pause, an address that was wrong too often waits, and what was right is remembered: as an HMAC
under a key of this process, bound to the user's line in the file, so that a new password ends the old one.
"""

import asyncio
import hmac
import ipaddress
import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import structlog

from healer.adapters import passwords
from healer.adapters.users import Role, User, UsersFile
from healer.errors import ConfigError
from healer.plain import printable
from healer.ports import Clock

LOOK_EVERY = 1.0
"""Seconds between two looks at whether the file of users changed."""

TRIES = 5
"""Wrong passwords from one address at once."""

TRY_AGAIN = 12.0
"""Seconds after which an address that used them all has one more."""

PAUSE = 1.0
"""Seconds after a wrong password in which nobody's is checked: guessing takes a quarter of one processor at most."""

MOST_WAITING = 32
"""Who wait for their password to be checked."""

MOST_FROM_ONE = 4
"""Of those, from one address: a browser whose tabs all come back at once."""

MOST_ADDRESSES = 10_000

MOST_REMEMBERED = 1000
"""Passwords that were right. One that is forgotten is only checked again."""

REMEMBERED_SECONDS = 12 * 3600.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Stranger:
    """Not let in.

    Attributes:
        status: Of HTTP: 401, 429 or 503.
        reason: One word.
        sentence: For whoever stands there.
        wait_seconds: After which it makes sense to come again; 0 where that is at once.
    """

    status: int
    reason: str
    sentence: str
    wait_seconds: float = 0.0


UNNAMED = Stranger(401, "sign_in", "Sign in with your name and password.")
WRONG = Stranger(401, "wrong_password", "There is no user of that name with that password.")
UNKNOWN = Stranger(
    403, "unknown_user", "The file of users does not have the name under which you signed in."
)
SHUT = Stranger(
    503,
    "users_unreadable",
    "The file of users cannot be used, so nobody is let in. The healer's log says why: journalctl -u hale-healer",
)
CROWDED = Stranger(503, "busy", "Too many others are signing in at this moment.", 5.0)


@dataclass
class _Tries:
    """How many wrong passwords an address still has.

    Attributes:
        at: Seconds of CLOCK_BOOTTIME at which `left` was right.
    """

    left: float
    at: float

    def wait(self, now: float) -> float:
        """Return the seconds until there is one."""
        self.left = min(float(TRIES), self.left + (now - self.at) / TRY_AGAIN)
        self.at = now
        return max(0.0, (1.0 - self.left) * TRY_AGAIN)


@dataclass
class Door:
    """Lets in those whom the file of users names.

    Attributes:
        file: Where they stand.
        pause: See PAUSE.
        check: Whether a password is the one of which this is kept; it takes its time, in a thread.
        error: Why the file cannot be used; empty where it can.
    """

    file: UsersFile
    clock: Clock
    pause: float = PAUSE
    check: Callable[[passwords.Hash, str], bool] = passwords.Hash.matches
    error: str = "it was not read yet"
    _users: dict[str, User] = field(default_factory=dict)
    _version: tuple[int, ...] | None = None
    _looked_at: float | None = None
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    # Stands in for every name that nobody has, which so takes as long as one that somebody has.
    _nobody: User = field(default_factory=lambda: User("", Role.VIEWER, passwords.nobodys()))
    _right: OrderedDict[bytes, float] = field(default_factory=OrderedDict)
    _tries: OrderedDict[str, _Tries] = field(default_factory=OrderedDict)
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _checking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _waiting: Counter[str] = field(default_factory=Counter)

    def follow(self, before: "Door") -> None:
        """Go on where another configuration's door stopped: wrong passwords count, and who is in stays in."""
        self._tries, self._checking = before._tries, before._checking  # noqa: SLF001  # one of us
        self._key, self._right = before._key, before._right  # noqa: SLF001  # the same
        self._waiting = before._waiting  # noqa: SLF001  # the same

    async def let_in(self, name: str, password: str, address: str) -> User | Stranger:
        """Return the user of this name if the password is theirs.

        Args:
            name: As given.
            password: As given.
            address: Whence, as text; empty where that is not known.
        """
        await self.look()
        if self.error:
            return SHUT
        user = self._user(name)
        if self._remembered(user, password):
            return user
        source = network(address)
        tries = self._tries_of(source)
        wait = tries.wait(self.clock.boottime())
        if wait > 0:
            return _later(wait)
        if self._waiting[source] >= MOST_FROM_ONE or self._waiting.total() >= MOST_WAITING:
            return CROWDED
        self._waiting[source] += 1
        try:
            async with self._checking:
                return await self._check(name, password, source, tries)
        finally:
            self._waiting[source] -= 1
            self._waiting += Counter()  # those at zero are dropped

    async def known(self, name: str) -> User | Stranger:
        """Return the user of this name, whom somebody else let in."""
        await self.look()
        if self.error:
            return SHUT
        return self._users.get(name, UNKNOWN)

    async def still(self, name: str, password: str) -> bool:
        """Whether who was let in with this password would be so again; a guess costs nothing and gives nothing."""
        await self.look()
        return not self.error and self._remembered(self._user(name), password)

    async def look(self) -> None:
        """Read the file anew if it changed."""
        async with self._looking:
            now = self.clock.boottime()
            if self._looked_at is None or now - self._looked_at >= LOOK_EVERY:
                self._looked_at = now
                await self._read()

    async def _read(self) -> None:
        version = await asyncio.to_thread(self.file.version)
        if version == self._version and version is not None:
            return
        try:
            users, error = await asyncio.to_thread(self.file.read), ""
        except ConfigError as exc:
            users, error = {}, str(exc)
        if error and error != self.error:
            log.error("users.unreadable", error=error)
        elif not error:
            log.info("users.read", path=str(self.file.path), users=len(users))
        self._users, self.error, self._version = users, error, version

    async def _check(self, name: str, password: str, source: str, tries: _Tries) -> User | Stranger:
        # While this one waited the file may have changed, and others from here may have been right or wrong.
        user = self._user(name)
        if self._remembered(user, password):
            return user
        wait = tries.wait(self.clock.boottime())
        if wait > 0:
            return _later(wait)
        kept = user.password or passwords.nobodys()
        right = await asyncio.to_thread(self.check, kept, password)
        if right and user is not self._nobody and user.password is not None:
            self._remember(user, password)
            return user
        tries.left -= 1.0
        log.warning("sign_in.refused", user=printable(name, 64), remote=source)
        await asyncio.sleep(self.pause)
        return WRONG

    def _user(self, name: str) -> User:
        return self._users.get(name, self._nobody)

    def _tries_of(self, source: str) -> _Tries:
        tries = self._tries.setdefault(source, _Tries(float(TRIES), self.clock.boottime()))
        self._tries.move_to_end(source)
        while len(self._tries) > MOST_ADDRESSES:
            self._tries.popitem(last=False)
        return tries

    def _remembered(self, user: User, password: str) -> bool:
        until = self._right.get(self._mark(user, password))
        return until is not None and self.clock.boottime() < until

    def _remember(self, user: User, password: str) -> None:
        self._right[self._mark(user, password)] = self.clock.boottime() + REMEMBERED_SECONDS
        while len(self._right) > MOST_REMEMBERED:
            self._right.popitem(last=False)

    def _mark(self, user: User, password: str) -> bytes:
        # Under a key that nobody has, so how long the look-up takes tells nothing of the password.
        told = "\0".join((user.name, str(user.password), password))
        return hmac.digest(self._key, told.encode("utf-8", "surrogatepass"), "sha256")


def _later(wait: float) -> Stranger:
    sentence = f"There were {TRIES} wrong passwords from this address. Try again in {wait:.0f} s."
    return Stranger(429, "too_many_tries", sentence, wait)


@lru_cache(4096)
def network(address: str) -> str:
    """Return what counts as one address: an IPv4 address, or the IPv6 network that one customer gets."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
