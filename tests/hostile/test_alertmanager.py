"""An Alertmanager that strangers have filled."""

import asyncio
import json
import threading
from typing import Any

from aiohttp import web

from healer.adapters.alertmanager import HttpAlertmanagers
from healer.adapters.http_json import Answer
from tests.healer.adapters.clocks import HandClock
from tests.healer.adapters.served import served
from tests.healer.adapters.test_odd_answers import GOOD, TOPOLOGY

PATIENCE = 10.0  # seconds


class Turning(HttpAlertmanagers):
    """Reads an answer only once the loop has had a turn since it began to."""

    loop: asyncio.AbstractEventLoop
    turned = False

    def _viewed(self, answer: Answer) -> Any:
        turn = threading.Event()
        self.loop.call_soon_threadsafe(turn.set)
        self.turned = turn.wait(PATIENCE)
        return super()._viewed(answer)


async def test_megabytes_of_alerts_leave_the_loop_its_turns() -> None:
    many = [
        GOOD | {"labels": {"alertname": "A", "cluster": "x", "n": str(n), "y": "x" * 600}}
        for n in range(8000)
    ]
    body = json.dumps(many).encode()

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    async with served(handler) as (port, session):
        peers = Turning([f"http://127.0.0.1:{port}"], TOPOLOGY, session, HandClock())
        peers.loop = asyncio.get_running_loop()
        sight = await peers.read()
    assert peers.turned, "the loop stands still while an answer is read"
    assert len(sight.rejected) == len(many)
