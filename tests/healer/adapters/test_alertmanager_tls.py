"""A real Alertmanager that asks for certificates takes alerts of the healer, and of nobody who shows none."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest
import yaml

from cluster.load import interpret
from cluster.render.alertmanager import alertmanager_web
from healer.adapters.alertmanager import HttpAlertmanagers
from healer.adapters.tls_files import ShownTls
from healer.clock import SystemClock
from healer.core.order import OwnAlert
from healer.errors import ConfigError, Unreachable
from healer.parts import session_with
from healer.settings import of_cluster, read
from tests.cluster.examples import SOUND
from tests.healer.adapters.monitoring import alertmanager_command, free_port
from tests.healer.web.authority import Authority

TOPOLOGY = read(Path(__file__).parents[3] / "scenarios/first/cluster.yml").topology
OURS = {"alertname": "HealerHolds", "cluster": "first", "node": "web1", "group": "web"}


class House:
    """An authority, what it signed, and a cluster.yml that names the files."""

    def __init__(self, folder: Path) -> None:
        ours = Authority(folder)
        server, client = ours.sign("server", server=True), ours.sign("client")
        files = {"cert": server.cert, "key": server.key, "client_ca": ours.ca, "ca": ours.ca}
        files |= {"client_cert": client.cert, "client_key": client.key}
        said = ", ".join(f"{name}: {path}" for name, path in files.items())
        text = SOUND.replace("monitoring:\n", f"monitoring:\n  tls: {{{said}}}\n")
        self.loaded = interpret(text, "cluster.yml")
        self.client = client
        self.ca = ours.ca
        self.stranger = Authority(folder / "theirs", "theirs").sign("stranger")

    @property
    def shown(self) -> ShownTls:
        found = of_cluster(self.loaded.cluster).alertmanager_tls
        assert found is not None
        return found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("authority"))


@contextmanager
def alertmanager(house: House, folder: Path) -> Iterator[str]:
    """Run one as render has it asked for certificates."""
    web = alertmanager_web(house.loaded.cluster)
    assert web is not None
    (folder / "web.yml").write_text(web)
    (folder / "alertmanager.yml").write_text(
        yaml.safe_dump({"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]})
    )
    port = free_port()
    argv = [
        *alertmanager_command(),
        "--config.file=alertmanager.yml",
        "--web.config.file=web.yml",
        "--cluster.listen-address=",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--storage.path={folder}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, cwd=folder, stdout=log, stderr=log)
    with process:
        try:
            yield f"https://127.0.0.1:{port}"
        finally:
            process.terminate()


async def post_and_read(url: str, tls: ShownTls | None) -> None:
    async with session_with(tls) as session:
        peers = HttpAlertmanagers([url], TOPOLOGY, session, SystemClock())
        await peers.post([OwnAlert(tuple(OURS.items()), ())])
        assert [one.name for one in (await peers.read()).alerts] == ["HealerHolds"]


@pytest.mark.tools
async def test_it_takes_alerts_of_the_healer_and_of_nobody_without_a_certificate(
    house: House, tmp_path: Path
) -> None:
    with alertmanager(house, tmp_path) as url:
        for _ in range(100):
            try:
                await post_and_read(url, house.shown)
                break
            except Unreachable:
                await asyncio.sleep(0.1)
        else:
            pytest.fail((tmp_path / "log").read_text()[-2000:])
        foreign = ShownTls(house.stranger.cert, house.stranger.key, house.ca)
        for one in (foreign, None):
            with pytest.raises(Unreachable, match=url):
                await post_and_read(url, one)


def test_a_certificate_that_cannot_be_used_is_told_by_its_file(
    house: House, tmp_path: Path
) -> None:
    good = house.shown
    nothing = tmp_path / "nothing"
    for bad in (
        ShownTls(nothing, good.key, good.ca),
        ShownTls(good.cert, nothing, good.ca),
        ShownTls(good.cert, good.key, nothing),
    ):
        with pytest.raises(ConfigError, match=str(nothing)):
            bad.context()
    open_to_all = tmp_path / "open.key"
    open_to_all.write_bytes(good.key.read_bytes())
    open_to_all.chmod(0o644)
    with pytest.raises(ConfigError, match=r"open\.key"):
        ShownTls(good.cert, open_to_all, good.ca).context()


async def test_only_an_alertmanager_is_shown_the_certificate(house: House) -> None:
    async with session_with(None) as plain, session_with(house.shown) as shown:
        assert isinstance(plain.connector, aiohttp.TCPConnector)
        assert plain.connector is not shown.connector
