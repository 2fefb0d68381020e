"""The exporter over HTTP: its metrics, a page for people, and a sign of life."""

import gzip
import html
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from exporter.collector import Latest
from exporter.exposition import CONTENT_TYPE
from exporter.scrape import Scraper, UnknownCollector
from exporter.selfmetrics import own_version

Handler = Callable[[web.Request], Awaitable[web.Response]]

# The fastest level: the text is repetitive enough to shrink to a tenth even so.
GZIP_LEVEL = 1

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Hale exporter</title></head>
<body>
<h1>Hale exporter {version}</h1>
<p><a href="{path}">Metrics</a></p>
<table>
<tr><th>collector</th><th>state</th><th>seconds</th></tr>
{rows}
</table>
</body>
</html>
"""


def application(scraper: Scraper, path: str) -> web.Application:
    """Return the routes.

    Args:
        scraper: Where the metrics come from.
        path: The path of the metrics, beginning with a slash.
    """
    app = web.Application()
    app.router.add_get(path, _metrics(scraper))
    app.router.add_get("/-/healthy", _healthy)
    if path != "/":
        app.router.add_get("/", _page(scraper, path))
    return app


def _metrics(scraper: Scraper) -> Handler:
    async def metrics(request: web.Request) -> web.Response:
        collect = request.query.getall("collect[]", [])
        exclude = request.query.getall("exclude[]", [])
        if collect and exclude:
            return _bad("Combined collect and exclude queries are not allowed.")
        only = frozenset(collect) if collect else None
        if exclude:
            only = frozenset(scraper.names) - frozenset(exclude)
        try:
            body = scraper.scrape(only)
        except UnknownCollector as error:
            return _bad(str(error))
        headers = {hdrs.CONTENT_TYPE: CONTENT_TYPE, hdrs.VARY: hdrs.ACCEPT_ENCODING}
        if wants_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, "")):
            headers[hdrs.CONTENT_ENCODING] = "gzip"
            body = gzip.compress(body, GZIP_LEVEL, mtime=0)
        return web.Response(body=body, headers=headers)

    return metrics


async def _healthy(_: web.Request) -> web.Response:
    return web.Response(text="Healthy\n")


def _page(scraper: Scraper, path: str) -> Handler:
    async def page(_: web.Request) -> web.Response:
        rows = "\n".join(_row(name, latest) for name, latest in scraper.overview())
        text = PAGE.format(version=html.escape(own_version()), path=html.escape(path), rows=rows)
        return web.Response(text=text, content_type="text/html")

    return page


def _row(name: str, latest: Latest) -> str:
    duration = "" if latest.duration_seconds is None else f"{latest.duration_seconds:.6f}"
    cells = (name, latest.state.value, duration)
    return "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"


def _bad(text: str) -> web.Response:
    return web.Response(status=400, text=text + "\n")


def wants_gzip(accept: str) -> bool:
    """Tell whether an Accept-Encoding header (RFC 9110, 12.5.3) takes gzip."""
    for item in accept.lower().split(","):
        coding, _, parameters = item.partition(";")
        if coding.strip() in ("gzip", "x-gzip", "*"):
            return parameters.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
