"""What a healer answers while it does not lead: that it lives, who leads, and where that one is reached.

Nothing is lost here: the one that leads reads every Alertmanager itself.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import hdrs, web
from prometheus_client import CONTENT_TYPE_LATEST

from healer.metrics import Metrics
from healer.web import assets, control, fleet_lock
from healer.web.access import DATA
from healer.web.answers import answer, cautious, refusal
from healer.web.desk import Reload
from healer.web.frame import Frame
from healer.web.markup import Markup
from healer.web.pages import runbook as runbook_page
from healer.web.pages import standby as standby_page
from healer.web.runbooks import runbooks
from healer.web.turns import TURN, in_turn


@dataclass
class Waiting:
    """Where a healer stands that does not lead.

    Attributes:
        cluster: Ours.
        node: Ours.
        metrics: Ours.
        url_of: Where the healer of a node is reached; empty where cluster.yml does not tell.
        leader: Who leads, as the store says; None where it does not say.
        starting: Whether the lead is ours, and the journal is still being read.
        reload: Has cluster.yml read anew; None where nobody can.
    """

    cluster: str
    node: str
    metrics: Metrics
    url_of: Callable[[str], str]
    leader: str | None = None
    starting: bool = False
    reload: Reload | None = None

    @property
    def sentence(self) -> str:
        """Say who leads, and where to ask."""
        if self.starting:
            return f"{self.node} has just taken the lead and still reads the journal: ask again in a moment."
        if self.leader is None:
            return f"{self.node} is a standby, and its store does not say who leads: journalctl -u hale-healer."
        url = self.url_of(self.leader)
        there = f"Ask there: {url}" if url else "Ask there."
        return f"{self.node} is a standby: {self.leader} leads. {there}"

    @property
    def missing(self) -> list[str]:
        """Reason words for which this standby is not ready to take over; none where it is."""
        if self.starting:
            return ["starting"]
        return [] if self.leader is not None else ["store"]


WAITING = web.AppKey("WAITING", Waiting)


def standby_app(waiting: Waiting) -> web.Application:
    """Return what everybody may ask a standby."""
    app = web.Application(middlewares=[in_turn, cautious])
    app[TURN] = asyncio.Lock()
    app[WAITING] = waiting
    app.add_routes([web.post("/webhook", webhook), *_reads(), *assets.routes(), *_pages(), _else()])
    return app


def standby_control(waiting: Waiting) -> web.Application:
    """Return what root may ask a standby."""
    app = web.Application(
        middlewares=[cautious, control.root_only], client_max_size=control.MOST_BYTES
    )
    app[WAITING] = waiting
    app[control.ALLOWED] = frozenset({0, os.getuid()})
    app.add_routes([*_reads(), *control.reloading(waiting.reload), _else()])
    return app


def _reads() -> list[web.RouteDef]:
    return [
        web.get("/metrics", metrics),
        web.get("/-/healthy", healthy),
        web.get("/-/ready", ready),
    ]


def _pages() -> list[web.RouteDef]:
    return [web.get("/runbooks/", runbook_list), web.get("/runbooks/{alert}", runbook)]


def _else() -> web.RouteDef:
    return web.route("*", "/{rest:.*}", elsewhere)


async def metrics(request: web.Request) -> web.Response:
    """Answer Prometheus."""
    body = request.app[WAITING].metrics.exposition()
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: CONTENT_TYPE_LATEST})


async def healthy(_: web.Request) -> web.Response:
    """Say that the process answers, and no more."""
    return web.Response(text="Healthy\n")


async def ready(request: web.Request) -> web.Response:
    """Say whether this standby could take over, and who leads: 200 or 503."""
    waiting = request.app[WAITING]
    shown = {
        "ready": not waiting.missing,
        "reasons": waiting.missing,
        "node": waiting.node,
        "role": "starting" if waiting.starting else "standby",
        "leader": waiting.node if waiting.starting else waiting.leader,
    }
    return answer(shown, 503 if waiting.missing else 200)


async def webhook(request: web.Request) -> web.Response:
    """Say that the one that leads reads what was brought here by itself."""
    waiting = request.app[WAITING]
    waiting.metrics.webhooks.labels("200").inc()
    return answer({"standby": True, "leader": waiting.leader})


async def elsewhere(request: web.Request) -> web.Response:
    """Say who can answer this."""
    waiting = request.app[WAITING]
    on_control = control.ALLOWED in request.app
    if request.path in fleet_lock.PATHS:
        return fleet_lock.no(503, "standby", waiting.sentence)
    if on_control or request.path.startswith(DATA) or request.method != hdrs.METH_GET:
        return refusal(503, "standby", waiting.sentence)
    title = f"{'Taking the lead' if waiting.starting else 'Standby'} of {waiting.cluster}"
    leader = waiting.node if waiting.starting else waiting.leader or ""
    base = waiting.url_of(leader) if leader and not waiting.starting else ""
    there = f"{base}{request.path_qs}" if base else ""
    response = _page(standby_page.standby(title, waiting.sentence, leader, there), 503)
    response.headers[hdrs.RETRY_AFTER] = "5"
    return response


async def runbook_list(request: web.Request) -> web.Response:
    """List the runbooks, of which one says what to do while nobody leads."""
    return _page(runbook_page.runbook_list(_frame(request), list(runbooks()), {}))


async def runbook(request: web.Request) -> web.Response:
    """Show the runbook of one alert, but not what there is of it: that the leader knows."""
    name, known = request.match_info["alert"], runbooks()
    if name not in known:
        return _page(runbook_page.runbook_list(_frame(request), list(known), {}, missing=name), 404)
    return _page(runbook_page.runbook(_frame(request), name, known[name], None))


def _frame(request: web.Request) -> Frame:
    return Frame(request.app[WAITING].cluster, now="")


def _page(shown: Markup, status: int = 200) -> web.Response:
    return web.Response(text=shown, status=status, content_type="text/html")
