"""POST /v1/pre-reboot and /v1/steady-state: the FleetLock protocol, as Zincati speaks it.

https://coreos.github.io/zincati/development/fleetlock/protocol/
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable

from aiohttp import web

from healer.errors import LeaseLost, Refused, StoreFull
from healer.web.access import client_of
from healer.web.answers import BROKEN
from healer.web.desk import DESK
from healer.web.locks import Locks

PATHS = frozenset({"/v1/pre-reboot", "/v1/steady-state"})
HEADER = "fleet-lock-protocol"

MOST_BYTES = 4096
READ_SECONDS = 10.0
GROUP = re.compile(r"[a-zA-Z0-9.-]{1,128}", re.ASCII)
ID = re.compile(r"[\x21-\x7e]{1,128}")

Ask = Callable[[Locks, str, str], Awaitable[None]]
"""What is done for a node, with its id."""


def routes() -> list[web.RouteDef]:
    """Return the routes of the protocol."""
    return [web.post("/v1/pre-reboot", pre_reboot), web.post("/v1/steady-state", steady_state)]


async def pre_reboot(request: web.Request) -> web.Response:
    """Let a node reboot: 200 once it is locked and its users are gone."""

    async def lock(locks: Locks, node: str, machine: str) -> None:
        await locks.lock(node, machine)

    return await _answered(request, lock)


async def steady_state(request: web.Request) -> web.Response:
    """Hear that a node is up and well: 200 once what it had is being given back."""

    async def unlock(locks: Locks, node: str, _: str) -> None:
        await locks.unlock(node)

    return await _answered(request, unlock)


def no(status: int, kind: str, value: str) -> web.Response:
    """Return an error as the protocol has it."""
    return web.json_response({"kind": kind, "value": value}, status=status)


async def _answered(request: web.Request, ask: Ask) -> web.Response:
    locks = request.app[DESK].locks
    if locks is None:
        return no(403, "not_configured", "cluster.yml has no healer.fleet_lock")
    if request.headers.get(HEADER) != "true":
        return no(400, "no_header", f"want the header {HEADER}: true")
    stranger = await locks.senders.refused(request) if locks.senders is not None else None
    if stranger is not None:
        unreadable = stranger.status == 503
        kind = "secret_unreadable" if unreadable else "not_allowed"
        return no(stranger.status, kind, "show what healer.fleet_lock of cluster.yml asks for")
    params = await _params(request)
    if params is None:
        return no(400, "malformed", 'want {"client_params": {"id": ..., "group": ...}}')
    machine, group = params
    try:
        node = await locks.who(client_of(request), machine, group)
        await ask(locks, node, machine)
    except Refused as error:
        return no(409, error.reason, error.detail)
    except StoreFull as error:
        return no(503, "store_full", f"nothing can be made durable: {error}")
    except LeaseLost as error:
        return no(503, "not_leader", f"another healer leads: {error}")
    return web.json_response({})


async def _params(request: web.Request) -> tuple[str, str] | None:
    """Return id and group; None where the body is none of the protocol's."""
    try:
        async with asyncio.timeout(READ_SECONDS):
            body = bytearray()
            while part := await request.content.readany():
                body += part
                if len(body) > MOST_BYTES:
                    return None
        found = json.loads(body)
    except (ValueError, RecursionError, TimeoutError, *BROKEN):
        return None
    match found:
        case {"client_params": {"id": str(machine), "group": str(group)}}:
            if ID.fullmatch(machine) and GROUP.fullmatch(group):
                return machine, group
    return None
