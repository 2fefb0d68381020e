"""Debian's own Alertmanager posts to the webhook with what render writes for it."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from cluster.load import interpret
from cluster.render.alertmanager import alertmanager_yml
from healer.settings import of_cluster
from tests.cluster.examples import SOUND
from tests.healer.adapters.monitoring import alertmanager_command, free_port, running
from tests.healer.web.authority import Authority
from tests.healer.web.house import House
from tests.healer.web.test_webhook import alert, counted, hints

pytestmark = pytest.mark.tools

SECRET = "a-secret-that-nobody-guesses"
BEARER = "webhook: {bearer_file: FOLDER/secret}"
BASIC = "webhook: {basic: {username: alertmanager, password_file: FOLDER/secret}}"
TLS = "tls: {cert: FOLDER/server.crt, key: FOLDER/server.key, ca: FOLDER/ours.ca}"
CLIENT = "webhook: {client_ca: FOLDER/ours.ca, cert: FOLDER/client.crt, key: FOLDER/client.key}"


@contextmanager
def alertmanager(folder: Path, config: str) -> Iterator[str]:
    """Run one with this configuration; gives the base of its URL."""
    port = free_port()
    (folder / "alertmanager.yml").write_text(config)
    with running(
        *alertmanager_command(),
        "--config.file=alertmanager.yml",
        "--storage.path=am",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        directory=folder,
        ready=f"http://127.0.0.1:{port}/-/ready",
    ):
        yield f"http://127.0.0.1:{port}"


def described(folder: Path, healer: str) -> str:
    text = SOUND.replace("mon1: {address: 10.0.0.10", "mon1: {address: 127.0.0.1")
    text = "".join(
        line
        for line in text.splitlines(keepends=True)
        if not line.startswith(("  webhook", "  tl"))
    )
    text = text.replace("  mode: act\n", f"  mode: act\n  {healer}\n")
    text = text.replace("  deadman:", "  group_wait: 0s\n  group_interval: 1s\n  deadman:")
    return text.replace("FOLDER", str(folder))


async def posted(
    house: House, folder: Path, healer: str, code: int, theirs: str = "secret"
) -> None:
    """Let an alert fire in a real Alertmanager, until the healer has answered with this code."""
    cluster = interpret(described(folder, healer), "cluster.yml").cluster
    settings = of_cluster(cluster)
    house.sender, house.tls = settings.senders, settings.tls
    house.__post_init__()
    async with house.public():
        config = alertmanager_yml(cluster).replace("127.0.0.1:9595", f"127.0.0.1:{house.port}")
        assert f"127.0.0.1:{house.port}/webhook" in config
        config = config.replace(f"{folder}/secret", f"{folder}/{theirs}")
        with alertmanager(folder, config) as url:
            body = json.dumps([{"labels": dict(alert().labels)}]).encode()
            async with aiohttp.ClientSession() as session, asyncio.timeout(30):
                headers = {"Content-Type": "application/json"}
                await session.post(f"{url}/api/v2/alerts", data=body, headers=headers)
                while not counted(house, code):
                    await asyncio.sleep(0.05)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ours = Authority(tmp_path)
    ours.sign("server", server=True)
    ours.sign("client")
    secret(tmp_path, SECRET)
    return tmp_path


def secret(folder: Path, text: str) -> None:
    (folder / "secret").write_text(f"{text}\n")
    (folder / "secret").chmod(0o640)


@pytest.mark.parametrize(
    "healer",
    [
        "resync: 2s",
        BEARER,
        BASIC,
        f"{TLS}\n  {BEARER}",
        f"{TLS}\n  {BASIC}",
        f"{TLS}\n  {CLIENT}",
    ],
    ids=["nothing", "bearer", "basic", "tls-bearer", "tls-basic", "tls-certificate"],
)
async def test_what_is_rendered_is_what_the_healer_asks_for(healer: str, folder: Path) -> None:
    house = House()
    await posted(house, folder, healer, 202)
    told = [one.fingerprint for hint in hints(house) for one in hint.alerts]
    assert told == [alert().fingerprint]


@pytest.mark.parametrize("healer", [BEARER, BASIC, f"{TLS}\n  {BEARER}"])
async def test_an_alertmanager_with_another_secret_is_turned_away(
    healer: str, folder: Path
) -> None:
    house = House()
    (folder / "other").write_text("another-secret-of-that-length")
    await posted(house, folder, healer, 401, theirs="other")
    assert not house.store.records
