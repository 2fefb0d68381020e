"""A monitoring plane of real programs on loopback: Prometheus, two Alertmanagers that are peers, the healer's process.

The test stands where Prometheus posts alerts, and where a network lies between Alertmanager and the healer.
Gates are not there, and no ladder may act: what is shown is what the healer knows.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from cluster.load import interpret
from cluster.render.alertmanager import alertmanager_yml
from tests.healer.adapters.monitoring import (
    BY,
    ROOT,
    alertmanager_command,
    exposing,
    free_port,
    program,
    running,
)

NODES = tuple(f"web{number}" for number in range(1, 9))
LEASE = "3s"
RESEND = 1.0
"""Seconds after which what fires is posted again, as Prometheus does."""

RULES = {
    "groups": [
        {
            "name": "test",
            "interval": "200ms",
            "rules": [
                {
                    "alert": "ServiceDown",
                    "expr": f"max (hale_service_up == 0) by {BY}",
                    "labels": {"severity": "critical", "heal": "restart-service"},
                }
            ],
        }
    ]
}


def cluster_yml(folder: Path, prometheus: str, alertmanagers: tuple[str, ...]) -> str:
    """Describe a cluster of eight nodes whose healer only explains."""
    described: dict[str, Any] = {
        "cluster": "first",
        "nodes": {
            "mon1": {"address": "127.0.0.1", "failure_domain": "rack-a"},
            **{
                name: {"address": f"127.0.1.{number}", "failure_domain": f"rack-{number}"}
                for number, name in enumerate(NODES, 1)
            },
        },
        "groups": {
            "control": {"nodes": ["mon1"], "role": "control"},
            "web": {"nodes": list(NODES), "min_available": 4},
        },
        "services": {"nginx": {"unit": "nginx.service", "group": "web"}},
        "ladders": {
            "restart-service": {
                "rungs": [
                    {"action": "service.restart", "verify": {"within": "5s", "soak": "1s"}},
                    {"action": "person.call"},
                ]
            }
        },
        "healer": {
            "node": "mon1",
            "store": {"sqlite": str(folder / "journal.db"), "reserve": "64KiB", "lease": LEASE},
            "key": str(folder / "no_key"),
            "known_hosts": str(folder / "no_hosts"),
            "webhook": {"bearer_file": str(folder / "token")},
        },
        "monitoring": {
            "nodes": ["mon1"],
            "prometheus": prometheus,
            "alertmanagers": list(alertmanagers),
            "group_wait": "0s",
            "group_interval": "1s",
            "scrape_interval": "200ms",
            "evaluation_interval": "200ms",
        },
    }
    return yaml.safe_dump(described)


class Exporters:
    """What all nodes' exporters say; `down` are the nodes whose nginx does not serve."""

    def __init__(self) -> None:
        self.down: set[str] = set()
        self.port = 0

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve it."""
        with exposing(self._told) as self.port:
            yield

    def _told(self, path: str) -> str:
        up = int(path.rpartition("/")[2] not in self.down)
        return f'hale_service_up{{service="nginx",service_group="web"}} {up}\n'


class Road(Enum):
    """What lies between Alertmanager and the healer's webhook."""

    OPEN = "open"
    REFUSES = "503"
    SLOW = "slow"
    CUTS = "cuts"
    DOUBLES = "doubles"


@dataclass
class Network:
    """Passes on what Alertmanager posts, or what the road does to it; keeps what went by, to be sent again."""

    healer: str
    road: Road = Road.OPEN
    passed: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)

    async def handler(self, request: web.Request) -> web.Response:
        """Answer one of Alertmanager's posts."""
        body = await request.read()
        headers = {
            name: request.headers[name]
            for name in ("Authorization", "Content-Type")
            if name in request.headers
        }
        self.passed.append((body, headers))
        match self.road:
            case Road.REFUSES:
                return web.Response(status=503)
            case Road.SLOW:
                await asyncio.sleep(3)
            case Road.CUTS:
                # The healer has it; Alertmanager never hears of that, and comes again.
                await self.post(body, headers)
                if request.transport is not None:  # or Alertmanager hung up before
                    request.transport.abort()
            case Road.DOUBLES:
                await asyncio.gather(*(self.post(body, headers) for _ in range(3)))
        return web.Response(status=await self.post(body, headers))

    async def post(self, body: bytes, headers: dict[str, str]) -> int:
        """Post to the healer; 502 where it does not answer."""
        try:
            async with (
                asyncio.timeout(5),
                aiohttp.ClientSession() as session,
                session.post(f"{self.healer}/webhook", data=body, headers=headers) as answer,
            ):
                self.codes.append(answer.status)
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 502

    async def replay(self) -> None:
        """Send again what went by lately, in any order, as a peer does that lags behind (alertmanager #2447, #4008)."""
        await asyncio.gather(*(self.post(*one) for one in self.passed[-40:]))


@dataclass
class Process:
    """The healer's own process under a supervisor that starts it again, as systemd does."""

    argv: tuple[str, ...]
    log: Path
    starts: int = 0
    _process: asyncio.subprocess.Process | None = None

    async def keep(self) -> None:
        """Run it again and again until cancelled."""
        try:
            while True:
                with self.log.open("ab") as log:
                    self._process = await asyncio.create_subprocess_exec(
                        *self.argv,
                        stdout=log,
                        stderr=log,
                        env=os.environ | {"PYTHONPATH": str(ROOT)},
                    )
                self.starts += 1
                await self._process.wait()
                await asyncio.sleep(0.2)
        finally:
            if self._process is not None and self._process.returncode is None:
                self.signal(signal.SIGCONT)
                self._process.kill()
                await self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self._process is not None and self._process.returncode is None:
            os.kill(self._process.pid, number)


@dataclass
class Plane:
    """All of it, in a test's hands.

    Attributes:
        firing: What Prometheus would say that fires: labels, and since when; by fingerprint of our own.
        deaf: Peers (0, 1) that what is posted does not reach at the moment.
        only: The one peer that an alert reaches at all, where another network lies before each.
    """

    exporters: Exporters
    network: Network
    process: Process
    peers: tuple[str, ...]
    session: aiohttp.ClientSession
    firing: dict[tuple[tuple[str, str], ...], datetime] = field(default_factory=dict)
    deaf: set[int] = field(default_factory=set)
    only: dict[tuple[tuple[str, str], ...], int] = field(default_factory=dict)

    async def post(self, ended: tuple[tuple[tuple[str, str], ...], datetime] | None = None) -> None:
        """Post what fires, and one that has ended, to both peers; as Prometheus does."""
        now = datetime.now(UTC)
        alerts = [
            (labels, since, now + timedelta(seconds=8)) for labels, since in self.firing.items()
        ]
        if ended is not None:
            alerts.append((*ended, now))
        for number, peer in enumerate(self.peers):
            if number not in self.deaf:
                given = [one for one in alerts if self.only.get(one[0], number) == number]
                await self._give(peer, given)

    async def _give(
        self, peer: str, alerts: list[tuple[tuple[tuple[str, str], ...], datetime, datetime]]
    ) -> None:
        body = json.dumps(
            [
                {
                    "labels": dict(labels),
                    "annotations": {"summary": "s"},
                    "startsAt": since.isoformat(),
                    "endsAt": until.isoformat(),
                    "generatorURL": "http://127.0.0.1/graph",
                }
                for labels, since, until in alerts
            ]
            + [{"labels": {"alertname": "Watchdog", "cluster": "first", "heal": "none"}}]
        )
        headers, url = {"Content-Type": "application/json"}, f"{peer}/api/v2/alerts"
        async with self.session.post(url, data=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()

    async def keep_posting(self) -> None:
        """Post again and again until cancelled."""
        while True:
            await self.post()
            await asyncio.sleep(RESEND)

    async def begin(self, labels: tuple[tuple[str, str], ...]) -> None:
        """Let an alert fire."""
        self.firing[labels] = datetime.now(UTC)
        await self.post()

    async def end(self, labels: tuple[tuple[str, str], ...]) -> None:
        """Let it resolve."""
        since = self.firing.pop(labels)
        await self.post((labels, since))

    async def union(self) -> dict[str, dict[str, str]]:
        """Return the labels of what any peer says fires, by fingerprint; without Watchdog and the healer's own."""
        found: dict[str, dict[str, str]] = {}
        for peer in self.peers:
            async with self.session.get(f"{peer}/api/v2/alerts") as answer:
                found |= {one["fingerprint"]: one["labels"] for one in await answer.json()}
        return {key: one for key, one in found.items() if one["alertname"] == "ServiceDown"}

    async def known(self) -> tuple[set[str], set[str]] | None:
        """Return the fingerprints of open incidents' alerts and of refused ones; None while nobody answers."""
        try:
            opened = await self.ask("/api/v1/incidents?state=open")
            status = await self.ask("/api/v1/status")
        except (aiohttp.ClientError, TimeoutError):
            return None
        if opened is None or status is None:
            return None
        incidents = {one["cause"]["fingerprint"] for one in opened["incidents"]}
        return incidents, {one["alert"]["fingerprint"] for one in status["refused"]}

    async def ask(self, path: str) -> Any:
        """Ask the healer; None for anything but 200."""
        async with asyncio.timeout(3), self.session.get(f"{self.network.healer}{path}") as answer:
            return await answer.json() if answer.status == 200 else None

    async def armed(self) -> None:
        """Return when the healer leads and is armed."""
        async with asyncio.timeout(60):
            while True:
                try:
                    status = await self.ask("/api/v1/status")
                    if status and status["armed_at"] is not None:
                        return
                except (aiohttp.ClientError, TimeoutError):
                    pass
                await asyncio.sleep(0.1)


@asynccontextmanager
async def plane(folder: Path) -> AsyncIterator[Plane]:
    """Run all of it."""
    exporters, road_port, healer_port = Exporters(), free_port(), free_port()
    prometheus = free_port()
    ports, gossip = (free_port(), free_port()), (free_port(), free_port())
    peers = tuple(f"http://127.0.0.1:{port}" for port in ports)
    text = cluster_yml(folder, f"http://127.0.0.1:{prometheus}", peers)
    (folder / "cluster.yml").write_text(text)
    (folder / "token").write_text("a-token-that-nobody-guesses\n")
    (folder / "token").chmod(0o600)
    config = alertmanager_yml(interpret(text, "cluster.yml").cluster)
    config = config.replace("http://127.0.0.1:9595/", f"http://127.0.0.1:{road_port}/")
    network = Network(f"http://127.0.0.1:{healer_port}")
    app = web.Application(client_max_size=2**24)
    app.add_routes([web.post("/webhook", network.handler)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    with ExitStack() as stack:
        stack.enter_context(exporters.serving())
        stack.enter_context(_prometheus(folder, prometheus, exporters.port))
        for number in (0, 1):
            stack.enter_context(_alertmanager(folder, number, config, ports, gossip))
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", road_port).start()
            async with aiohttp.ClientSession() as session, _healer(folder, healer_port) as process:
                yield Plane(exporters, network, process, peers, session)
        finally:
            await runner.cleanup()


@asynccontextmanager
async def _healer(folder: Path, port: int) -> AsyncIterator[Process]:
    program = (sys.executable, "-m", "healer.cli")
    config = ("--config", str(folder / "cluster.yml"))
    made = await asyncio.create_subprocess_exec(
        *(*program, "store", "init", *config, "--era", "1"),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert await made.wait() == 0
    control = ("--control", str(folder / "ctl.sock"))
    argv = (*program, "run", *config, "--listen", f"127.0.0.1:{port}", *control)
    process = Process(argv, folder / "healer.log")
    kept = asyncio.create_task(process.keep(), name="supervisor")
    try:
        yield process
    finally:
        kept.cancel()
        await asyncio.gather(kept, return_exceptions=True)


@contextmanager
def _prometheus(folder: Path, port: int, exporters: int) -> Iterator[None]:
    targets = [
        {
            "targets": [f"127.0.0.1:{exporters}"],
            "labels": {
                "__metrics_path__": f"/{name}",
                "cluster": "first",
                "group": "web",
                "node": name,
                "failure_domain": f"rack-{number}",
                "instance": name,
            },
        }
        for number, name in enumerate(NODES, 1)
    ]
    often = {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "200ms"}
    config = {
        "global": often | {"external_labels": {"cluster": "first"}},
        "rule_files": ["rules.yml"],
        "scrape_configs": [{"job_name": "node", "static_configs": targets}],
    }
    own = folder / "prometheus"
    own.mkdir()
    (own / "prometheus.yml").write_text(yaml.safe_dump(config))
    (own / "rules.yml").write_text(yaml.safe_dump(RULES))
    with running(
        program("prometheus"),
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        f"--web.listen-address=127.0.0.1:{port}",
        directory=own,
        ready=f"http://127.0.0.1:{port}/-/ready",
    ):
        yield


@contextmanager
def _alertmanager(
    folder: Path, number: int, config: str, ports: tuple[int, int], gossip: tuple[int, int]
) -> Iterator[None]:
    own = folder / f"alertmanager{number}"
    own.mkdir()
    (own / "alertmanager.yml").write_text(config)
    with running(
        *alertmanager_command(),
        "--config.file=alertmanager.yml",
        "--storage.path=data",
        f"--web.listen-address=127.0.0.1:{ports[number]}",
        f"--cluster.listen-address=127.0.0.1:{gossip[number]}",
        f"--cluster.advertise-address=127.0.0.1:{gossip[number]}",
        f"--cluster.peer=127.0.0.1:{gossip[1 - number]}",
        "--cluster.peer-timeout=1s",
        "--cluster.settle-timeout=1s",
        directory=own,
        ready=f"http://127.0.0.1:{ports[number]}/-/ready",
    ):
        yield
