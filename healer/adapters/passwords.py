"""Passwords as scrypt hashes, in one line of text: `scrypt$15$8$3$SALT$HASH`.

The numbers are log2 of N, r and p of RFC 7914. Rule: nothing here keeps or shows a password.
"""

import hashlib
import hmac
import re
import secrets
import unicodedata
from base64 import b64decode, b64encode
from dataclasses import dataclass

SHORTEST = 12
"""Characters of a new password. There is one gate before every node, and it is guessed at in the dark."""

LONGEST = 256
"""Characters of any password that is looked at."""

COST = (15, 8, 3)
"""OWASP's equal of N=2^17, with 32 MiB at a time: the healer has 512 MiB for everything."""

SALT, DIGEST = 16, 32
"""Bytes."""

MOST_MEMORY = 64 * 1024 * 1024
"""Bytes that checking one password may take, whatever the file says."""

LINE = re.compile(
    r"scrypt\$(\d{1,2})\$(\d{1,2})\$(\d{1,2})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Hash:
    """What is kept of a password.

    Attributes:
        cost: log2 of N, r, p.
    """

    cost: tuple[int, int, int]
    salt: bytes
    digest: bytes

    def matches(self, password: str) -> bool:
        """Whether this is the password. Takes the same time either way: a few tenths of a second, and 32 MiB."""
        return hmac.compare_digest(self.digest, _scrypt(password, self.salt, self.cost))

    def __str__(self) -> str:
        """Return the line of text."""
        numbers = "$".join(str(one) for one in self.cost)
        return f"scrypt${numbers}${b64encode(self.salt).decode()}${b64encode(self.digest).decode()}"


def make(password: str) -> Hash:
    """Return the hash of a new password.

    Raises:
        ValueError: It is too short or too long, or has characters that nobody can type.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise ValueError(
            f"a password has {SHORTEST} to {LONGEST} characters, this has {len(password)}"
        )
    if not password.isprintable():
        raise ValueError("a password has printable characters only")
    salt = secrets.token_bytes(SALT)
    return Hash(COST, salt, _scrypt(password, salt, COST))


def parse(line: str) -> Hash:
    """Return the hash that a line of text stands for.

    Raises:
        ValueError: It is none, or one that is too weak or too expensive to check.
    """
    found = LINE.fullmatch(line)
    if found is None:
        raise ValueError("it is no scrypt$... line: make one with hale-healer passwd")
    log_n, r, p = (int(found[place]) for place in (1, 2, 3))
    if log_n < 14 or r != 8 or not 1 <= p <= 8 or _memory(log_n, r) > MOST_MEMORY:
        raise ValueError(
            "its cost is not one that is used here: make it anew with hale-healer passwd"
        )
    salt, digest = b64decode(found[4], validate=True), b64decode(found[5], validate=True)
    if (len(salt), len(digest)) != (SALT, DIGEST):
        raise ValueError("it was cut off: make it anew with hale-healer passwd")
    return Hash((log_n, r, p), salt, digest)


def nobodys() -> Hash:
    """Return a hash that no password matches: checked for names that nobody has, so that they take as long."""
    return Hash(COST, secrets.token_bytes(SALT), secrets.token_bytes(DIGEST))


def _scrypt(password: str, salt: bytes, cost: tuple[int, int, int]) -> bytes:
    log_n, r, p = cost
    # One password has several spellings in Unicode, and keyboards differ in which they send (RFC 7617).
    text = unicodedata.normalize("NFC", password).encode()
    most = _memory(log_n, r) + 1024 * 1024
    return hashlib.scrypt(text, salt=salt, n=2**log_n, r=r, p=p, maxmem=most, dklen=DIGEST)


def _memory(log_n: int, r: int) -> int:
    return 128 * r * (1 << log_n)
