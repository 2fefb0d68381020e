"""Which paths are whose: what everybody may read, and what only those who sign in.

Without users nobody signs in: everybody reads, and nobody changes anything here. From a trusted proxy only its
word counts, and from anywhere else its headers count for nothing.
"""

import ipaddress
from math import ceil
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from healer.adapters.proxies import Proxy
from healer.adapters.users import NAME, Role, User
from healer.web.answers import Handler, refusal
from healer.web.credentials import credentials
from healer.web.desk import DESK
from healer.web.door import UNKNOWN, UNNAMED, Stranger
from healer.web.pages import stranger

OPEN = frozenset(
    {
        *("/metrics", "/-/healthy", "/-/ready", "/webhook", "/static/{name}"),
        *("/v1/pre-reboot", "/v1/steady-state"),
    }
)
"""Where nobody is ever asked: for programs, and for the pages' own files."""

READABLE = frozenset({"/runbooks/", "/runbooks/{alert}"})
"""What is read at night without a password at hand; what stands on it live is for those who sign in."""

USER = web.RequestKey("USER", User)

ROLES = {role.value: role for role in Role}

PROXY_SILENT = Stranger(403, "proxy_silent", "The proxy before the healer did not say who you are.")
PROXY_CONFUSED = Stranger(
    403,
    "proxy_confused",
    "What the proxy before the healer says of you is no single name and role.",
)
PROXY_ONLY = Stranger(
    403, "proxy_only", "Sign in at the proxy before the healer: nobody signs in here."
)

NOT_OURS = (
    "this healer is not known under the host's name that was asked for, so a stranger's page may have asked. "
    "Ask by address, by a node's name, or by healer.external_url:"
)

DATA = ("/api/", "/events")
"""Paths whose errors programs read."""


@web.middleware
async def signed_in(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find out who asks, and refuse strangers what is not for them."""
    desk, path = request.app[DESK], _canonical(request)
    if path in OPEN:
        return await handler(request)
    if not desk.signs:
        if not _meant_for_us(request):
            return _misnamed(request)
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


async def still_let_in(request: web.Request) -> bool:
    """Whether whoever asks would be let in again now. For what stays open: it counts no guess and takes no time."""
    desk, given = request.app[DESK], credentials(request.headers)
    if not desk.signs:
        return True
    if desk.proxy is not None and _by_proxy_alone(request, desk.proxy):
        found = await _told_by(request, desk.proxy)
        return isinstance(found, User) and found == user_of(request)
    return given is not None and desk.door is not None and await desk.door.still(*given)


def user_of(request: web.Request) -> User | None:
    """Return who signed in; None for nobody."""
    return request.get(USER)


def whose(request: web.Request) -> str:
    """Return to whom something is put down: a user, or an address where nobody signs in."""
    user = user_of(request)
    return user.name if user is not None else f"address {client_of(request)}"


def client_of(request: web.Request) -> str:
    """Return the address that somebody asks from: behind a trusted proxy what that tells, else the connection's."""
    peer, proxy = request.remote or "", request.app[DESK].proxy
    return proxy.client(request.headers, peer) if proxy is not None and proxy.trusts(peer) else peer


def may_look(request: web.Request) -> bool:
    """Whether this request may see how things stand now."""
    return not request.app[DESK].signs or user_of(request) is not None


def turned_away(request: web.Request, why: Stranger) -> web.Response:
    """Return the answer for somebody who is not let in."""
    if request.path.startswith(DATA):
        response = refusal(why.status, why.reason, why.sentence)
    else:
        again = request.path_qs if request.method == hdrs.METH_GET else "/incidents"
        shown = stranger.turned_away(why.status, why.reason, why.sentence, again)
        response = web.Response(text=shown, status=why.status, content_type="text/html")
    if why.wait_seconds:
        response.headers[hdrs.RETRY_AFTER] = str(ceil(why.wait_seconds))
    if why.status == 401:
        # For /events too: a browser sends a password unasked only below the path that first asked for it.
        realm = f'Basic realm="Hale {request.app[DESK].topology.cluster}", charset="UTF-8"'
        response.headers[hdrs.WWW_AUTHENTICATE] = realm
    return response


def _misnamed(request: web.Request) -> web.Response:
    url = request.app[DESK].external_url
    if request.path.startswith(DATA):
        return refusal(421, "unknown_host", f"{NOT_OURS} {url}".strip())
    return web.Response(text=stranger.other_name(url), status=421, content_type="text/html")


async def _who(request: web.Request) -> User | Stranger:
    desk, given = request.app[DESK], credentials(request.headers)
    if desk.proxy is not None and _by_proxy_alone(request, desk.proxy):
        return await _told_by(request, desk.proxy)
    if desk.door is None:
        return PROXY_ONLY
    return UNNAMED if given is None else await desk.door.let_in(*given, client_of(request))


def _by_proxy_alone(request: web.Request, proxy: Proxy) -> bool:
    """Whether only the proxy's word counts: a password from the same address would make it doubtful who asks."""
    return bool(proxy.user_header) and proxy.trusts(request.remote or "")


async def _told_by(request: web.Request, proxy: Proxy) -> User | Stranger:
    door, name = request.app[DESK].door, proxy.said(request.headers, proxy.user_header)
    if not name:
        return PROXY_SILENT if name == "" else PROXY_CONFUSED
    role = proxy.said(request.headers, proxy.role_header)
    if role is None or not NAME.fullmatch(name) or role not in ("", *ROLES):
        return PROXY_CONFUSED
    if role:
        return User(name, ROLES[role], None)
    return UNKNOWN if door is None else await door.known(name)


def _meant_for_us(request: web.Request) -> bool:
    """Whether a browser means this healer: a stranger's name that was made to lead here would let their page read.

    Addresses are no names that anybody could choose. A program that names no host is no browser.
    """
    try:
        place = urlsplit(f"//{request.headers.get(hdrs.HOST, '')}")
        host = (place.hostname or "").rstrip(".")
    except ValueError:
        return False
    if not host:
        return hdrs.HOST not in request.headers
    try:
        ipaddress.ip_address(host)
    except ValueError:
        desk = request.app[DESK]
        ours = {
            "localhost",
            urlsplit(desk.external_url).hostname,
            *map(str.lower, desk.topology.nodes),
        }
        return host.lower() in ours
    return True


def _canonical(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""
