"""Who may post to the webhook (`healer.webhook` in cluster.yml), and how they show it.

Rule: only digests of one length are compared, in constant time; a secret is never logged.
"""

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path

from healer.adapters.private_file import PrivateFile
from healer.errors import ConfigError

SHORTEST = 16
"""Characters of a secret: who may try it as often as they like must not guess it."""

MEND = "chown hale-healer:prometheus, chmod 640, so that Alertmanager reads it too"


@dataclass(frozen=True, slots=True)
class ByBearer:
    """Whoever shows the secret of this file as a bearer token."""

    path: Path


@dataclass(frozen=True, slots=True)
class ByBasic:
    """Whoever shows this name and the password of this file."""

    username: str
    path: Path


@dataclass(frozen=True, slots=True)
class ByCertificate:
    """Whoever has a certificate of `healer.webhook.client_ca`; TLS has checked it before a request is read."""


Sender = ByBearer | ByBasic | ByCertificate


def digest(secret: str, username: str = "") -> bytes:
    """Return what stands for a secret."""
    told = f"{username}\0{secret}".encode("utf-8", "surrogateescape")
    return hashlib.sha256(told).digest()


def same(one: bytes, other: bytes) -> bool:
    """Whether two digests are the same; how long that takes says nothing of where they differ."""
    return hmac.compare_digest(one, other)


def secret_file(how: ByBearer | ByBasic) -> PrivateFile:
    """Return the file of the secret."""
    return PrivateFile(how.path, MEND)


def read_digest(how: ByBearer | ByBasic) -> bytes:
    """Return the digest of what has to be shown.

    Raises:
        ConfigError: The file cannot be used; the message says why, and nothing of the secret.
    """
    # Alertmanager takes white space off both ends (prometheus/common, config/http_config.go).
    secret = secret_file(how).text().strip()
    if len(secret) < SHORTEST:
        msg = f"{how.path}: a secret of {len(secret)} characters can be guessed; write {SHORTEST}"
        raise ConfigError(f"{msg} or more, as openssl rand -hex 32 prints")
    if not secret.isprintable() or (isinstance(how, ByBearer) and not secret.isascii()):
        raise ConfigError(f"{how.path}: a secret is one line of printable characters")
    return digest(secret, how.username if isinstance(how, ByBasic) else "")
