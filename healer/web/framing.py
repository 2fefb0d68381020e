"""Makes the frame of a page for whoever asks for it."""

from aiohttp import web

from healer.adapters.users import Role
from healer.instants import rfc3339
from healer.web.access import user_of
from healer.web.desk import DESK
from healer.web.frame import Frame
from healer.web.live import LIVE
from healer.web.markup import Markup
from healer.web.said import Said
from healer.web.sparing import Sparing
from healer.web.tokens import Signer, Tokens

TOKENS = web.AppKey("TOKENS", Tokens)
SAID = web.AppKey("SAID", Said)
SPARING = web.AppKey("SPARING", Sparing)


def framed(request: web.Request) -> Frame:
    """Return the frame."""
    app, desk, user = request.app, request.app[DESK], user_of(request)
    name = user.name if user is not None else ""
    acts = user is not None and user.role.acts
    return Frame(
        cluster=desk.topology.cluster,
        leader=desk.leader,
        now=rfc3339(desk.clock.wall()) or "",
        revision=app[LIVE].revision,
        user=name,
        role=user.role.value if user is not None else "",
        signs=desk.signs,
        owns=user is not None and user.role is Role.OWNER,
        signer=Signer(name, app[TOKENS]) if acts else None,
        said=app[SAID].find(name, request.query.get("said", "")),
    )


def answered(shown: Markup, status: int = 200) -> web.Response:
    """Return a page as an answer."""
    return web.Response(text=shown, status=status, content_type="text/html")
