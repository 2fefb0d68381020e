"""Our own style sheet, script and icon.

Their names carry a hash of what is in them, so a browser may keep them for ever.
"""

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import PurePath

from aiohttp import hdrs, web

TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

FOR_EVER = "public, max-age=31536000, immutable"


@cache
def assets() -> dict[str, bytes]:
    """Return every file by the name that it is served under; they cannot change while the process runs."""
    found = sorted(files("healer.web").joinpath("static").iterdir(), key=lambda entry: entry.name)
    kept = [entry for entry in found if PurePath(entry.name).suffix in TYPES]
    return {_hashed(entry.name, entry.read_bytes()): entry.read_bytes() for entry in kept}


@cache
def url(name: str) -> str:
    """Return where a file is served, by its own name."""
    content = files("healer.web").joinpath("static", name).read_bytes()
    return f"/static/{_hashed(name, content)}"


def routes() -> list[web.RouteDef]:
    """Return the route of the files."""
    return [web.get("/static/{name}", asset)]


async def asset(request: web.Request) -> web.Response:
    """Give one file."""
    name = request.match_info["name"]
    body = assets().get(name)
    if body is None:
        raise web.HTTPNotFound(text="no such file: the page that named it is from another version")
    return web.Response(
        body=body,
        content_type=TYPES[PurePath(name).suffix],
        charset="utf-8",
        headers={hdrs.CACHE_CONTROL: FOR_EVER},
    )


def _hashed(name: str, content: bytes) -> str:
    path = PurePath(name)
    return f"{path.stem}.{hashlib.sha256(content).hexdigest()[:12]}{path.suffix}"
