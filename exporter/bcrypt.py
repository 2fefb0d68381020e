"""Whether a password is the one of which a bcrypt hash is kept, by the system's own libcrypt.

Every Debian has it (libcrypt1, which PAM rests on) and patches it, so bcrypt is no dependency of ours.
It is loaded when there are users, and not before. The forms: crypt(5), $2b$, $2a$ and $2y$, which are the same here.
"""

import hmac
import re
from collections.abc import Callable
from functools import cache

# libxcrypt's, and the older or other names of the same: Fedora's, and musl, where it is in the C library itself.
LIBRARIES = ("libcrypt.so.1", "libcrypt.so.2", None)

ROOM = 256 * 1024
"""Bytes for crypt_r's working memory; crypt.h: 32 KiB in libxcrypt, 131 KiB in glibc before it."""

HASH = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}", re.ASCII)

DIGEST = 31
"""Characters at the end of a hash; before them stand the form, the cost and the salt."""

LEAST_COST, MOST_COST = 4, 18
"""Each step doubles the time: some 45 ms at 10, some 12 s at 18."""

# Openwall's crypt_blowfish, wrapper.c: the first of its test vectors.
KNOWN = (b"U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")


class Unavailable(Exception):
    """This system's libcrypt does not do bcrypt; no password can be checked."""


def cost(kept: str) -> int:
    """Return the cost of a hash.

    Raises:
        ValueError: It is no bcrypt hash, or one that takes too long to check. The text does not show it.
    """
    match = HASH.fullmatch(kept)
    if match is None:
        raise ValueError(
            "wanted a bcrypt hash, $2y$ with a cost and 53 characters: htpasswd -nBC 10 ''"
        )
    found = int(match[1])
    if not LEAST_COST <= found <= MOST_COST:
        raise ValueError(f"wanted a cost from {LEAST_COST} to {MOST_COST}, saw {found}")
    return found


def nobodys(as_dear_as: int) -> str:
    """Return a hash that no password is known for: checked for names that nobody has, so that they take as long."""
    return f"$2b${as_dear_as:02}${'.' * 53}"


def matches(password: str, kept: str) -> bool:
    """Whether this is the password. Takes its time either way, so it belongs into a thread; the GIL is let go.

    As bcrypt has it, bytes beyond the 72nd do not count.

    Raises:
        Unavailable: This system cannot tell.
    """
    given = password.encode("utf-8", "surrogatepass")
    if b"\0" in given:  # C would read up to there
        return False
    made = _crypt(given, kept)
    return hmac.compare_digest(made[-DIGEST:], kept[-DIGEST:].encode())


def check_available() -> None:
    """Make sure that bcrypt is here, by a hash that is known.

    Raises:
        Unavailable: It is not, or it makes another hash.
    """
    password, kept = KNOWN
    if _crypt(password, kept) != kept.encode():
        raise Unavailable("libcrypt makes wrong bcrypt hashes")


def _crypt(password: bytes, kept: str) -> bytes:
    made = _crypt_r()(password, kept.encode())
    if not made or made.startswith(b"*") or len(made) != len(kept):
        raise Unavailable("this system's libcrypt does not know bcrypt")
    return made


@cache
def _crypt_r() -> Callable[[bytes, bytes], bytes | None]:
    import ctypes

    for name in LIBRARIES:
        try:
            found = ctypes.CDLL(name).crypt_r
        except (OSError, AttributeError):
            continue
        found.restype = ctypes.c_char_p
        found.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p]
        # Room of its own for each call: they may run beside each other.
        return lambda password, kept: found(password, kept, ctypes.create_string_buffer(ROOM))
    raise Unavailable("this system has no libcrypt; on Debian it is the package libcrypt1")
