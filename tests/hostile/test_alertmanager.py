"""An Alertmanager that strangers have filled."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest

from healer.adapters.alertmanager import HttpAlertmanagers
from healer.adapters.http_json import PART
from tests.healer.adapters.clocks import HandClock
from tests.healer.adapters.served import served
from tests.healer.adapters.test_odd_answers import GOOD, TOPOLOGY, saying


class Counting(HttpAlertmanagers):
    """Notes at each alert how many turns the loop has had."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        super().__init__([url], TOPOLOGY, session, HandClock())
        self.turns = 0
        self.seen: list[int] = []

    async def turning(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.turns += 1

    def _heard(self, found: Mapping[str, Any]) -> Any:
        self.seen.append(self.turns)
        return super()._heard(found)


async def test_megabytes_of_alerts_leave_the_loop_its_turns() -> None:
    many = [
        GOOD | {"labels": {"alertname": "A", "cluster": "x", "n": str(n), "y": "x" * 600}}
        for n in range(4000)
    ]
    body = json.dumps(many).encode()

    async with served(saying(body)) as (port, session):
        peers = Counting(f"http://127.0.0.1:{port}", session)
        turning = asyncio.create_task(peers.turning())
        sight = await peers.read()
        turning.cancel()
    without_a_turn = max(Counter(peers.seen).values())
    assert without_a_turn <= 2 * PART // (len(body) // len(many)), (
        "the loop stands still while an answer is read"
    )
    assert len(sight.rejected) == len(many)


async def test_one_alert_of_megabytes_hides_no_other() -> None:
    huge = GOOD | {"annotations": {"summary": "x" * 20_000_000}}
    body = json.dumps([huge, GOOD | {"labels": {**GOOD["labels"], "node": "web2"}}]).encode()

    async with served(saying(body)) as (port, session):
        sight = await HttpAlertmanagers(
            [f"http://127.0.0.1:{port}"], TOPOLOGY, session, HandClock()
        ).read()
    assert {one.label("node") for one in sight.alerts} == {"web1", "web2"}


@pytest.mark.parametrize(
    "began", ["2026-01-01T00:00:00+24:00", "0000-01-01T00:00:00Z", "2026-13-01T00:00:00Z", "now"]
)
async def test_an_alert_that_began_at_no_time_hides_no_other_and_no_heartbeat(began: str) -> None:
    stopped = {"labels": {"alertname": "Watchdog", "cluster": "first"}, "startsAt": began}
    body = json.dumps([GOOD | stopped, GOOD]).encode()

    async with served(saying(body)) as (port, session):
        sight = await HttpAlertmanagers(
            [f"http://127.0.0.1:{port}"], TOPOLOGY, session, HandClock()
        ).read()
    assert [one.label("node") for one in sight.alerts] == ["web1"]
    assert [(one.name, reason) for one, reason in sight.rejected] == [
        ("Watchdog", "impossible_time")
    ]
    assert sight.watchdog_at is not None
