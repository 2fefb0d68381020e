"""Where the pages are found. Every handler reads and shows; none changes anything."""

from collections import Counter
from itertools import islice

from aiohttp import hdrs, web

from healer import likeness
from healer.core.board import Board
from healer.core.incident import Incident
from healer.core.states import State
from healer.errors import ConfigError, Malformed
from healer.sentences import needs_person
from healer.views import (
    alert_view,
    freeze_views,
    guards_view,
    hold_views,
    incident_row,
    refused_view,
    refused_views,
    status_view,
)
from healer.web import upkeep_site
from healer.web.access import may_look
from healer.web.answers import RETRY_AFTER, Handler
from healer.web.api import groups_of, history_of, ladders_of, recalled, whole
from healer.web.asked import query_of
from healer.web.desk import DESK, MARKS, Desk
from healer.web.framing import answered, framed
from healer.web.markup import Markup
from healer.web.pages import guards as guards_page
from healer.web.pages import history as history_page
from healer.web.pages import incident as incident_page
from healer.web.pages import ladders as ladders_page
from healer.web.pages import marks as marks_page
from healer.web.pages import overview as overview_page
from healer.web.pages import refused as refused_page
from healer.web.pages import runbook as runbook_page
from healer.web.pages import stop as stop_page
from healer.web.pages import stranger
from healer.web.parts import way
from healer.web.runbooks import runbooks


def routes() -> list[web.RouteDef]:
    """Return the routes of the pages."""
    return [
        web.get("/", overview),
        web.get("/incidents", overview),
        web.get("/incidents/{incident}", _readable(incident)),
        web.get("/guards", guards),
        web.get("/ladders", ladders),
        web.get("/history", history),
        web.get("/marks", marks),
        web.get("/refused", refused_list),
        web.get("/refused/{fingerprint}", refused),
        web.get("/runbooks/", runbook_list),
        web.get("/runbooks/{alert}", runbook),
        web.get("/stop", stop),
        *upkeep_site.routes(),
    ]


def elsewhere() -> web.RouteDef:
    """Return the route of all that is no page, for people; it comes after every other."""
    return web.route("GET", "/{rest:(?!api/|-/|do/).*}", nowhere)


def _readable(handler: Handler) -> Handler:
    """Say in a page too that the journal cannot be read: a person looks at it, and no program."""

    async def shown(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except ConfigError as error:
            response = answered(stranger.unreadable(framed(request), str(error)), 503)
            response.headers[hdrs.RETRY_AFTER] = RETRY_AFTER
            return response

    return shown


async def nowhere(request: web.Request) -> web.Response:
    """Say that there is no such page, with the way to those that there are."""
    what = f"Hale has no page {request.path}. The menu above has all that there are."
    return answered(stranger.missing(framed(request), what), 404)


async def overview(request: web.Request) -> web.Response:
    """Show what is wrong, what is done about it, and what was."""
    desk = request.app[DESK]
    board = desk.journal.board
    still = _urgent_first(board)
    closed = (one for one in reversed(board.incidents.values()) if one.state is State.CLOSED)
    status = status_view(desk.watch, desk.topology, desk.version)
    shown = overview_page.overview(
        framed(request),
        status,
        overview_page.Tally(
            open=len(still),
            people=sum(needs_person(one) for one in still),
            healing=sum(one.state in HEALING for one in still),
        ),
        [
            incident_row(one, desk.topology, desk.clock.wall())
            for one in still[: overview_page.MOST]
        ],
        [
            incident_row(one, desk.topology, desk.clock.wall())
            for one in islice(closed, overview_page.RECENT)
        ],
        groups_of(desk),
    )
    return answered(shown)


HEALING = (State.ACTING, State.VERIFYING)


def _urgent_first(board: Board) -> list[Incident]:
    """Return the open incidents: those that need a person, those that are healed, the others; each newest first."""

    def rank(one: Incident) -> tuple[int, float]:
        return 0 if needs_person(one) else 1 if one.state in HEALING else 2, -one.opened_at

    return sorted(board.open, key=rank)


async def incident(request: web.Request) -> web.Response:
    """Show one incident."""
    desk, name = request.app[DESK], request.match_info["incident"]
    one = await recalled(desk, name)
    if one is None:
        what = f"Hale has no incident {name[:40]}, or its journal has forgotten it."
        further = way("/incidents", "What is open now"), way("/history", "What is over")
        return answered(stranger.missing(framed(request), what, *further), 404)
    shown = await whole(desk, one)
    return answered(incident_page.incident(framed(request), shown, freeze_views(desk.watch)))


async def guards(request: web.Request) -> web.Response:
    """Show the guards."""
    desk = request.app[DESK]
    still = _urgent_first(desk.journal.board)
    shown = guards_view(still[: guards_page.MOST], desk.watch, desk.topology)
    return answered(guards_page.guards(framed(request), shown, len(still)))


async def ladders(request: web.Request) -> web.Response:
    """Show the ladders."""
    shown = await ladders_of(request.app[DESK])
    return answered(ladders_page.ladders(framed(request), shown, frozenset(runbooks())))


async def history(request: web.Request) -> web.Response:
    """Show what is over, and search it."""
    desk, frame = request.app[DESK], framed(request)
    nodes, services = sorted(desk.topology.nodes), sorted(desk.topology.services)
    shown, wrong = None, ""
    try:
        shown = history_of(desk, *query_of(request.query))
    except Malformed as error:
        wrong = str(error)
    made = history_page.history(frame, shown, request.query, nodes, services, wrong)
    return answered(made, 400 if wrong else 200)


async def marks(request: web.Request) -> web.Response:
    """Show every mark."""
    shown = await request.app[MARKS].read()
    return answered(marks_page.marks(framed(request), shown))


async def refused_list(request: web.Request) -> web.Response:
    """Show every refused alert."""
    found = refused_views(request.app[DESK].journal.board)
    return answered(refused_page.refused_list(framed(request), found))


async def refused(request: web.Request) -> web.Response:
    """Show one refused alert."""
    found = request.app[DESK].journal.board.refused.get(request.match_info["fingerprint"])
    if found is None:
        what = "No such alert was refused, or it is forgotten by now."
        further = way("/refused", "What was refused")
        return answered(stranger.missing(framed(request), what, further), 404)
    return answered(refused_page.refused(framed(request), refused_view(*found)))


async def runbook_list(request: web.Request) -> web.Response:
    """List the runbooks."""
    return answered(_runbook_list(request))


async def runbook(request: web.Request) -> web.Response:
    """Show the runbook of one alert; an unknown one gets the list of those that there are."""
    name, known = request.match_info["alert"], runbooks()
    if name not in known:
        return answered(_runbook_list(request, missing=name), 404)
    present = _present(request.app[DESK], name) if may_look(request) else None
    return answered(runbook_page.runbook(framed(request), name, known[name], present))


async def stop(request: web.Request) -> web.Response:
    """Show what people stopped, and how to stop and let go."""
    desk = request.app[DESK]
    board, now = desk.journal.board, desk.watch.now

    def seen(node: str) -> str:
        if not node:
            return likeness.of_freezes(board.freezes.values())
        return likeness.of_holds(node, board.held(now))

    shown = stop_page.stop(
        framed(request),
        freeze_views(desk.watch),
        hold_views(desk.watch),
        list(desk.topology.nodes),
        seen,
        request.query.get("node", ""),
    )
    return answered(shown)


def _runbook_list(request: web.Request, missing: str = "") -> Markup:
    counts = Counter[str]()
    if may_look(request):
        for one in request.app[DESK].journal.board.open:
            counts.update({alert.name for alert in one.alerts})
    return runbook_page.runbook_list(framed(request), list(runbooks()), counts, missing)


OWN_ALERTS = {
    "HealerHolds": State.HELD,
    "HealerEscalation": State.ESCALATED,
    "HealerMitigated": State.MITIGATED,
}
"""The healer's own alerts about incidents, each with the state that it is about."""


def _present(desk: Desk, name: str) -> runbook_page.Present:
    def about(one: Incident) -> bool:
        return one.state is OWN_ALERTS.get(name) or any(name == alert.name for alert in one.alerts)

    board, sight = desk.journal.board, desk.watch.sight
    found = [one for one in _urgent_first(board) if about(one)]
    rows = [
        incident_row(one, desk.topology, desk.clock.wall()) for one in found[: runbook_page.MOST]
    ]
    alerts = [
        alert_view(one)
        for one in (sight.alerts if sight is not None else ())
        if one.name == name and one.fingerprint not in board.known
    ]
    left = len(found) - len(rows)
    return runbook_page.Present(
        rows, alerts, freeze_views(desk.watch), name == "HealerFrozen", left
    )
