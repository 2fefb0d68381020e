"""Debian's Alertmanager, to which the exporter and Prometheus post the same alert in every order."""

import asyncio
import datetime as dt
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession

from exporter.alerting.alert import Alert, body
from exporter.alerting.alertmanager import HttpAlertmanager, session
from exporter.alerting.book import Book
from exporter.config import ClientTls
from tests.healer.adapters.monitoring import alertmanager_command, free_port

pytestmark = pytest.mark.tools

LABELS = {"alertname": "ServiceDown", "cluster": "first", "node": "web1", "service": "nginx"}
ALERT = Alert.of(LABELS, {"summary": "nginx does not serve on web1."})
CONFIG = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"
PATIENCE = 20.0  # seconds
MINUTE = dt.timedelta(minutes=1)
PROMETHEUS = "http://prometheus:9090/graph"


@dataclass
class Both:
    """An Alertmanager, and the two who post to it."""

    url: str
    ours: HttpAlertmanager
    through: ClientSession

    async def prometheus(self, starts: dt.datetime, ends: dt.datetime) -> None:
        """Post as Prometheus does: with times of its own, and a link to itself."""
        alert = {
            "labels": LABELS,
            "annotations": dict(ALERT.annotations),
            "startsAt": starts.isoformat(),
            "endsAt": ends.isoformat(),
            "generatorURL": PROMETHEUS,
        }
        posted = self.through.post(f"{self.url}/api/v2/alerts", json=[alert])
        async with posted as answer:
            assert answer.status == 200

    async def shown(self) -> list[dict[str, Any]]:
        """What fires."""
        async with self.through.get(f"{self.url}/api/v2/alerts") as answer:
            found: list[dict[str, Any]] = json.loads(await answer.read())
            return found

    async def end(self, began: float) -> None:
        """Post the end as soon as it lies after the beginning by Alertmanager's own clock, as the exporter does."""
        book = Book(["am"], 60.0)
        book.look([(ALERT, True)], 0.0)
        book.taken("am", book.due("am", 0.0), began, 0.0)
        async with asyncio.timeout(PATIENCE):
            while True:
                date = await self.ours.post(body(()))
                assert date is not None
                if past := book.past("am", [ALERT], date, 1.0):
                    await self.ours.post(body((), past, date))
                    return
                await asyncio.sleep(0.1)

    async def begin(self) -> float:
        date = await self.ours.post(body([ALERT]))
        assert date is not None
        return date


@asynccontextmanager
async def alertmanager(folder: Path) -> AsyncIterator[Both]:
    port = free_port()
    (folder / "alertmanager.yml").write_text(CONFIG)
    arguments = [
        f"--config.file={folder}/alertmanager.yml",
        f"--storage.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with (folder / "log").open("wb") as log:
        program = subprocess.Popen(  # noqa: ASYNC220 - it starts at once, and is asked until it answers
            [*alertmanager_command(), *arguments], stdout=log, stderr=log
        )
    try:
        async with session() as own, ClientSession() as through:
            url = f"http://127.0.0.1:{port}"
            both = Both(url, HttpAlertmanager(url, ClientTls(), own, PATIENCE), through)
            await _ready(both)
            yield both
    finally:
        program.terminate()
        program.wait(PATIENCE)


async def _ready(both: Both) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                assert await both.shown() == []
            except ClientError:
                await asyncio.sleep(0.05)
            else:
                return


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


async def test_it_is_one_alert_whoever_posts_it_and_it_ends_when_both_say_so(
    tmp_path: Path,
) -> None:
    async with alertmanager(tmp_path) as both:
        began = await both.begin()
        (ours,) = await both.shown()
        assert (ours["labels"], ours.get("generatorURL")) == (LABELS, None)
        await both.prometheus(now(), now() + 4 * MINUTE)
        (also,) = await both.shown()
        assert also["generatorURL"] == PROMETHEUS
        await both.begin()
        (again,) = await both.shown()
        assert {one["fingerprint"] for one in (ours, also, again)} == {ours["fingerprint"]}
        assert {one["startsAt"] for one in (ours, also, again)} == {ours["startsAt"]}
        await both.end(began)
        assert await both.shown() == []


async def test_what_prometheus_repeats_of_an_earlier_failure_is_overcome_by_the_next_post(
    tmp_path: Path,
) -> None:
    async with alertmanager(tmp_path) as both:
        await both.prometheus(now() - 10 * MINUTE, now() + 4 * MINUTE)
        await both.prometheus(now() - 10 * MINUTE, now() - 5 * MINUTE)
        assert await both.shown() == []
        await both.begin()
        assert len(await both.shown()) == 1
        await both.prometheus(now() - 10 * MINUTE, now() - 5 * MINUTE)
        gone = await both.shown()
        await both.begin()
        assert (gone, len(await both.shown())) == ([], 1)


async def test_an_alert_that_failed_again_right_after_its_end_is_there_again(
    tmp_path: Path,
) -> None:
    async with alertmanager(tmp_path) as both:
        await both.end(await both.begin())
        await both.begin()
        assert len(await both.shown()) == 1
