"""Each action becomes an annotation, and nothing waits for it; against a real HTTP server in place of Grafana."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from healer.adapters.grafana import GrafanaSettings, HttpGrafana
from healer.adapters.private_file import PrivateFile
from healer.annotator import MOST, TRIES, Annotator
from healer.core.attempt import Outcome
from healer.errors import Unreachable
from healer.ports import Annotation
from tests.healer.adapters.served import served
from tests.healer.web.house import HOSTILE, PATIENCE, House

ADDED = {"message": "Annotation added", "id": 1}
"""As Grafana's HTTP API documents it; since 6.4 a region is one annotation with timeEnd."""


@dataclass
class Grafana:
    """What a test's Grafana was sent, and how it answers."""

    requests: list[tuple[str, str, str, dict[str, object]]] = field(default_factory=list)
    answers: Callable[[], web.Response] = lambda: web.json_response(ADDED)

    async def take(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "")
        sent = json.loads(await request.read())
        self.requests.append((request.method, request.path, token, sent))
        return self.answers()


class Deaf:
    """A Grafana that nobody reaches."""

    async def annotate(self, annotation: Annotation) -> None:
        raise Unreachable("nobody is there")


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("glsa_of_a_test\n")
    path.chmod(0o600)
    return path


@asynccontextmanager
async def told(
    house: House,
    grafana: Grafana,
    token: Path,
    again: float = 0.0,
    follows: Annotator | None = None,
) -> AsyncIterator[None]:
    """Run an annotator beside a healer's journal."""
    async with served(grafana.take) as (port, session):
        settings = GrafanaSettings(f"http://127.0.0.1:{port}/grafana", PrivateFile(token))
        made = Annotator(
            house.journal.board,
            HttpGrafana(settings, session, seconds=PATIENCE),
            house.desk.metrics,
            "first",
            "https://hale.example",
            again,
        )
        if follows is not None:
            made.follow(follows)
        house.journal.listen(made)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(made.run())
            yield
            running.cancel()


def counted(house: House, outcome: str) -> float:
    found = house.desk.metrics.registry.get_sample_value(
        "healer_annotations_total", {"outcome": outcome}
    )
    return found or 0.0


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.01)


async def troubled() -> House:
    house = House()
    await house.arm()
    await house.open(house.trouble())
    return house


async def test_an_action_is_told_once_it_is_known_whether_it_helped(token: Path) -> None:
    house, grafana = await troubled(), Grafana()
    async with told(house, grafana, token):
        await house.healed()
        await until(lambda: counted(house, "placed") == 2)
    failed, helped = grafana.requests
    method, path, shown, sent = helped
    assert (method, path, shown) == ("POST", "/grafana/api/annotations", "Bearer glsa_of_a_test")
    last = house.journal.board.incidents["1"].attempts[-1]
    assert (sent["time"], sent["timeEnd"]) == (last.began_at * 1000, (last.ended_at or 0.0) * 1000)
    assert sent["tags"] == [
        *("hale", "cluster:first", "node:web1", "service:nginx"),
        *("action:service.restart", "outcome:verified"),
    ]
    link = '<a href="https://hale.example/incidents/1">incident 1</a>'
    assert sent["text"] == f"service.restart on web1/nginx: verified, {link}. held for 3 s"
    assert "outcome:failed" in str(failed[3]["tags"])


async def test_what_a_gate_says_is_text_in_grafana_too(token: Path) -> None:
    house, grafana = await troubled(), Grafana()
    async with told(house, grafana, token):
        await house.tried("1", 1, Outcome.FAILED, "start_failed", HOSTILE)
        await until(lambda: counted(house, "placed") == 1)
    text = str(grafana.requests[0][3]["text"])
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize("status", [401, 404, 500, 302])
async def test_what_grafana_does_not_take_is_tried_again_counted_and_dropped(
    status: int, token: Path
) -> None:
    house = await troubled()
    grafana = Grafana(answers=lambda: web.Response(status=status, headers={"Location": "/login"}))
    async with told(house, grafana, token):
        await house.tried("1", 1, Outcome.FAILED, "start_failed")
        await until(lambda: counted(house, "dropped") == 1)
    assert (counted(house, "failed"), counted(house, "placed")) == (TRIES, 0)
    assert len(grafana.requests) == TRIES


async def test_a_grafana_that_comes_back_is_told_what_waited(token: Path) -> None:
    house, answers = await troubled(), iter([503, 503])
    grafana = Grafana()

    def answer() -> web.Response:
        status = next(answers, 200)
        return web.json_response(ADDED, status=status)

    grafana.answers = answer
    async with told(house, grafana, token):
        await house.healed()
        await until(lambda: counted(house, "placed") == 2)
    assert counted(house, "failed") == 2


async def test_what_waits_is_told_under_another_configuration(token: Path) -> None:
    house, grafana = await troubled(), Grafana()
    before = Annotator(house.journal.board, Deaf(), house.desk.metrics, "first", "")
    house.journal.listen(before)
    await house.tried("1", 1, Outcome.FAILED, "start_failed")
    house.journal.ignore(before)
    async with told(house, grafana, token, follows=before):
        await until(lambda: counted(house, "placed") == 1)
    assert "outcome:failed" in str(grafana.requests[0][3]["tags"])


async def test_nothing_waits_for_a_grafana_that_does_not_answer(token: Path) -> None:
    house, never = await troubled(), asyncio.Event()

    async def silent(_: web.Request) -> web.Response:
        await never.wait()
        return web.Response()

    async with served(silent) as (port, session):
        settings = GrafanaSettings(f"http://127.0.0.1:{port}", PrivateFile(token))
        http = HttpGrafana(settings, session, seconds=0.2)
        made = Annotator(house.journal.board, http, house.desk.metrics, "first", "", 0.0)
        house.journal.listen(made)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(made.run())
            async with asyncio.timeout(30):  # 519 that each waited 0.2 s would take 100
                for number in range(1, MOST + 20):
                    await house.tried("1", number, Outcome.FAILED, "start_failed")
            assert counted(house, "dropped") >= 19
            await until(lambda: counted(house, "failed") > 0)
            running.cancel()
        never.set()


@pytest.mark.parametrize(
    ("text", "mode", "word"),
    [("", 0o600, "no token"), ("two words", 0o600, "no token"), ("good", 0o644, "lets others")],
)
async def test_a_token_that_cannot_be_used_is_named_and_not_sent(
    text: str, mode: int, word: str, token: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token.write_text(text)
    token.chmod(mode)
    house, grafana = await troubled(), Grafana()
    async with told(house, grafana, token):
        await house.tried("1", 1, Outcome.FAILED, "start_failed")
        await until(lambda: counted(house, "dropped") == 1)
    assert grafana.requests == []
    assert word in capsys.readouterr().out
