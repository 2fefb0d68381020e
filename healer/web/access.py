"""Which paths are whose: what everybody may read, and what only those who sign in.

Without users nobody signs in: everybody reads, and nobody changes anything here.
"""

from math import ceil

from aiohttp import hdrs, web

from healer.adapters.users import User
from healer.web.answers import Handler, refusal
from healer.web.credentials import credentials
from healer.web.desk import DESK
from healer.web.door import UNNAMED, Stranger
from healer.web.pages import stranger

OPEN = frozenset({"/metrics", "/-/healthy", "/-/ready", "/webhook", "/static/{name}"})
"""Where nobody is ever asked: for programs, and for the pages' own files."""

READABLE = frozenset({"/runbooks/", "/runbooks/{alert}"})
"""What is read at night without a password at hand; what stands on it live is for those who sign in."""

USER = web.RequestKey("USER", User)

DATA = ("/api/", "/events")
"""Paths whose errors programs read."""


@web.middleware
async def signed_in(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find out who asks, and refuse strangers what is not for them."""
    door, path = request.app[DESK].door, _canonical(request)
    if door is None or path in OPEN:
        return await handler(request)
    found = await _who(request)
    if isinstance(found, User):
        request[USER] = found
    elif path not in READABLE:
        return turned_away(request, found)
    return await handler(request)


async def ask_again(request: web.Request) -> None:
    """Find out anew who asks: while their form was on its way they may have lost what they had."""
    found = await _who(request)
    if isinstance(found, User):
        request[USER] = found
    else:
        del request[USER]


def user_of(request: web.Request) -> User | None:
    """Return who signed in; None for nobody."""
    return request.get(USER)


def whose(request: web.Request) -> str:
    """Return to whom something is put down: a user, or an address where nobody signs in."""
    user = user_of(request)
    return user.name if user is not None else f"address {request.remote}"


def may_look(request: web.Request) -> bool:
    """Whether this request may see how things stand now."""
    return request.app[DESK].door is None or user_of(request) is not None


def turned_away(request: web.Request, why: Stranger) -> web.Response:
    """Return the answer for somebody who is not let in."""
    if request.path.startswith(DATA):
        response = refusal(why.status, why.reason, why.sentence)
    else:
        shown = stranger.turned_away(why.sentence)
        response = web.Response(text=shown, status=why.status, content_type="text/html")
    if why.wait_seconds:
        response.headers[hdrs.RETRY_AFTER] = str(ceil(why.wait_seconds))
    if why.status == 401:
        # For /events too: a browser sends a password unasked only below the path that first asked for it.
        realm = f'Basic realm="Hale {request.app[DESK].topology.cluster}", charset="UTF-8"'
        response.headers[hdrs.WWW_AUTHENTICATE] = realm
    return response


async def _who(request: web.Request) -> User | Stranger:
    given = credentials(request.headers)
    door = request.app[DESK].door
    if given is None or door is None:
        return UNNAMED
    return await door.let_in(*given, request.remote or "")


def _canonical(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""
