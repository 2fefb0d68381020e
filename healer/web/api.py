"""The reads in JSON: /metrics, /-/healthy, /-/ready and /api/v1. They change nothing."""

import asyncio

from aiohttp import hdrs, web
from prometheus_client import CONTENT_TYPE_LATEST

from healer.core.ended import Query
from healer.core.incident import Incident
from healer.core.states import State
from healer.errors import ConfigError
from healer.past import history_view, ladder_views
from healer.progress import group_views
from healer.recall import recall
from healer.shapes.incidents import HistoryView, IncidentView
from healer.shapes.ladders import LadderView
from healer.shapes.status import GroupStateView
from healer.timeline import Timeline
from healer.views import guards_view, incident_row, incident_view, status_view
from healer.web.answers import answer, refusal
from healer.web.asked import query_of
from healer.web.desk import DESK, MARKS, Desk
from healer.web.rules import healed_by

STATES = {state.value: state for state in State}


def routes() -> list[web.RouteDef]:
    """Return what both the public port and the control socket answer."""
    return [
        web.get("/metrics", metrics),
        web.get("/-/healthy", healthy),
        web.get("/-/ready", ready),
        web.get("/api/v1/incidents", incidents),
        web.get("/api/v1/incidents/{incident}", incident),
        web.get("/api/v1/guards", guards),
        web.get("/api/v1/groups", groups),
        web.get("/api/v1/marks", marks),
        web.get("/api/v1/ladders", ladders),
        web.get("/api/v1/history", history),
        web.get("/api/v1/status", status),
    ]


async def metrics(request: web.Request) -> web.Response:
    """Answer Prometheus."""
    body = request.app[DESK].metrics.exposition()
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: CONTENT_TYPE_LATEST})


async def healthy(request: web.Request) -> web.Response:
    """Say that the process answers and its engine turns, and no more: 200, or 503 where systemd will end it."""
    desk = request.app[DESK]
    seconds = desk.stuck_seconds()
    if seconds <= desk.stuck_limit:
        return web.Response(text="Healthy\n")
    said = f"the engine's turn has not ended for {seconds:.0f} s, of {desk.stuck_limit:.0f} s"
    return refusal(503, "stuck", said)


async def ready(request: web.Request) -> web.Response:
    """Say whether this healer can do its work, and why not: 200 or 503."""
    desk = request.app[DESK]
    watch, node = desk.watch, desk.topology.own_node
    missing = {
        "not_leader": not watch.leading,
        "store": not watch.storing,
        "alertmanager_silent": not watch.complete,
    }
    reasons = [word for word, holds in missing.items() if holds]
    shown = {
        "ready": not reasons,
        "reasons": reasons,
        "node": node,
        "role": "leader",
        "leader": node if watch.leading else None,
    }
    return answer(shown, 503 if reasons else 200)


async def incidents(request: web.Request) -> web.Response:
    """List incidents, the newest first; `?state=` open (all that are not closed) or any one state."""
    desk = request.app[DESK]
    wanted = request.query.get("state", "")
    found = list(desk.journal.board.incidents.values())
    # "open" is what people call everything that is not over; the state of that name is part of it.
    if wanted == "open":
        found = desk.journal.board.open
    elif wanted in STATES:
        found = [one for one in found if one.state is STATES[wanted]]
    elif wanted:
        known = ", ".join(STATES)
        return refusal(400, "unknown_state", f"no state {wanted[:40]!r}; there are {known}")
    rows = [incident_row(one, desk.topology, desk.clock.wall()) for one in reversed(found)]
    return answer({"incidents": rows})


async def incident(request: web.Request) -> web.Response:
    """Show one incident with its timeline, attempts, and every guard's have and need."""
    desk, name = request.app[DESK], request.match_info["incident"]
    one = await recalled(desk, name)
    if one is None:
        return refusal(404, "unknown_incident", unknown_incident(desk, name))
    return answer(await whole(desk, one))


async def guards(request: web.Request) -> web.Response:
    """Show the guards, their numbers, what they say now, and what each said of each open incident at the last look."""
    desk = request.app[DESK]
    return answer(guards_view(desk.journal.board.open, desk.watch, desk.topology))


async def marks(request: web.Request) -> web.Response:
    """Show every mark: the journal's copy, the gates' own, and what the guards say of giving it back."""
    return answer(await request.app[MARKS].read())


async def ladders(request: web.Request) -> web.Response:
    """Show every ladder with its rungs, and which alerts name it."""
    return answer({"ladders": await ladders_of(request.app[DESK])})


async def ladders_of(desk: Desk) -> list[LadderView]:
    """Return every ladder; the packaged rules are read once, in a thread."""
    alerts = await asyncio.to_thread(healed_by)
    return ladder_views(desk.topology, desk.journal.board.open, alerts)


async def history(request: web.Request) -> web.Response:
    """Search what is over: `?text=&node=&service=&outcome=&since=&until=&page=`."""
    query, page = query_of(request.query)
    return answer(history_of(request.app[DESK], query, page))


def history_of(desk: Desk, query: Query, page: int) -> HistoryView:
    """Return one page of what is over and fits, the newest first."""
    return history_view(reversed(desk.journal.board.ended.values()), query, page)


async def recalled(desk: Desk, name: str) -> Incident | None:
    """Return an incident by its id, from the journal where the board has forgotten it; None where there is none."""
    board = desk.journal.board
    found = board.incidents.get(name)
    old = (
        found is None
        and name.isdecimal()
        and name.isascii()
        and len(name) <= len(str(board.opened))
    )
    return await recall(desk.journal.store, name) if old else found


async def status(request: web.Request) -> web.Response:
    """Show how the healer itself stands."""
    desk = request.app[DESK]
    return answer(status_view(desk.watch, desk.topology, desk.version))


async def groups(request: web.Request) -> web.Response:
    """Show every group: how each member is, and how many more it can spare."""
    return answer({"groups": groups_of(request.app[DESK])})


def groups_of(desk: Desk) -> list[GroupStateView]:
    """Return how every group stands, as Prometheus last said."""
    standing, now = desk.watch.standing(), desk.clock.wall()
    return group_views(desk.topology, desk.watch.latest, standing, now)


async def whole(desk: Desk, one: Incident) -> IncidentView:
    """Show all of one incident; one whose timeline cannot be read says so and shows the rest."""
    try:
        timeline, error = await desk.timelines.of(one.id, desk.journal.board.incidents), ""
    except ConfigError as exc:
        timeline, error = Timeline(()), str(exc)
    return incident_view(one, timeline, desk.topology, error, desk.clock.wall())


def unknown_incident(desk: Desk, name: str) -> str:
    """Say what there is instead of an incident that is not at hand."""
    at_hand = ", ".join(one.id for one in desk.journal.board.open) or "none"
    return (
        f"there is no incident {name[:40]!r} at hand; open ones: {at_hand}. "
        "Of closed ones the newest 200 are kept at hand, the journal has all"
    )
