"""An Alertmanager that strangers have filled."""

import asyncio
import json

from aiohttp import web

from healer.adapters.alertmanager import HttpAlertmanagers
from tests.healer.adapters.clocks import HandClock
from tests.healer.adapters.served import served
from tests.healer.adapters.test_odd_answers import GOOD, TOPOLOGY


async def test_megabytes_of_alerts_leave_the_loop_its_turns() -> None:
    many = [
        GOOD | {"labels": {"alertname": "A", "cluster": "x", "n": str(n), "y": "x" * 600}}
        for n in range(8000)
    ]
    body = json.dumps(many).encode()
    longest, loop = 0.0, asyncio.get_running_loop()

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    async def beat() -> None:
        nonlocal longest
        while True:
            before = loop.time()
            await asyncio.sleep(0.01)
            longest = max(longest, loop.time() - before)

    async with served(handler) as (port, session):
        beating = asyncio.create_task(beat())
        peers = HttpAlertmanagers([f"http://127.0.0.1:{port}"], TOPOLOGY, session, HandClock())
        began = loop.time()
        sight = await peers.read()
        took = loop.time() - began
        beating.cancel()
    assert len(sight.rejected) == len(many)
    assert longest < took / 2, (longest, took)
