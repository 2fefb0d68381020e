"""The gate's own program as a subprocess: over pipes, and behind a real ssh server on loopback."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from healer.adapters.gate_lines import LINE_LIMIT
from healer.errors import Unreachable

REPOSITORY = Path(__file__).parents[3]


def serve_command(directory: Path, node: str = "web1") -> list[str]:
    """Prepare a node's files in a directory; return the argv of its gate."""
    config = directory / "gate.json"
    if not config.exists():
        units = {"nginx.service": {"service": "nginx", "restart": True}}
        config.write_text(
            json.dumps(
                {
                    "v": 1,
                    "cluster": "first",
                    "node": node,
                    "units": units,
                    "addresses": {},
                    "spacing_seconds": {"service.restart": 0.001},
                }
            )
        )
    for name in ("state", "run"):
        (directory / name).mkdir(mode=0o700, exist_ok=True)
    return [
        *(sys.executable, "-m", "gate.cli", "serve", "--config", str(config)),
        *("--state", str(directory / "state"), "--run", str(directory / "run")),
    ]


@dataclass
class PipeConnector:
    """gates.Connector: each session is a gate process of its own, as Accept=yes makes it."""

    directory: Path

    async def open(self, node: str) -> "PipeChannel":
        process = await asyncio.create_subprocess_exec(
            *serve_command(self.directory),
            cwd=REPOSITORY,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=LINE_LIMIT,
        )
        return PipeChannel(process)


@dataclass
class PipeChannel:
    process: asyncio.subprocess.Process

    async def send(self, line: bytes) -> None:
        try:
            self.process.stdin.write(line)
            await self.process.stdin.drain()
        except OSError as error:
            raise Unreachable(f"the gate's process is gone: {error}") from error

    async def receive(self) -> bytes:
        line = await self.process.stdout.readline()
        if not line.endswith(b"\n"):
            raise Unreachable("the gate's process ended")
        return line[:-1]

    async def close(self) -> None:
        self.process.stdin.close()
        await self.process.communicate()


async def _carry(source: asyncssh.SSHReader[bytes], sink: asyncio.StreamWriter) -> None:
    try:
        while block := await source.read(4096):
            sink.write(block)
    except (asyncssh.Error, OSError):
        pass  # the healer hung up
    sink.close()


@contextlib.asynccontextmanager
async def ssh_server(directory: Path, command: list[str]) -> AsyncIterator[int]:
    """Serve one forced command to whoever has `healer_key`; yield the port.

    Writes `healer_key` and `known_hosts` into the directory.
    """
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    client_key = asyncssh.generate_private_key("ssh-ed25519")
    client_key.write_private_key(directory / "healer_key")
    (directory / "healer_key").chmod(0o600)
    client_key.write_public_key(directory / "gate_keys")

    children: list[asyncio.subprocess.Process] = []
    tasks: set[asyncio.Task[None]] = set()

    async def bridge(process: "asyncssh.SSHServerProcess[bytes]") -> None:
        tasks.add(asyncio.current_task())
        child = await asyncio.create_subprocess_exec(
            *command,
            cwd=REPOSITORY,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        children.append(child)
        tasks.add(asyncio.create_task(_carry(process.stdin, child.stdin)))
        try:
            while block := await child.stdout.read(4096):
                process.stdout.write(block)
                await process.stdout.drain()
            process.exit(await child.wait())
        except (asyncssh.Error, OSError):
            pass  # the healer hung up

    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[host_key],
        authorized_client_keys=str(directory / "gate_keys"),
        process_factory=bridge,
        encoding=None,
    )
    port = server.sockets[0].getsockname()[1]
    public = host_key.export_public_key().decode().strip()
    (directory / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}\n")
    try:
        yield port
    finally:
        server.close()
        await server.wait_closed()
        for child in children:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)  # it may have children of its own
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for child in children:
            await child.communicate()
