"""The two servers: port 9595 for everybody, who may read and post alerts; the control socket for root."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from aiohttp import web

from healer.errors import ConfigError
from healer.web import api, assets, control, doing, events, site
from healer.web.access import signed_in
from healer.web.answers import cautious
from healer.web.connections import BACKLOG, STANDARD, Bounds, Usher, server_log
from healer.web.desk import DESK, Desk
from healer.web.framing import SAID, SPARING, TOKENS
from healer.web.live import LIVE, Live
from healer.web.said import Said
from healer.web.sparing import Sparing
from healer.web.tokens import Tokens
from healer.web.turns import TURN, in_turn
from healer.web.webhook import HINTS, MOST_BYTES, READ_SECONDS, Hints, webhook

LINGER_SECONDS = 2.0
"""For answers under way when the server stops."""


def public_app(desk: Desk, read_seconds: float = READ_SECONDS) -> web.Application:
    """Return what everybody may ask, and what users may see and do where there are any.

    Args:
        desk: The healer.
        read_seconds: In which a webhook's body has to arrive.
    """
    app = web.Application(middlewares=[in_turn, cautious, signed_in], client_max_size=MOST_BYTES)
    app[TURN] = asyncio.Lock()
    app[DESK] = desk
    app[HINTS] = Hints(read_seconds)
    app[TOKENS], app[SAID], app[SPARING] = Tokens(), Said(desk.clock), Sparing(desk.clock)
    app[LIVE] = live = Live(desk.watch)
    desk.journal.listen(live)
    app.on_shutdown.append(_close(live))
    app.add_routes([web.post("/webhook", webhook), *api.routes(), *site.routes()])
    app.add_routes([*doing.routes(), *events.routes(), *assets.routes()])
    return app


def _close(live: Live) -> Callable[[web.Application], Awaitable[None]]:
    async def close(_: web.Application) -> None:
        live.close()

    return close


def control_app(desk: Desk) -> web.Application:
    """Return what root may ask and do, and the healer's own user: it could do as much anyway."""
    app = web.Application(
        middlewares=[cautious, control.root_only], client_max_size=control.MOST_BYTES
    )
    app[DESK] = desk
    app[control.ALLOWED] = frozenset({0, os.getuid()})
    app.add_routes([*api.routes(), *control.routes()])
    return app


@asynccontextmanager
async def serving(
    public: web.Application,
    listen: str,
    commands: web.Application,
    path: Path,
    bounds: Bounds = STANDARD,
) -> AsyncIterator[int]:
    """Serve both for as long as the context lasts; it gives the port that is listened on.

    Args:
        public: See `public_app`.
        listen: `HOST:PORT` or `[HOST]:PORT`; an empty host means every address, port 0 any free one.
        commands: See `control_app`.
        path: Of the control socket.
        bounds: Of the connections with everybody.

    Raises:
        ConfigError: One of them cannot be listened on. Nothing is served.
    """
    address(listen)  # what makes no sense is said before anything is made
    control_socket = listening(path)
    door, control_door = (
        web.AppRunner(
            app,
            access_log=None,
            logger=server_log(),
            shutdown_timeout=LINGER_SECONDS,
            keepalive_timeout=bounds.idle_seconds,
        )
        for app in (public, commands)
    )
    try:
        for runner in (door, control_door):
            await runner.setup()
        async with _open_to_all(door, listen, bounds) as found:
            await web.SockSite(control_door, control_socket).start()
            yield found
    finally:
        for runner in (door, control_door):
            await runner.cleanup()
        control_socket.close()
        _remove(path)


@asynccontextmanager
async def _open_to_all(door: web.AppRunner, listen: str, bounds: Bounds) -> AsyncIterator[int]:
    host, port = address(listen)
    # The runner was set up, so it has a server. TCPSite would hand it every connection that comes.
    usher = Usher(cast(web.Server, door.server), bounds)
    loop = asyncio.get_running_loop()
    try:
        listener = await loop.create_server(usher, host or None, port, backlog=BACKLOG)
    except OSError as exc:
        raise ConfigError(f"cannot listen on {listen}: {exc.strerror or exc}") from exc
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()


def address(listen: str) -> tuple[str, int]:
    """Return host and port.

    Raises:
        ConfigError: It is not `HOST:PORT`.
    """
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal() or not port.isascii() or int(port) > 65535:
        raise ConfigError(f"cannot listen on {listen!r}: write HOST:PORT, [HOST]:PORT or :PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


def listening(path: Path) -> socket.socket:
    """Return the control socket, which its owner and root alone can reach.

    Raises:
        ConfigError: Another process answers there, or it cannot be made; nothing was changed.
    """
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(os.fspath(path))
        except FileNotFoundError:
            pass
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)  # left over from a healer that was killed
        except OSError as exc:
            raise ConfigError(f"cannot listen on {path}: {exc.strerror or exc}") from exc
        else:
            raise ConfigError(f"another healer answers on {path}: stop it first")
    made = socket.socket(socket.AF_UNIX)
    try:
        made.bind(os.fspath(path))
        # Before anybody listens nobody can connect, so there is no moment in which others may.
        path.chmod(0o600)
        made.listen(16)
    except OSError as exc:
        made.close()
        raise ConfigError(f"cannot listen on {path}: {exc.strerror or exc}") from exc
    made.setblocking(False)
    return made


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
