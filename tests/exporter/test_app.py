"""The exporter as a whole: real sockets, a real bus, the node's own /proc."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import ClientSession
from dbus_fast import Variant

from exporter.app import load, serve
from exporter.assembly import Exporter, build
from exporter.clock import Clock
from exporter.notify import Notifier
from exporter.settings import DEFAULTS, Address, Settings
from exporter.units import SystemBus
from exporter.vrrp import KeepalivedOnBus
from tests.exporter.systemd_on_bus import UNIT, SystemdOnBus, dbus_daemon, systemd_on
from tests.exporter.tools import complaints

LOCAL = "127.0.0.1"
NOBODY = Notifier(None, None)
ON_EVERY_MACHINE = {
    *("addresses", "cpu", "diskstats", "filesystem", "keepalived", "loadavg", "meminfo"),
    *("netdev", "peers", "services", "stat", "uname"),
}
PATIENCE = 20.0  # seconds until a test that waits for something real gives up

CONFIG = """\
cluster: first
node: web1
services:
  - name: nginx
    unit: nginx.service
    group: web
    probe: {{tcp: "127.0.0.1:{port}", interval: 100ms, timeout: 5s, fall: 2}}
peers:
  - {{node: web2, address: "127.0.0.1:{port}"}}
virtual_addresses:
  - {{name: vip, address: 127.0.0.1, interface: lo, group: web, router_id: 51}}
"""


@dataclass
class Running:
    """An exporter that serves, and the levers that the world has on it."""

    base: str
    config: Path
    session: ClientSession
    systemd: SystemdOnBus
    reload: asyncio.Event

    async def metrics(self) -> str:
        async with self.session.get(f"{self.base}/metrics") as answer:
            assert answer.status == 200
            return await answer.text()

    async def until(self, sample: str) -> str:
        """Scrape until a line is there, as Prometheus would."""
        async with asyncio.timeout(PATIENCE):
            # Another process would wait for nothing else either.
            while sample not in (body := await self.metrics()).splitlines():
                await asyncio.sleep(0.02)
        return body


@pytest.fixture
def port() -> Iterator[int]:
    """A service that accepts connections."""
    with socket.socket() as sock:
        sock.bind((LOCAL, 0))
        sock.listen()
        yield sock.getsockname()[1]


def put_together(tmp_path: Path, port: int, bus: str) -> Exporter:
    config = tmp_path / "exporter.yml"
    config.write_text(CONFIG.format(port=port))
    settings = Settings(listen=(Address(LOCAL, 0),), config_file=config)
    systemd, vrrp = SystemBus(bus, deadline=PATIENCE), KeepalivedOnBus(bus, deadline=PATIENCE)
    return build(settings, load(settings), Clock(), systemd, vrrp)


@pytest.fixture
async def exporter(tmp_path: Path, port: int) -> AsyncIterator[Running]:
    with dbus_daemon(tmp_path) as bus:
        async with systemd_on(bus) as systemd, ClientSession() as session:
            systemd.load("nginx.service")
            made = put_together(tmp_path, port, bus)
            async with serving(made) as (base, reload):
                yield Running(base, tmp_path / "exporter.yml", session, systemd, reload)


@asynccontextmanager
async def serving(
    exporter: Exporter, notifier: Notifier = NOBODY
) -> AsyncIterator[tuple[str, asyncio.Event]]:
    stop, reload = asyncio.Event(), asyncio.Event()
    ports: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        serve(exporter, notifier, stop, reload, lambda p: ports.set_result(p[0]))
    )
    async with asyncio.timeout(PATIENCE):
        port = await ports
    yield f"http://{LOCAL}:{port}", reload
    stop.set()
    await task


def reloaded(good: int) -> str:
    return f'hale_exporter_config_last_reload_successful{{file="exporter.yml"}} {good}'


def up(value: int) -> str:
    return f'hale_service_up{{service="nginx",service_group="web"}} {value}'


async def test_the_first_scrape_has_the_node_its_services_and_its_peers(exporter: Running) -> None:
    body = await exporter.until(up(1))
    states = dict(
        re.findall(r'^hale_collector_state\{collector="(\w+)",state="(\w+)"\} 1$', body, re.M)
    )
    assert states.keys() == DEFAULTS
    # What not every machine has may be absent, and apt-get takes its time; nothing fails on any.
    assert "failed" not in states.values()
    assert {name for name, state in states.items() if state == "ok"} >= ON_EVERY_MACHINE
    assert 'hale_peer_up{peer="web2"} 1' in body
    assert 'hale_virtual_address_held{address="127.0.0.1"} 1' in body
    assert "keepalived_up 0" in body
    assert 'mountpoint="/"' in body


async def test_a_failed_unit_is_told_by_the_next_scrape_and_its_return_too(
    exporter: Running,
) -> None:
    await exporter.until(up(1))
    failed = {"ActiveState": Variant("s", "failed"), "SubState": Variant("s", "failed")}
    await exporter.systemd.change("nginx.service", UNIT, **failed)
    await exporter.until(up(0))
    active = {
        "ActiveState": Variant("s", "active"),
        "SubState": Variant("s", "running"),
        "InvocationID": Variant("ay", bytes(range(16))),
    }
    await exporter.systemd.change("nginx.service", UNIT, **active)
    await exporter.until(up(1))


async def test_a_reload_takes_over_a_good_file_and_keeps_the_old_one_before_a_bad_one(
    exporter: Running,
) -> None:
    await exporter.until(up(1))
    good = exporter.config.read_text()
    changed = good.replace("group: web", "group: front").replace(
        "address: 127.0.0.1,", "address: 192.0.2.1,"
    )
    exporter.config.write_text(changed)
    exporter.reload.set()
    front = up(1).replace('"web"', '"front"')
    await exporter.until(front)
    await exporter.until('hale_virtual_address_held{address="192.0.2.1"} 0')
    exporter.config.write_text("services: what\n")
    exporter.reload.set()
    await exporter.until(reloaded(0))
    assert front in await exporter.metrics()
    exporter.config.write_text(good)
    exporter.reload.set()
    await exporter.until(up(1))
    await exporter.until(reloaded(1))


async def test_systemd_hears_of_the_start_of_each_reload_and_of_the_end(
    tmp_path: Path,
) -> None:
    settings = Settings(listen=(Address(LOCAL, 0),), enabled=frozenset({"stat"}))
    nowhere = "unix:path=/nowhere"
    made = build(settings, load(settings), Clock(), SystemBus(nowhere), KeepalivedOnBus(nowhere))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)

        async def heard() -> bytes:
            async with asyncio.timeout(PATIENCE):
                return await asyncio.get_running_loop().sock_recv(systemd, 100)

        async with serving(made, Notifier(str(tmp_path / "notify"), None)) as (_, reload):
            assert await heard() == b"READY=1"
            for _ in range(2):
                reload.set()
                assert re.fullmatch(rb"RELOADING=1\nMONOTONIC_USEC=[1-9]\d*", await heard())
                assert await heard() == b"READY=1"
        assert await heard() == b"STOPPING=1"


@pytest.mark.tools
async def test_promtool_has_nothing_to_say_but_of_node_exporters_own_names(
    exporter: Running,
) -> None:
    body = await exporter.until(up(1))
    said = await asyncio.to_thread(complaints, body.encode())
    theirs = ("node_memory_", "node_entropy_", "node_netstat_")
    assert {text for text in said if not text.startswith(theirs)} == set()


async def test_an_address_that_is_taken_is_an_error(tmp_path: Path, port: int) -> None:
    settings = Settings(listen=(Address(LOCAL, port),), enabled=frozenset({"stat"}))
    nowhere = "unix:path=/nowhere"
    made = SystemBus(nowhere), KeepalivedOnBus(nowhere)
    exporter = build(settings, load(settings), Clock(), *made)
    with pytest.raises(ExceptionGroup) as caught:
        await serve(exporter, NOBODY, asyncio.Event(), asyncio.Event())
    assert caught.group_contains(OSError, match="address already in use")
