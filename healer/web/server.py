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
from healer.marks import MarkBook
from healer.web import api, assets, control, doing, events, fleet_lock, site
from healer.web.access import signed_in
from healer.web.answers import cautious
from healer.web.certificates import Certificates
from healer.web.connections import BACKLOG, STANDARD, Bounds, Usher, server_log
from healer.web.desk import ADMISSIONS, DESK, MARKS, PLANS, Desk
from healer.web.framing import SAID, SPARING, TOKENS
from healer.web.lately import Lately
from healer.web.live import LIVE, Live
from healer.web.said import Said
from healer.web.sparing import Sparing
from healer.web.tokens import Tokens
from healer.web.turns import TURN, in_turn
from healer.web.webhook import HINTS, MOST_BYTES, READ_SECONDS, Hints, webhook

MOST_HEADERS = 48
"""Of one request. Browsers send some twenty, and proxies add a few."""

LINGER_SECONDS = 2.0
"""For answers under way when the server stops, and for the rest of a body that was refused."""


def public_app(desk: Desk, read_seconds: float = READ_SECONDS) -> web.Application:
    """Return what everybody may ask, and what users may see and do where there are any.

    Args:
        desk: The healer.
        read_seconds: In which a webhook's body has to arrive.
    """
    app = web.Application(middlewares=[in_turn, cautious, signed_in], client_max_size=MOST_BYTES)
    app[TURN] = asyncio.Lock()
    app[DESK], app[MARKS] = desk, MarkBook(desk.gatherer, desk.watch)
    app[PLANS], app[ADMISSIONS] = Lately(desk.clock), Lately(desk.clock)
    app[HINTS] = Hints(read_seconds)
    app[TOKENS], app[SAID], app[SPARING] = Tokens(), Said(desk.clock), Sparing(desk.clock)
    app[LIVE] = live = Live(desk.watch)
    desk.journal.listen(live)
    app.on_shutdown.append(_close(live, desk))
    app.add_routes([web.route("*", "/webhook", webhook), *api.routes(), *site.routes()])
    app.add_routes([*doing.routes(), *events.routes(), *assets.routes(), *doing.reloading()])
    app.add_routes(fleet_lock.routes())
    app.add_routes([site.elsewhere()])
    return app


def _close(live: Live, desk: Desk) -> Callable[[web.Application], Awaitable[None]]:
    async def close(_: web.Application) -> None:
        desk.journal.ignore(live)
        live.close()

    return close


def control_app(desk: Desk) -> web.Application:
    """Return what root may ask and do, and the healer's own user: it could do as much anyway."""
    app = web.Application(
        middlewares=[cautious, control.root_only], client_max_size=control.MOST_BYTES
    )
    app[DESK], app[MARKS] = desk, MarkBook(desk.gatherer, desk.watch)
    app[control.ALLOWED] = frozenset({0, os.getuid()})
    app.add_routes([*api.routes(), *control.routes(), *control.reloading(desk.reload)])
    return app


class Doors:
    """Both listeners, and what answers behind them: it can be exchanged while they stay open."""

    def __init__(self, usher: Usher) -> None:
        self._usher = usher
        self._closing: list[asyncio.Task[None]] = []
        self._shown: tuple[web.AppRunner, ...] = ()
        self._control: web.Server | None = None
        self.port = 0

    async def show(self, public: web.Application, commands: web.Application) -> None:
        """Let these answer from now on; what those before have under way gets LINGER_SECONDS."""
        made = tuple(self._runner(app) for app in (public, commands))
        for runner in made:
            await runner.setup()
        # A runner that was set up has a server.
        self._usher.server, self._control = (cast(web.Server, one.server) for one in made)
        before, self._shown = self._shown, made
        for runner in before:
            cast(
                web.Server, runner.server
            ).pre_shutdown()  # idle connections ask the old ones nothing more
        # Whoever is slow to take an answer does not keep the next ones from theirs; `close` waits for them.
        self._closing += [asyncio.create_task(one.cleanup(), name="doors") for one in before]

    async def close(self) -> None:
        """Let nobody answer any more."""
        for runner in self._shown:
            await runner.cleanup()
        await asyncio.gather(*self._closing)

    def commanded(self) -> asyncio.Protocol:
        """Return what meets the next connection with the control socket."""
        return cast(web.Server, self._control)()

    def _runner(self, app: web.Application) -> web.AppRunner:
        return web.AppRunner(
            app,
            access_log=None,
            logger=server_log(),
            shutdown_timeout=LINGER_SECONDS,
            keepalive_timeout=self._usher.bounds.idle_seconds,
            # In which what nobody wants of a body is read off, so that its sender reads the answer.
            lingering_time=LINGER_SECONDS,
            # A small body could unpack to one that fills the memory. Nobody who belongs here packs.
            auto_decompress=False,
            # Of 8190 bytes each; every connection may keep as many in memory while its head is not whole.
            max_headers=MOST_HEADERS,
        )


@asynccontextmanager
async def serving(
    public: web.Application,
    listen: str,
    commands: web.Application,
    path: Path,
    bounds: Bounds = STANDARD,
    certificates: Certificates | None = None,
) -> AsyncIterator[int]:
    """Serve both for as long as the context lasts; it gives the port that is listened on. See `open_doors`."""
    async with open_doors(public, listen, commands, path, bounds, certificates) as doors:
        yield doors.port


@asynccontextmanager
async def open_doors(
    public: web.Application,
    listen: str,
    commands: web.Application,
    path: Path,
    bounds: Bounds = STANDARD,
    certificates: Certificates | None = None,
) -> AsyncIterator[Doors]:
    """Listen for as long as the context lasts, with these two behind the doors at first.

    Args:
        public: See `public_app`.
        listen: `HOST:PORT` or `[HOST]:PORT`; an empty host means every address, port 0 any free one.
        commands: See `control_app`.
        path: Of the control socket.
        bounds: Of the connections with everybody.
        certificates: Of TLS with everybody; None for plain HTTP.

    Raises:
        ConfigError: One of them cannot be listened on. Nothing is served.
    """
    address(listen)  # what makes no sense is said before anything is made
    control_socket = listening(path)
    loop = asyncio.get_running_loop()
    usher = Usher(bounds, certificates=certificates)
    doors = Doors(usher)
    try:
        await doors.show(public, commands)
        async with _open_to_all(usher, listen) as doors.port:
            ours = await loop.create_server(doors.commanded, sock=control_socket)
            try:
                yield doors
            finally:
                ours.close()
    finally:
        await doors.close()
        control_socket.close()
        _remove(path)


@asynccontextmanager
async def _open_to_all(usher: Usher, listen: str) -> AsyncIterator[int]:
    host, port = address(listen)
    loop = asyncio.get_running_loop()
    try:
        # TCPSite would hand every connection that comes to the server, past the usher.
        listener = await loop.create_server(usher, host or None, port, backlog=BACKLOG)
    except OSError as exc:
        raise ConfigError(f"cannot listen on {listen}: {exc.strerror or exc}") from exc
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        await usher.leave()


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
