"""One request is begun in each round of the loop, so that what heals has its turn between any two.

The loop runs everything that is ready before it looks around again. Sixty pages that are read anew at the same
moment, or as many requests of a stranger, would be rendered in one go while the engine waits.
"""

import asyncio

from aiohttp import web

from healer.web.answers import Handler

TURN = web.AppKey("TURN", asyncio.Lock)


@web.middleware
async def in_turn(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Wait for this request's turn."""
    async with request.app[TURN]:
        await asyncio.sleep(0)
    return await handler(request)
