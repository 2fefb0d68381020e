"""The exporter over HTTP: its metrics, a page for people, and a sign of life."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from exporter.admission import Admission
from exporter.clock import Clock
from exporter.config import Config
from exporter.exposition import CONTENT_TYPE
from exporter.memory import Sweeper
from exporter.negotiation import Misunderstood, time_for, wants_gzip, wants_openmetrics
from exporter.openmetrics import CONTENT_TYPE as OPENMETRICS
from exporter.openmetrics import OpenMetrics
from exporter.page import SAFETY, page
from exporter.scrape import Scraper, UnknownCollector
from exporter.squeezing import Squeezer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# In which a client has to take an answer. Prometheus has given up by then.
TAKE_SECONDS = 60.0

TIMEOUT = "X-Prometheus-Scrape-Timeout-Seconds"

CHOICES = ("collect[]", "exclude[]")

REAL = Clock()

PROVING = frozenset({"services", "failures"})
"""The collectors from which the short way's conditions are taken."""

Begun = Callable[[str], Callable[[], None]]
"""Told by whose Prometheus an answer was made; returns what to call once it was sent."""

VARY = f"{hdrs.ACCEPT}, {hdrs.ACCEPT_ENCODING}"


def application(
    scraper: Scraper,
    path: str,
    *,
    config: Callable[[], Config] = Config,
    clock: Clock = REAL,
    most_requests: int = 0,
    admission: Admission | None = None,
    begun: Begun | None = None,
) -> web.Application:
    """Return the routes.

    Args:
        scraper: Where the metrics come from.
        path: The path of the metrics, beginning with a slash.
        config: Returns what exporter.yml says now; its names are shown to people.
        clock: For the ages that people are shown.
        most_requests: Scrapes at the same time; 0 for any number.
        admission: Lets requests in; None for everybody's.
        begun: Told of each scrape by Prometheus that has what the short way's conditions are taken from.
    """
    before = [admission.middleware()] if admission is not None else []
    app = web.Application(middlewares=[*before, _told_what_there_is(path)])
    if admission is not None:
        app.on_response_prepare.append(admission.add_headers)
    app.router.add_get(path, _Metrics(scraper, most_requests, begun).answer)
    app.router.add_get("/-/healthy", _healthy)
    if path != "/":
        app.router.add_get("/", _page(scraper, path, config, clock))
    app.on_response_prepare.append(_cautious)
    return app


class _Metrics:
    """Answers scrapes."""

    def __init__(self, scraper: Scraper, most_requests: int, begun: Begun | None) -> None:
        self._scraper = scraper
        self._most = most_requests
        self._begun = begun
        self._under_way = 0
        self._openmetrics = OpenMetrics()
        self._squeezer = Squeezer()
        self._sweeper = Sweeper()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Scrape, and send it before this returns: who takes it slowly keeps a place, and not for ever."""
        if self._most and self._under_way >= self._most:
            text = f"Limit of concurrent requests reached ({self._most}), try again later.\n"
            return web.Response(status=503, text=text)
        self._under_way += 1
        try:
            response = self._scrape(request)
            sent = self._witnessed(request, response)
            if await _send(request, response):
                sent()
        finally:
            self._under_way -= 1
            self._sweeper.worked()
        return response

    def _scrape(self, request: web.Request) -> web.Response:
        try:
            only = self._chosen(request)
            parts = self._scraper.parts(only, within=time_for(request.headers.get(TIMEOUT, "")))
        except (UnknownCollector, Misunderstood) as error:
            return web.Response(status=400, text=f"{error}\n")
        headers = {hdrs.CONTENT_TYPE: CONTENT_TYPE, hdrs.VARY: VARY}
        if wants_openmetrics(request.headers.get(hdrs.ACCEPT, "")):
            headers[hdrs.CONTENT_TYPE] = OPENMETRICS
            parts = self._openmetrics.of(parts)
        if wants_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, "")):
            headers[hdrs.CONTENT_ENCODING] = "gzip"
            body = self._squeezer(parts)
        else:
            body = b"".join(parts)
        return web.Response(body=body, headers=headers)

    def _witnessed(self, request: web.Request, response: web.Response) -> Callable[[], None]:
        """Return what to call when it was sent. Prometheus says how long it waits; a person who looks does not."""
        if self._begun is None or response.status != 200 or TIMEOUT not in request.headers:
            return _nothing
        only = self._chosen(request)
        if only is not None and not only >= PROVING:
            return _nothing
        return self._begun(request.remote or "")

    def _chosen(self, request: web.Request) -> frozenset[str] | None:
        if not request.query_string:
            return None
        collect, exclude = (request.query.getall(choice, []) for choice in CHOICES)
        # Whoever chooses by something else must not believe that they got only that.
        if unknown := sorted({key for key in request.query if key.endswith("[]")} - set(CHOICES)):
            known = ", ".join(CHOICES)
            raise Misunderstood(f"cannot choose by {', '.join(unknown)[:80]}. Known: {known}")
        if collect and exclude:
            raise Misunderstood("Combined collect and exclude queries are not allowed.")
        if exclude:
            return frozenset(self._scraper.names) - frozenset(exclude)
        return frozenset(collect) if collect else None


def _nothing() -> None:
    pass


async def _send(request: web.Request, response: web.Response) -> bool:
    """Send it; say whether all of it was taken."""
    try:
        async with asyncio.timeout(TAKE_SECONDS):
            await response.prepare(request)
            await response.write_eof()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        return False
    return True


async def _healthy(_: web.Request) -> web.Response:
    return web.Response(text="Healthy\n")


def _page(scraper: Scraper, path: str, config: Callable[[], Config], clock: Clock) -> Handler:
    async def shown(_: web.Request) -> web.Response:
        known = dict(scraper.overview())
        rows = [(name, known.get(name)) for name in scraper.names]
        text = page(path, config(), rows, clock.wall())
        return web.Response(text=text, content_type="text/html")

    return shown


def _told_what_there_is(path: str) -> Middleware:
    there = ", ".join(dict.fromkeys(("/", path, "/-/healthy")))

    @web.middleware
    async def told(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPNotFound:
            return web.Response(status=404, text=f"404: nothing is here. There is: {there}\n")

    return told


async def _cautious(_: web.Request, response: web.StreamResponse) -> None:
    for name, value in SAFETY.items():
        response.headers.setdefault(name, value)
