"""The lab's power controller: it cuts nodes' power and switches them on, outside of all of them.

It listens on the lab host. GET / says that it is there, GET /NODE answers on or off, POST /NODE with the body on or off
switches; each needs the lab's secret. How it behaves stands in a file, so that a drill can have it refuse, hang or lie.
"""

import argparse
import asyncio
import hmac
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from lab import cgroups, record
from lab.names import Place
from lab.node import Node
from lab.ports import HOST_ADDRESS, LabError

PORT = 9598
OBEYS, REFUSES, HANGS, LIES = "obeys", "refuses", "hangs", "lies"
MODES = (OBEYS, REFUSES, HANGS, LIES)
HANG_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Controller:
    """What a lab's controller keeps on disk: its secret, and how it behaves.

    Attributes:
        place: Whose lab.
    """

    place: Place

    @property
    def directory(self) -> Path:
        """Where it keeps its things."""
        return self.place.directory / "power"

    def make(self) -> None:
        """Make a new secret, for a controller that obeys."""
        self.directory.mkdir(mode=0o700)
        (self.directory / "secret").write_text(secrets.token_hex(16))
        self.behave(OBEYS)

    @property
    def secret(self) -> str:
        """What whoever asks has to show."""
        return (self.directory / "secret").read_text()

    @property
    def mode(self) -> str:
        """How it behaves."""
        return (self.directory / "mode").read_text()

    def behave(self, mode: str) -> None:
        """Behave like that from now on.

        Raises:
            LabError: There is no such way.
        """
        if mode not in MODES:
            raise LabError(f"a power controller does not {mode!r}. Known: {', '.join(MODES)}")
        (self.directory / "mode").write_text(mode)


@dataclass(frozen=True, slots=True)
class Switch:
    """Answers who asks about the power of a lab's nodes."""

    controller: Controller
    layout: cgroups.Layout

    def app(self) -> web.Application:
        """Return what listens."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/", self.there),
                web.get("/{node}", self.state),
                web.post("/{node}", self.switch),
            ]
        )
        return app

    async def there(self, request: web.Request) -> web.Response:
        """Answer whoever may ask, also before the lab is up."""
        self._admit(request)
        return web.Response(text="there")

    async def state(self, request: web.Request) -> web.Response:
        """Say how the power of a node is."""
        node = self._node(request)
        return web.Response(text="on" if node.is_on() else "off")

    async def switch(self, request: web.Request) -> web.Response:
        """Cut the power of a node, or switch it on; as far as it behaves."""
        node, word = self._node(request), await request.text()
        if word not in ("on", "off"):
            raise web.HTTPBadRequest(text="want on or off")
        match self.controller.mode:
            case "refuses":
                raise web.HTTPForbidden(text="this user may not switch")
            case "hangs":  # and then it has not: a cut that comes late would be another drill's
                await asyncio.sleep(HANG_SECONDS)
                raise web.HTTPGatewayTimeout(text="no answer")
            case "lies":
                return web.Response(text=word)
        await asyncio.to_thread(node.start if word == "on" else node.cut)
        return web.Response(text=word)

    def _admit(self, request: web.Request) -> None:
        shown = request.headers.get("Authorization", "")
        if not hmac.compare_digest(shown.encode(), f"Bearer {self.controller.secret}".encode()):
            raise web.HTTPUnauthorized(text="want the secret")

    def _node(self, request: web.Request) -> Node:
        self._admit(request)
        name = request.match_info["node"]
        for plan in record.read(self.controller.place).nodes:
            if plan.name == name:
                return Node(self.controller.place, self.layout, plan)
        raise web.HTTPNotFound(text=f"no plug {name}")


def main(argv: Sequence[str] | None = None) -> None:
    """Listen until the lab ends. Example: `python -m lab.power STATE CACHE ID`."""
    parser = argparse.ArgumentParser(description="The power controller of a lab.")
    for name in ("state", "cache"):
        parser.add_argument(name, type=Path)
    parser.add_argument("id")
    args = parser.parse_args(argv)
    place = Place(args.id, args.state, args.cache)
    switch = Switch(Controller(place), cgroups.this_machine())
    if os.fork():
        os._exit(0)  # whoever started us waits no longer, and need not collect us
    os.setsid()
    web.run_app(switch.app(), host=HOST_ADDRESS, port=PORT, print=None, access_log=None)


if __name__ == "__main__":
    main()
