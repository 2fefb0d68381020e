"""hale-healer as systemd runs it: a process with a notify socket, over a real journal, with dead neighbours."""

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from healer.adapters.journal import SqliteStore

ROOT = Path(__file__).parents[2]
FIRST = ROOT / "scenarios/first/cluster.yml"

PATIENCE = 90.0
"""Seconds in which something has to become true, on a machine with other work to do."""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass
class Home:
    """A folder with a cluster.yml, whose neighbours are ports of this machine where nobody listens."""

    folder: Path

    def __post_init__(self) -> None:
        text = re.sub(r"10\.77\.0\.\d+", "127.0.0.1", FIRST.read_text())
        for name, last in (("mon1", 1), ("web1", 2), ("web2", 3)):
            text = text.replace(
                f"{name}: {{address: 127.0.0.1,", f"{name}: {{address: 127.0.0.{last},"
            )
        text = text.replace("/var/lib/hale-healer/journal.db", str(self.journal))
        text = text.replace("lease: 10s", "lease: 3s").replace(":9090", f":{free_port()}")
        text = text.replace(":9093", f":{free_port()}").replace(":9599", f":{free_port()}")
        self.config.write_text(
            text.replace("  mode: act  # pro", "  ssh_port: 1\n  mode: act  # pro")
        )

    @property
    def config(self) -> Path:
        return self.folder / "cluster.yml"

    @property
    def journal(self) -> Path:
        return self.folder / "journal.db"

    @property
    def control(self) -> Path:
        return self.folder / "ctl.sock"

    def change(self, old: str, new: str) -> None:
        """Change something in cluster.yml."""
        text = self.config.read_text()
        assert old in text, old
        self.config.write_text(text.replace(old, new))

    def init(self) -> None:
        SqliteStore.init(self.journal, 1)


@dataclass
class Process:
    """One running healer."""

    home: Home
    running: asyncio.subprocess.Process
    session: aiohttp.ClientSession
    socket: aiohttp.ClientSession
    told: list[str] = field(default_factory=list)

    async def get(self, path: str) -> tuple[int, Any]:
        """Ask the public port for JSON."""
        async with self.session.get(path) as answer:
            return answer.status, await answer.json()

    async def ready(self) -> dict[str, Any]:
        """Return what /-/ready says; nothing where nobody answers yet."""
        try:
            return dict((await self.get("/-/ready"))[1])
        except aiohttp.ClientConnectionError:
            return {}

    async def until_ready(self, **wanted: object) -> dict[str, Any]:
        """Wait until /-/ready says so."""
        said: dict[str, Any] = {}
        async with asyncio.timeout(PATIENCE):
            while wanted.items() - said.items():
                await asyncio.sleep(0.02)
                said = {key: one for key, one in (await self.ready()).items() if key in wanted}
        return await self.ready()

    async def until_told(self, message: str) -> None:
        """Wait until systemd was told so."""
        async with asyncio.timeout(PATIENCE):
            while not any(message in one for one in self.told):
                await asyncio.sleep(0.02)

    async def metric(self, name: str) -> float:
        """Return the value of a series, its labels among the name."""
        async with self.session.get("/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return next(float(one.rpartition(" ")[2]) for one in lines if one.startswith(f"{name} "))

    def signal(self, number: signal.Signals) -> None:
        self.running.send_signal(number)

    async def end(self) -> tuple[int, str]:
        """Return the exit status and what was logged."""
        _, err = await asyncio.wait_for(self.running.communicate(), PATIENCE)
        return self.running.returncode or 0, err.decode()


@asynccontextmanager
async def started(
    home: Home, environment: Mapping[str, str] | None = None, module: str = "healer.cli"
) -> AsyncIterator[Process]:
    """Run a healer until the context ends; then it is killed where it still runs.

    Args:
        environment: Beside our own.
        module: What runs it, told the same as hale-healer.
    """
    port, told = free_port(), list[str]()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    listener.bind(str(home.folder / "notify"))
    asyncio.get_running_loop().add_reader(
        listener, lambda: told.append(listener.recv(4096).decode())
    )
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, "run", "--config", str(home.config)),
        *("--listen", f"127.0.0.1:{port}", "--control", str(home.control)),
        cwd=ROOT,
        env={**os.environ, "NOTIFY_SOCKET": str(home.folder / "notify"), **(environment or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    connector = aiohttp.UnixConnector(str(home.control))
    try:
        async with (
            aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
            aiohttp.ClientSession("http://healer", connector=connector) as control,
        ):
            yield Process(home, running, session, control, told)
    finally:
        if running.returncode is None:
            running.kill()
            await running.communicate()
        asyncio.get_running_loop().remove_reader(listener)
        listener.close()
        (home.folder / "notify").unlink()
