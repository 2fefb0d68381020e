"""The commands of people, on the unix socket: who may give them.

The kernel says who is there (SO_PEERCRED).
"""

import json
import pwd
import re
import socket
import struct

from aiohttp import web

from healer.errors import Malformed
from healer.web.answers import Handler, answer, refusal
from healer.web.commands import COMMANDS, Who
from healer.web.desk import DESK, Reload

MOST_BYTES = 64 * 1024
"""Of a command's body."""

CLAIM = re.compile(r"[A-Za-z0-9._@-]{1,64}")
"""What sudo says of who is behind it: login names, also of directories."""

ALLOWED = web.AppKey("ALLOWED", frozenset)


def routes() -> list[web.RouteDef]:
    """Return the routes of the commands."""
    return [web.post("/api/v1/{command}", command)]


def reloading(reload: Reload | None) -> list[web.RouteDef]:
    """Return the route that has cluster.yml read anew, whether this healer leads or stands by."""

    async def again(request: web.Request) -> web.Response:
        if reload is None:
            return refusal(404, "unknown_command", "nothing can be read anew here")
        given = _object("reload", await request.read())
        uid = peer_uid(request)
        return answer(
            await reload(_by(login(uid if uid is not None else -1), given.get("claim", "")))
        )

    return [web.post("/-/reload", again)]


@web.middleware
async def root_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse whoever is not root, nor the healer itself."""
    allowed: frozenset[int] = request.app[ALLOWED]
    uid = peer_uid(request)
    if uid not in allowed:
        who = "nobody knows who" if uid is None else login(uid)
        detail = f"only root gives the healer commands, and this is {who}: use sudo"
        return refusal(403, "not_root", detail)
    return await handler(request)


def peer_uid(request: web.Request) -> int | None:
    """Return the user id behind a unix socket as the kernel knows it; None where there is none."""
    found = request.get_extra_info("socket")
    if found is None or found.family != socket.AF_UNIX:
        return None
    # struct ucred of unix(7): pid, uid, gid.
    credentials = found.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    return int(uid)


def login(uid: int) -> str:
    """Return the login name of a user id, or the number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


async def command(request: web.Request) -> web.Response:
    """Do what a person said.

    Raises:
        Refused: It cannot be done now; nothing was changed.
        Malformed: It makes no sense; nothing was changed.
        StoreFull: It cannot be made durable; nothing was changed.
        LeaseLost: Another healer leads; nothing was changed.
    """
    name = request.match_info["command"]
    known = COMMANDS.get(name)
    if known is None:
        return refusal(404, "unknown_command", f"there are {', '.join(sorted(COMMANDS))}")
    given = _object(name, await request.read())
    claim = given.pop("claim", "")
    fields = known.check(name, given)
    uid = peer_uid(request)
    # root_only let it pass, so there is one.
    who = Who(_by(login(uid if uid is not None else -1), claim), owner=True, root=True)
    desk = request.app[DESK]
    done = await known.does(desk, fields, who)
    desk.wake()
    return answer(done)


def _object(name: str, body: bytes) -> dict[str, object]:
    try:
        fields = json.loads(body or b"{}")
    except (ValueError, RecursionError) as exc:
        raise Malformed(f"{name}: the body is not JSON: {exc}") from exc
    if not isinstance(fields, dict):
        raise Malformed(f"{name}: the body has to be an object")
    return fields


def _by(name: str, claim: object) -> str:
    """Return who says so: what the kernel knows, and what sudo claims beside it."""
    if claim in ("", name):
        return name
    if not isinstance(claim, str) or not CLAIM.fullmatch(claim):
        raise Malformed(f"claim: {str(claim)[:80]!r} is no login name")
    return f"{name} (sudo: {claim})"
