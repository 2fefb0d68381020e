"""Where the pages of the upkeep are found. Every handler reads and shows; none changes anything.

What gates have to be asked is asked of them once in a while, however many look; see healer.web.lately.
"""

import asyncio

from aiohttp import web

from healer.admission import Admission
from healer.core.alert import Target
from healer.core.topology import EXPORTER
from healer.core.upkeep_events import Kind
from healer.errors import Refused
from healer.gatherer import Gatherer
from healer.looking import looker
from healer.shapes.upkeep import AdmissionView, PlanView
from healer.upkeep_views import lock_wait_views, roll_views, upkeep_views
from healer.views import freeze_views, hold_views, incident_row, maintenance_views
from healer.web import upkeep
from healer.web.api import groups_of
from healer.web.desk import ADMISSIONS, DESK, MARKS, PLANS, Desk
from healer.web.framing import answered, framed
from healer.web.pages import group as group_page
from healer.web.pages import maintenance as maintenance_page
from healer.web.pages import node as node_page
from healer.web.pages import stranger
from healer.web.pages.maintenance import Lacking
from healer.web.parts import way

ASK_SECONDS = 3.0
"""In which it has to be known what a node lacks, to stand on a page about many."""


def routes() -> list[web.RouteDef]:
    """Return the routes of the pages."""
    return [
        web.get("/maintenance", maintenance),
        web.get("/nodes/{node}", node),
        web.get("/groups/{group}", group),
    ]


async def maintenance(request: web.Request) -> web.Response:
    """Show which nodes are out of service on purpose, every roll, and what keeps other nodes from coming back."""
    desk = request.app[DESK]
    waiting, left = await _coming_back(request)
    shown = maintenance_page.Upkept(
        freezes=freeze_views(desk.watch),
        windows=maintenance_views(desk.topology, desk.clock.wall()),
        away=upkeep_views(desk.watch),
        rolls=roll_views(desk.watch, desk.topology),
        locks=lock_wait_views(desk.watch),
        waiting=waiting,
        left=left,
        groups={name: one.nodes for name, one in desk.topology.groups.items()},
    )
    return answered(maintenance_page.maintenance(framed(request), shown))


async def _coming_back(request: web.Request) -> tuple[list[Lacking], int]:
    """Return the nodes that Hale took something from, or that nobody hears of, with what each lacks to come back.

    Only so many are asked, and those of which nobody hears are not: how many are left out is returned too.
    """
    desk = request.app[DESK]
    board, picture = desk.journal.board, desk.watch.latest
    away = {one.node for one in board.planned.kept_away}
    missed = (picture.missed if picture is not None else frozenset[str]()) - away
    kept = {
        one.target.node: None
        for one in board.open
        if (one.marks or one.admitted_by is not None) and one.target.node in desk.topology.nodes
    }
    found = [*kept, *sorted(missed - kept.keys())]
    nodes = found[: maintenance_page.MOST_ASKED]

    asking = looker(desk.gatherer)

    async def lacking(node: str) -> Lacking:
        if node in missed and node not in kept:
            return Lacking(node, "nobody hears of it", None)
        try:
            return Lacking(node, "", await _admission(request, node, asking, ASK_SECONDS))
        except TimeoutError:
            return Lacking(node, "it was not known in time", None)

    return list(await asyncio.gather(*map(lacking, nodes))), len(found) - len(nodes)


async def node(request: web.Request) -> web.Response:
    """Show one node: what is taken away there, what maintenance would do, and what it lacks to come back."""
    desk, name = request.app[DESK], request.match_info["node"]
    if name not in desk.topology.nodes:
        return _unknown(request, f"cluster.yml has no node {name[:40]}.")
    asking = looker(desk.gatherer)
    planned, admission, marks = await asyncio.gather(
        _planned(request, name, asking),
        _admission(request, name, asking),
        request.app[MARKS].read(asking),
    )
    board, watch = desk.journal.board, desk.watch
    about = [one for one in board.open if one.target.node == name]
    now = desk.clock.wall()
    shown = node_page.NodeShown(
        name=name,
        domain=desk.topology.nodes[name].failure_domain,
        groups=[group for group, one in desk.topology.groups.items() if name in one.nodes],
        scraped=_scraped(desk, name),
        services=_services(desk, name),
        freezes=freeze_views(watch),
        holds=[one for one in hold_views(watch) if one["node"] == name],
        away=[one for one in upkeep_views(watch) if one["node"] == name],
        incidents=[incident_row(one, desk.topology, now) for one in about],
        marks=[one for one in marks["marks"] if name in (one["node"], *one["subject"].split("/"))],
        planned=planned,
        admission=admission,
    )
    return answered(node_page.node(framed(request), shown))


async def group(request: web.Request) -> web.Response:
    """Show one group: how it stands, in which order its nodes would be rolled, and what the guards say of the first."""
    desk, name = request.app[DESK], request.match_info["group"]
    known = desk.topology.groups.get(name)
    if known is None:
        return _unknown(request, f"cluster.yml has no group {name[:40]}.")
    order, why, planned = known.nodes, "", None
    try:
        order = upkeep.order(desk, name)
        planned = await request.app[PLANS].read(f"group {name}", lambda: _first(desk, name, order))
    except Refused as error:
        why = f"{error.reason}: {error.detail}"
    shown = group_page.GroupShown(
        freezes=freeze_views(desk.watch),
        stands=next(one for one in groups_of(desk) if one["group"] == name),
        rolls=[one for one in roll_views(desk.watch, desk.topology) if one["group"] == name],
        order=order,
        windows=list(desk.topology.windows),
        planned=planned,
        why_not=why,
    )
    return answered(group_page.group(framed(request), shown))


def _unknown(request: web.Request, what: str) -> web.Response:
    further = way("/maintenance", "All groups and nodes")
    return answered(stranger.missing(framed(request), what, further), 404)


async def _first(desk: Desk, name: str, order: tuple[str, ...]) -> PlanView:
    return await upkeep.plan_of(desk, name, order[: group_page.MOST_ASKED], Kind.ROLL)


async def _planned(request: web.Request, name: str, asking: Gatherer) -> PlanView | str:
    """Return what maintenance of a node would do; a sentence where nobody can say."""
    desk = request.app[DESK]
    try:
        return await request.app[PLANS].read(
            f"node {name}", lambda: upkeep.plan_of(desk, name, (name,), Kind.PERSON, asking)
        )
    except Refused as error:
        return f"{error.reason}: {error.detail}"


async def _admission(
    request: web.Request, name: str, asking: Gatherer, seconds: float | None = None
) -> AdmissionView:
    """Return what a node lacks; the time for that begins once it is asked, so that no other takes it.

    Raises:
        TimeoutError: It is not known in so many seconds.
    """
    desk = request.app[DESK]
    admission = Admission(desk.journal, asking, desk.watch, desk.operators)

    async def ask() -> AdmissionView:
        async with asyncio.timeout(seconds):
            return await admission.asked(name)

    return await request.app[ADMISSIONS].read(name, ask)


def _scraped(desk: Desk, name: str) -> bool | None:
    picture = desk.watch.latest
    health = None if picture is None else picture.nodes.get(name)
    return None if health is None else health.scraped


def _services(desk: Desk, name: str) -> dict[str, bool | None]:
    """Return whether each service of a node serves, but for its exporter; None where Prometheus does not say."""
    picture = desk.watch.latest
    seen = {} if picture is None else picture.services
    return {
        one: seen.get(Target(name, one))
        for one in desk.topology.services_on(name)
        if one != EXPORTER
    }
