"""Lets in whoever may post to the webhook. The file of the secret is read anew when it changes."""

import asyncio
from dataclasses import dataclass, field

import structlog
from aiohttp import hdrs, web

from healer.adapters.senders import (
    ByBasic,
    ByBearer,
    ByCertificate,
    Sender,
    digest,
    read_digest,
    same,
    secret_file,
)
from healer.errors import ConfigError
from healer.ports import Clock
from healer.web.answers import refusal
from healer.web.credentials import credentials

LOOK_EVERY = 1.0
"""Seconds between two looks at whether the file changed."""

MOST_TOKEN = 4096
"""Characters of what is shown; a longer one is somebody's payload."""

log = structlog.get_logger()


@dataclass
class Senders:
    """Who may post.

    Attributes:
        error: Why the file cannot be used; empty where it can.
    """

    how: Sender
    clock: Clock
    error: str = ""
    _wanted: bytes | None = None
    _version: tuple[int, ...] | None = None
    _looked_at: float | None = None
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def refused(self, request: web.Request) -> web.Response | None:
        """Return the answer for somebody who may not post; None for whoever may.

        Nothing of the body is read before. What cannot be judged is 503, so that Alertmanager comes again.
        """
        match self.how:
            case ByCertificate():
                transport = request.transport
                if transport is not None and transport.get_extra_info("peercert"):
                    return None
                sentence = "only who has a certificate of healer.webhook.client_ca may post"
                return refusal(401, "no_certificate", sentence)
            case ByBearer() | ByBasic() as how:
                await self._look(how)
                if self._wanted is None:
                    sentence = "the file of the secret cannot be used; the healer's log says why"
                    return refusal(503, "secret_unreadable", sentence)
                shown = _shown(how, request)
                if shown is not None and same(shown, self._wanted):
                    return None
                return _stranger(how)

    async def _look(self, how: ByBearer | ByBasic) -> None:
        async with self._looking:
            now = self.clock.boottime()
            if self._looked_at is not None and now - self._looked_at < LOOK_EVERY:
                return
            self._looked_at = now
            version = await asyncio.to_thread(secret_file(how).version)
            if version == self._version and version is not None:
                return
            try:
                wanted, error = await asyncio.to_thread(read_digest, how), ""
            except ConfigError as exc:
                wanted, error = None, str(exc)
            if error and error != self.error:
                log.error("webhook.secret_unreadable", error=error)
            self._wanted, self.error, self._version = wanted, error, version


def _shown(how: ByBearer | ByBasic, request: web.Request) -> bytes | None:
    if isinstance(how, ByBasic):
        given = credentials(request.headers)
        return None if given is None else digest(given[1], given[0])
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "bearer" or len(token) > MOST_TOKEN:
        return None
    return digest(token.strip())


def _stranger(how: ByBearer | ByBasic) -> web.Response:
    sentence = "show what healer.webhook of cluster.yml asks for, as the rendered Alertmanager does"
    response = refusal(401, "not_alertmanager", sentence)
    scheme = "Bearer" if isinstance(how, ByBearer) else "Basic"
    response.headers[hdrs.WWW_AUTHENTICATE] = f'{scheme} realm="Hale webhook"'
    return response
