"""Where the pages are found. Every handler reads and shows; none changes anything."""

from importlib.resources import files

from aiohttp import web

from healer.views import freeze_views, incident_row, refused_view, status_view
from healer.web import pages
from healer.web.api import unknown_incident, whole
from healer.web.desk import DESK
from healer.web.markup import Markup
from healer.web.runbooks import runbooks

STYLE = files("healer.web").joinpath("style.css").read_text(encoding="utf-8")


def routes() -> list[web.RouteDef]:
    """Return the routes of the pages."""
    return [
        web.get("/", overview),
        web.get("/incidents", overview),
        web.get("/incidents/{incident}", incident),
        web.get("/refused/{fingerprint}", refused),
        web.get("/runbooks/", runbook_list),
        web.get("/runbooks/{alert}", runbook),
        web.get("/style.css", style),
    ]


async def overview(request: web.Request) -> web.Response:
    """Show what is wrong, what was, and what was refused."""
    desk = request.app[DESK]
    found = reversed(desk.journal.board.incidents.values())
    rows = [incident_row(one, desk.topology) for one in found]
    return _page(pages.overview(status_view(desk.watch, desk.topology, desk.version), rows))


async def incident(request: web.Request) -> web.Response:
    """Show one incident."""
    desk, name = request.app[DESK], request.match_info["incident"]
    one = desk.journal.board.incidents.get(name)
    if one is None:
        return _page(pages.missing(unknown_incident(desk, name)), 404)
    return _page(pages.incident(await whole(desk, one), freeze_views(desk.watch)))


async def refused(request: web.Request) -> web.Response:
    """Show one refused alert."""
    found = request.app[DESK].journal.board.refused.get(request.match_info["fingerprint"])
    if found is None:
        return _page(pages.missing("No such alert was refused, or it is forgotten by now."), 404)
    return _page(pages.refused(refused_view(*found)))


async def runbook_list(_: web.Request) -> web.Response:
    """List the runbooks."""
    return _page(pages.runbook_list(list(runbooks())))


async def runbook(request: web.Request) -> web.Response:
    """Show the runbook of one alert; an unknown one gets the list of those that there are."""
    name, known = request.match_info["alert"], runbooks()
    if name not in known:
        return _page(pages.runbook_list(list(known), missing=name), 404)
    return _page(pages.runbook(name, known[name]))


async def style(_: web.Request) -> web.Response:
    """Give the style sheet of the pages."""
    return web.Response(text=STYLE, content_type="text/css")


def _page(shown: Markup, status: int = 200) -> web.Response:
    return web.Response(text=shown, status=status, content_type="text/html")
