"""Signs forms, so that nobody can have a signed-in browser send one that it was not given.

A browser adds name and password to whatever a stranger's page makes it send. It cannot read the stranger
one of our pages, so a token that stands in each of our forms tells them apart.
"""

import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

BOUND = ("incident", "seen")
"""Fields that a person does not fill in: the token is for these values alone."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Makes tokens that are good in this life of the process: what a page from a former one shows is old anyway."""

    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def make(self, user: str, command: str, fields: Mapping[str, str]) -> str:
        """Return the token of one form.

        Args:
            user: For whom alone it is good.
            command: What it does.
            fields: Of which those in BOUND are kept to.
        """
        told = [user, command, *(fields.get(name, "") for name in BOUND)]
        digest = hmac.digest(self._key, json.dumps(told).encode(), "sha256")
        return urlsafe_b64encode(digest[:24]).decode()

    def good(self, token: str, user: str, command: str, fields: Mapping[str, str]) -> bool:
        """Whether this is the token of this form."""
        wanted = self.make(user, command, fields)
        return hmac.compare_digest(token.encode("utf-8", "surrogatepass"), wanted.encode())


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs the forms of one user's page."""

    user: str
    tokens: Tokens

    def sign(self, command: str, fields: Mapping[str, str]) -> str:
        """Return the token of one form."""
        return self.tokens.make(self.user, command, fields)
