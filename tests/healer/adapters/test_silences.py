"""Silences at a real Alertmanager: set by name, once, for one node, with an end; and ended by name."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from healer.adapters.silences import HttpSilences
from healer.errors import Unreachable
from tests.healer.adapters.monitoring import Monitoring, monitoring
from tests.healer.adapters.served import served

NAME, NOWHERE = "lock:upkeep-1", "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitoring]:
    with monitoring(tmp_path_factory.mktemp("monitoring")) as found:
        yield found


@asynccontextmanager
async def silences_at(*urls: str) -> AsyncIterator[HttpSilences]:
    async with aiohttp.ClientSession() as session:
        yield HttpSilences(urls, "first", session, timeout=2.0)


async def standing(url: str) -> list[dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/api/v2/silences") as answer:
        return [one for one in await answer.json() if one["status"]["state"] != "expired"]


async def test_a_silence_is_of_one_node_says_why_and_is_there_once(real: Monitoring) -> None:
    async with silences_at(real.alertmanager) as ours:
        await ours.silence(NAME, "web1", "maintenance 1 by root: new fan", 600.0)
        await ours.silence(NAME, "web1", "maintenance 1 by root: new fan", 600.0)
        (found,) = await standing(real.alertmanager)
        matched = {one["name"]: one["value"] for one in found["matchers"]}
        assert matched == {"cluster": "first", "node": "web1"}
        assert found["comment"] == f"{NAME}: maintenance 1 by root: new fan"
        assert found["endsAt"] > found["startsAt"]
        await ours.expire(NAME, "web1")
        assert await standing(real.alertmanager) == []
        await ours.expire(NAME, "web1")


@pytest.mark.parametrize("seconds", [1200.0, 60.0], ids=["later", "sooner"])
async def test_another_end_counts_alone(real: Monitoring, seconds: float) -> None:
    async with silences_at(real.alertmanager, real.alertmanager) as ours:
        await ours.silence(NAME, "web1", "one", 600.0)
        (before,) = await standing(real.alertmanager)
        await ours.silence(NAME, "web1", "one", seconds)
        (after,) = await standing(real.alertmanager)
        await ours.expire(NAME, "web1")
    ends = [datetime.fromisoformat(one["endsAt"]).timestamp() for one in (before, after)]
    assert ends[1] - ends[0] == pytest.approx(seconds - 600.0, abs=5.0)


async def test_only_the_one_of_that_name_is_ended(real: Monitoring) -> None:
    async with silences_at(real.alertmanager) as ours:
        await ours.silence("lock:upkeep-1", "web1", "one", 600.0)
        await ours.silence("lock:upkeep-10", "web2", "ten", 600.0)
        await ours.expire("lock:upkeep-1", "web1")
        (left,) = await standing(real.alertmanager)
        assert left["comment"] == "lock:upkeep-10: ten"
        await ours.expire("lock:upkeep-10", "web2")


async def test_one_of_the_same_name_of_another_node_or_cluster_stays(real: Monitoring) -> None:
    """As an earlier journal's, from which an upkeep has the same name."""
    async with silences_at(real.alertmanager) as ours, aiohttp.ClientSession() as session:
        theirs = HttpSilences([real.alertmanager], "second", session, timeout=2.0)
        await theirs.silence(NAME, "web1", "of the second", 600.0)
        await ours.silence(NAME, "db1", "of an earlier journal", 600.0)
        await ours.silence(NAME, "web1", "ours", 900.0)
        await ours.expire(NAME, "web1")
        left = {one["comment"] for one in await standing(real.alertmanager)}
        assert left == {f"{NAME}: of the second", f"{NAME}: of an earlier journal"}
        await theirs.expire(NAME, "web1")
        await ours.expire(NAME, "db1")
    assert await standing(real.alertmanager) == []


async def test_one_peer_that_takes_it_is_enough_and_none_is_not(real: Monitoring) -> None:
    async with silences_at(NOWHERE, real.alertmanager) as ours:
        await ours.silence(NAME, "web1", "one", 600.0)
        with pytest.raises(Unreachable):  # the other may have it
            await ours.expire(NAME, "web1")
    assert await standing(real.alertmanager) == []
    async with silences_at(NOWHERE) as ours:
        with pytest.raises(Unreachable, match="no Alertmanager took"):
            await ours.silence(NAME, "web1", "one", 600.0)


@pytest.mark.parametrize("body", ["{}", "[1]", '[{"id": 1}]', "[", "null"])
async def test_what_is_no_alertmanager_takes_no_silence(body: str) -> None:
    async def odd(_: web.Request) -> web.Response:
        return web.Response(text=body, content_type="application/json")

    async with served(odd) as (port, session):
        ours = HttpSilences([f"http://127.0.0.1:{port}"], "first", session, timeout=2.0)
        with pytest.raises(Unreachable):
            await ours.silence(NAME, "web1", "one", 600.0)
