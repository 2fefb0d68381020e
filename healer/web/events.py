"""GET /events: the stream that tells open pages to read themselves anew."""

import asyncio
import socket

from aiohttp import hdrs, web

from healer.web.access import still_let_in, whose
from healer.web.answers import HEADERS, refusal
from healer.web.live import LIVE, MOST, MOST_OF_ONE, Live

STEP = 0.5
"""Seconds between two looks at whether the client is still there."""

SEND_BUFFER = 8192
"""Bytes that the kernel may keep for a client that does not read; a message has some forty."""


def routes() -> list[web.RouteDef]:
    """Return the route of the stream."""
    return [web.get("/events", events)]


async def events(request: web.Request) -> web.StreamResponse:
    """Stream one message for each change, until the client is gone, too slow, or has to come again."""
    live = request.app[LIVE]
    with live.place(whose(request)) as free:
        if not free:
            return refusal(503, "busy", f"{MOST} pages are live already, or {MOST_OF_ONE} of yours")
        response = web.StreamResponse(
            headers={
                **HEADERS,
                hdrs.CONTENT_TYPE: "text/event-stream; charset=utf-8",
                # nginx would keep the messages to itself until it has a full buffer.
                "X-Accel-Buffering": "no",
            }
        )
        await response.prepare(request)
        seen = request.headers.get("Last-Event-ID") or request.query.get("since", "")
        try:
            await _stream(live, _Client(request, response, live), seen[:80])
        except (ConnectionError, TimeoutError):
            # Gone, or it does not take what is sent: nothing more is kept for it.
            if request.transport is not None:
                request.transport.abort()
        return response


async def _stream(live: Live, client: "_Client", seen: str) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + live.lifetime
    await client.send("retry: 3000\n\n")
    quiet_until = loop.time() + live.heartbeat
    # In short steps: a page that was left must not keep its place until the next heartbeat.
    while not live.closing and await client.stays() and (left := end - loop.time()) > 0:
        revision = await live.newer(seen, min(STEP, left))
        if revision is not None and not live.closing:
            await client.send(f"id: {revision}\nevent: change\ndata: {revision}\n\n")
            seen = revision
            await live.rest()
        elif revision is None and loop.time() >= quiet_until:
            await client.send(":\n\n")
        else:
            continue
        quiet_until = loop.time() + live.heartbeat


class _Client:
    """One that listens, and has to take what it is sent."""

    def __init__(self, request: web.Request, response: web.StreamResponse, live: Live) -> None:
        self._request = request
        self._response = response
        self._patience = live.patience
        found = request.get_extra_info("socket")
        if found is not None and found.family in (socket.AF_INET, socket.AF_INET6):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            milliseconds = int(1000 * (live.heartbeat + live.patience))
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)

    @property
    def there(self) -> bool:
        """Whether its connection is open, as far as we know."""
        transport = self._request.transport
        return transport is not None and not transport.is_closing()

    async def stays(self) -> bool:
        """Whether it is there and would be let in again: what stays open ends with its user's leave to look."""
        return self.there and await still_let_in(self._request)

    async def send(self, message: str) -> None:
        """Send a message, and wait until the kernel took it.

        Raises:
            TimeoutError: It did not within `Live.patience`, since the client takes nothing.
            ConnectionError: The client is gone.
        """
        await self._response.write(message.encode())
        async with asyncio.timeout(self._patience):
            while (transport := self._request.transport) is not None:
                if transport.get_write_buffer_size() == 0:
                    return
                await asyncio.sleep(0.05)
        raise ConnectionResetError("the client is gone")
