"""POST /do/COMMAND: what people do by pressing a button. Only operators, only from our own pages.

Rule: the answer to what was done leads back to the page, so that reading it again does nothing again;
the answer to what was not done says so, and why.
"""

import asyncio
from urllib.parse import parse_qsl, urlsplit

from aiohttp import hdrs, web

from healer.adapters.users import Role, User
from healer.errors import ConfigError, LeaseLost, Malformed, Refused, StoreFull
from healer.web.access import ask_again, client_of, user_of
from healer.web.answers import BROKEN, answer, refusal
from healer.web.commands import COMMANDS, Who
from healer.web.desk import DESK, Desk
from healer.web.framing import SAID, SPARING, TOKENS, framed
from healer.web.markup import path_of
from healer.web.pages import stranger

MOST_BYTES = 16 * 1024
"""Of a form; ours have some hundred."""

MOST_FIELDS = 10

READ_SECONDS = 10.0
"""For a whole form."""

OFFERED = (
    *("approve", "deny", "adopt", "retry", "close"),
    *("freeze", "unfreeze", "hold", "release", "maintenance", "roll", "admit"),
)
"""Commands that have a form."""


class NotDone(Exception):
    """A form that is not obeyed.

    Attributes:
        status: Of HTTP.
        reason: One word.
        sentence: For whoever sent it.
    """

    def __init__(self, status: int, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.reason = reason
        self.sentence = sentence


def routes() -> list[web.RouteDef]:
    """Return the route of the forms."""
    return [web.post("/do/{command}", do), web.get("/do/{command}", opened)]


def reloading() -> list[web.RouteDef]:
    """Return the route that has cluster.yml read anew."""
    return [web.post("/-/reload", reload)]


async def reload(request: web.Request) -> web.Response:
    """Have cluster.yml read anew, for an owner.

    Raises:
        Refused: It is wrong, or cannot be taken now; nothing was changed.
    """
    desk = request.app[DESK]
    try:
        user = _operator(request)
        if user.role is not Role.OWNER:
            detail = (
                f"{user.name} is no owner: an owner reads cluster.yml anew, or root on the console"
            )
            raise NotDone(403, "not_owner", detail)
        _from_here(request, desk)
        # No form can be sent as this: a page of somebody else cannot make a browser do it.
        if request.content_type != "application/json":
            raise NotDone(415, "content_type", "send it as application/json; the body may be {}")
    except NotDone as no:
        return refusal(no.status, no.reason, no.sentence)
    if desk.reload is None:
        return refusal(404, "unknown_command", "nothing can be read anew here")
    return answer(await desk.reload(f"{user.name} (web)"))


async def opened(request: web.Request) -> web.Response:
    """Say that a command's address is no page: it stands in the browser of whoever was refused one."""
    why = "A command is given by a button on a page, and never by opening its address."
    shown = stranger.not_done(framed(request), "method_not_allowed", why, "/incidents")
    return web.Response(
        text=shown, status=405, content_type="text/html", headers={hdrs.ALLOW: hdrs.METH_POST}
    )


async def do(request: web.Request) -> web.Response:
    """Do what a form says, and lead back to its page."""
    command, fields = request.match_info["command"], dict[str, str]()
    try:
        _operator(request)
        _from_here(request, request.app[DESK])
        fields = await _fields(request)
        await ask_again(request)
        user = _operator(request)
        said = await _done(request, user, command, fields)
    except NotDone as no:
        told = {"command": command[:20], "reason": no.reason, "remote": client_of(request)}
        request.app[SPARING].warning("form.refused", **told)
        shown = stranger.not_done(framed(request), no.reason, no.sentence, _back(command, fields))
        return web.Response(text=shown, status=no.status, content_type="text/html")
    word = request.app[SAID].keep(user.name, said)
    return web.Response(
        status=303, headers={hdrs.LOCATION: f"{_back(command, fields)}?said={word}"}
    )


def _operator(request: web.Request) -> User:
    user = user_of(request)
    if user is None and request.app[DESK].signs:
        raise NotDone(403, "not_operator", "you are not let in any more: sign in again")
    if user is None:
        detail = (
            "cluster.yml names no healer.users, so nothing is changed here: use hale-healer as root"
        )
        raise NotDone(403, "nobody_signs_in", detail)
    if not user.role.acts:
        detail = f"{user.name} is a {user.role.value}, and this is for operators"
        raise NotDone(403, "not_operator", detail)
    return user


def _from_here(request: web.Request, desk: Desk) -> None:
    """Refuse what a page of somebody else made this browser send."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get(hdrs.ORIGIN)
    # Not request.host: without a Host it would ask the name service, and all of the healer would wait for it.
    hosts = {request.headers.get(hdrs.HOST, "").lower(), _place(desk.external_url)} - {""}
    if site != "same-origin" or (origin is not None and _place(origin) not in hosts):
        detail = "this form was sent from another site's page"
        raise NotDone(403, "cross_site", detail)


def _place(url: str) -> str:
    """Return host and port; empty where it is no address."""
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""


async def _fields(request: web.Request) -> dict[str, str]:
    if request.content_type != "application/x-www-form-urlencoded":
        raise NotDone(
            415, "content_type", "a form of ours is sent as application/x-www-form-urlencoded"
        )
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity") != "identity":
        raise NotDone(400, "malformed", "a form of ours is sent as it is, and never packed")
    try:
        async with asyncio.timeout(READ_SECONDS):
            body = await _body(request)
    except TimeoutError:
        raise NotDone(
            408, "too_slow", f"the form did not arrive within {READ_SECONDS:g} s"
        ) from None
    except BROKEN:
        raise NotDone(400, "malformed", "the form was cut off, or cannot be unpacked") from None
    try:
        found = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        raise NotDone(400, "malformed", "that is no form of ours") from None
    fields = dict(found)
    if len(fields) != len(found):
        raise NotDone(400, "malformed", "a field stands there twice")
    # What is left empty is not said.
    return {key: value.strip() for key, value in fields.items() if value.strip()}


async def _body(request: web.Request) -> bytes:
    parts, size = list[bytes](), 0
    async for part in request.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            raise NotDone(413, "too_large", f"a form may have {MOST_BYTES} bytes")
    return b"".join(parts)


async def _done(request: web.Request, user: User, command: str, fields: dict[str, str]) -> str:
    token = fields.pop("token", "")
    if command not in OFFERED:
        raise NotDone(404, "unknown_command", f"there are {', '.join(OFFERED)}")
    if not request.app[TOKENS].good(token, user.name, command, fields):
        detail = (
            "this form is not from a page that you opened since the healer started, or not for "
            "this: open the page again"
        )
        raise NotDone(403, "stale_form", detail)
    desk, known = request.app[DESK], COMMANDS[command]
    who = Who(f"{user.name} (web)", owner=user.role is Role.OWNER)
    try:
        done = await known.does(desk, known.check(command, fields), who)
    except Refused as error:
        raise NotDone(409, error.reason, error.detail) from error
    except Malformed as error:
        raise NotDone(400, "malformed", str(error)) from error
    except StoreFull as error:
        raise NotDone(503, "store_full", f"nothing can be made durable: {error}") from error
    except LeaseLost as error:
        raise NotDone(503, "not_leader", f"another healer leads: {error}") from error
    except ConfigError as error:
        raise NotDone(503, "journal_unreadable", str(error)) from error
    desk.wake()
    about = f"Incident {fields['incident']}: " if "incident" in fields else ""
    said = f"{about}{done['done']}"
    return f"{said[0].upper()}{said[1:]}."


def _back(command: str, fields: dict[str, str]) -> str:
    """Return the page that shows what comes of a command."""
    incident = fields.get("incident", "")
    if incident.isdecimal():
        return path_of("incidents", incident)
    if command == "admit" and "node" in fields:
        return path_of("nodes", fields["node"])
    return "/maintenance" if command in ("maintenance", "roll", "admit") else "/stop"
