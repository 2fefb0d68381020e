"""Answers in JSON, and how each error becomes one. Every answer carries the same cautious headers."""

from collections.abc import Awaitable, Callable, Mapping

import structlog
from aiohttp import hdrs, web

from healer.errors import ConfigError, LeaseLost, Malformed, Refused, StoreFull

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

RETRY_AFTER = "30"
"""Seconds after which a sender may try again what could not be stored."""

HEADERS = {
    # Nothing is loaded or run but our own files, forms come back to us alone, nobody frames us.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # With no-referrer a browser would send a form with the origin `null`, which we could not tell from a stranger's.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

BROKEN = (web.RequestPayloadError, ConnectionError)
"""What reading a body raises that was cut off, or does not unpack: the sender's fault, and no bug."""

log = structlog.get_logger()


def answer(shown: object, status: int = 200) -> web.Response:
    """Return JSON."""
    return web.json_response(shown, status=status)


def refusal(status: int, reason: str, detail: str) -> web.Response:
    """Return an error as JSON: one word and one sentence."""
    retry = {hdrs.RETRY_AFTER: RETRY_AFTER} if status == 503 else None
    return web.json_response({"reason": reason, "detail": detail}, status=status, headers=retry)


def unable(error: Exception) -> web.Response:
    """Return the answer for an error that a handler let pass.

    Raises:
        Exception: It is none of ours, so it is a bug, and the server logs it with its traceback.
    """
    match error:
        case Refused():
            return refusal(409, error.reason, error.detail)
        case Malformed():
            return refusal(400, "malformed", str(error))
        case StoreFull():
            return refusal(503, "store_full", f"nothing can be made durable: {error}")
        case LeaseLost():
            return refusal(503, "not_leader", f"another healer leads: {error}")
        case ConfigError():
            return refusal(503, "journal_unreadable", str(error))
        case web.HTTPException():
            return refusal(error.status, error.reason.lower().replace(" ", "_"), error.text or "")
    raise error


@web.middleware
async def cautious(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Put the headers on every answer, and turn errors into JSON."""
    try:
        response = await handler(request)
    except Exception as error:  # noqa: BLE001  one request's run: `unable` raises what is a bug
        response = unable(error)
        if isinstance(error, web.HTTPException):
            kept: Mapping[str, str] = error.headers
            response.headers.update({hdrs.ALLOW: kept[hdrs.ALLOW]} if hdrs.ALLOW in kept else {})
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
