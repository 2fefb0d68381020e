"""The short way of a whole exporter: a bus on one side, an Alertmanager on the other, a Prometheus that scrapes."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession
from dbus_fast import Variant

from exporter.app import load
from exporter.assembly import build
from exporter.clock import Clock
from exporter.settings import Address, Settings
from exporter.units import SystemBus
from exporter.vrrp import KeepalivedOnBus
from tests.exporter.systemd_on_bus import UNIT, dbus_daemon, systemd_on
from tests.exporter.test_app import LOCAL, PATIENCE, serving
from tests.exporter.test_short_way_http import Heard, answering
from tests.healer.adapters.monitoring import free_port

CONFIG = """\
cluster: first
node: web1
group: front
failure_domain: rack-b
services:
  - {{name: nginx, unit: nginx.service, group: web}}
short_way:
  alertmanagers: ["{url}"]
  rules:
    - {{name: ServiceDown, labels: {{severity: critical, heal: restart-service}}}}
"""

FAILED = {"ActiveState": Variant("s", "failed"), "SubState": Variant("s", "failed")}
ACTIVE = {"ActiveState": Variant("s", "active"), "SubState": Variant("s", "running")}
# A year ago by Alertmanager's clock, or whenever: it is the only one that is asked.
DATES = ["Sun, 09 Sep 2001 01:46:40 GMT", "Sun, 09 Sep 2001 01:46:59 GMT"]


async def until(heard: Heard, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while sum(1 for alerts in heard.bodies if alerts) < count:
            await asyncio.sleep(0.01)


async def scraped(session: ClientSession, base: str, *, prometheus: bool, more: str = "") -> str:
    headers = {"X-Prometheus-Scrape-Timeout-Seconds": "10"} if prometheus else {}
    async with session.get(f"{base}/metrics{more}", headers=headers) as answer:
        return await answer.text()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


async def test_from_the_bus_to_alertmanager_and_its_end_after_prometheus_has_seen_it(
    tmp_path: Path, state: Path
) -> None:
    heard = Heard(headers={"Date": DATES[0]})
    config = tmp_path / "exporter.yml"
    with dbus_daemon(tmp_path) as bus:
        async with (
            systemd_on(bus) as systemd,
            ClientSession() as session,
            answering(heard.answer) as url,
        ):
            systemd.load("nginx.service")
            config.write_text(CONFIG.format(url=url))
            settings = Settings(
                listen=(Address(LOCAL, 0),), config_file=config, enabled=frozenset({"services"})
            )
            made = build(
                settings,
                load(settings),
                Clock(),
                SystemBus(bus, deadline=PATIENCE),
                KeepalivedOnBus(bus, deadline=PATIENCE),
                state,
            )
            async with serving(made) as (base, _):
                await systemd.change("nginx.service", UNIT, **FAILED)
                await until(heard, 1)
                (first,) = next(alerts for alerts in heard.bodies if alerts)
                assert first["labels"] == {
                    "alertname": "ServiceDown",
                    "cluster": "first",
                    "node": "web1",
                    "group": "web",
                    "failure_domain": "rack-b",
                    "service": "nginx",
                    "severity": "critical",
                    "heal": "restart-service",
                }
                assert first.keys() == {"labels", "annotations"}
                assert "hale_short_way_alerts 1" in await scraped(session, base, prometheus=False)
                assert "nginx" in (state / "short_way.json").read_text()
                heard.headers = {"Date": DATES[1]}
                await systemd.change("nginx.service", UNIT, **ACTIVE)
                # The bus has told it when it is served; a person's look and a part without services end nothing.
                while 'service_group="web"} 1' not in (
                    await scraped(session, base, prometheus=False)
                ):
                    await asyncio.sleep(0.01)
                await scraped(session, base, prometheus=True, more="?collect[]=stat")
                await asyncio.sleep(1.5)
                assert not [one for alerts in heard.bodies for one in alerts if "endsAt" in one]
                await scraped(session, base, prometheus=True)
                async with asyncio.timeout(PATIENCE):
                    while not any("endsAt" in one for alerts in heard.bodies for one in alerts):
                        await asyncio.sleep(0.01)
                assert heard.bodies[-1] == [first | {"endsAt": "2001-09-09T01:46:59+00:00"}]


@asynccontextmanager
async def process(config: Path, state: Path, bus: str) -> AsyncIterator[Process]:
    """The program itself, as its unit starts it; killed at the end, in the midst of whatever it does."""
    flags = ["--collector.disable-defaults", "--collector.services", "--web.listen-address"]
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter.start", f"--config.file={config}", *flags),
        f"{LOCAL}:{free_port()}",
        env={**os.environ, "STATE_DIRECTORY": str(state), "DBUS_SYSTEM_BUS_ADDRESS": bus},
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield program
    finally:
        program.kill()
        await program.wait()


async def test_one_that_is_killed_goes_on_where_it_was(tmp_path: Path, state: Path) -> None:
    heard = Heard(headers={"Date": DATES[0]})
    config = tmp_path / "exporter.yml"
    with dbus_daemon(tmp_path) as bus:
        async with systemd_on(bus) as systemd, answering(heard.answer) as url:
            systemd.load("nginx.service", "failed", "failed")
            config.write_text(CONFIG.format(url=url))
            async with process(config, state, bus):
                await until(heard, 1)
            assert "nginx" in (state / "short_way.json").read_text()
            # What it posted was written before it was posted; of the last life nothing is ended unseen.
            before = len(heard.bodies)
            async with process(config, state, bus):
                await until(heard, before + 1)
            assert {json.dumps(alerts) for alerts in heard.bodies} == {json.dumps(heard.bodies[0])}
