"""Names and passwords as HTTP's basic authentication has them (RFC 7617)."""

import base64
from collections.abc import Mapping

from aiohttp import hdrs

from healer.adapters.passwords import LONGEST


def credentials(headers: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the name and password of HTTP's basic authentication; None where there are none to look at."""
    scheme, _, packed = headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "basic" or len(packed) > 8 * LONGEST:
        return None
    try:
        text = base64.b64decode(packed.strip(), validate=True).decode()
    except ValueError:  # neither base64, nor ASCII before it, nor UTF-8 in it
        return None
    name, colon, password = text.partition(":")
    return (name, password) if colon and len(password) <= LONGEST else None
