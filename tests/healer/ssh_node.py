"""A node's gate behind a real ssh server on loopback, which says of one action whatever the test wants.

It knows hello and settle alone: what it is asked for is an action that an earlier life of the healer began.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

from tests.healer.adapters.scripted_gate import last, welcome

ADDRESS = "127.0.0.2"
"""Of web1 in tests.healer.process.Home."""

LEDGER = "ledger-1"


@dataclass
class SshNode:
    """One gate of web1.

    Attributes:
        port: Of its sshd.
        over: Whether the action has ended.
        end: How it has, then.
        settles: The ids of actions that it was asked about, in turn.
        others: Every other verb that it was sent; a test wants none.
    """

    port: int = 0
    over: bool = False
    end: str = "done"
    settles: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    async def asked(self, more: int = 1, seconds: float = 60.0) -> None:
        """Return when it was asked about the action so many times more."""
        wanted = len(self.settles) + more
        async with asyncio.timeout(seconds):
            while len(self.settles) < wanted:
                await asyncio.sleep(0.02)

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """Answer one line."""
        if "hello" in message:
            seen = dict.fromkeys(message.get("look", ()))
            return welcome(ledger_id=LEDGER, highest_token=[1, 1], holds=[], seen=seen)
        if message["verb"] != "action.settle":
            self.others.append(message["verb"])
            return last(message, "refused", "unknown_verb")
        self.settles.append(message["args"]["id"])
        settled = {"reason": "restarted", "detail": f"port {self.port}", "boot_id": "b1"}
        state = self.end if self.over else "running"
        return last(message, "done", "settled", settled={"state": state, **settled})

    async def session(self, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        """Serve one session to its end."""
        try:
            while line := await process.stdin.readline():
                process.stdout.write(json.dumps(self.answer(json.loads(line))).encode() + b"\n")
                await process.stdout.drain()
        except (asyncssh.Error, OSError):
            pass  # the healer hung up


@asynccontextmanager
async def ssh_nodes(folder: Path, count: int) -> AsyncIterator[list[SshNode]]:
    """Run some gates of one node, each on a port of its own; writes `healer_key` and `known_hosts`."""
    host, client = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    client.write_private_key(folder / "healer_key")
    (folder / "healer_key").chmod(0o600)
    client.write_public_key(folder / "gate_keys")
    public = host.export_public_key().decode().strip()
    nodes, servers = [SshNode() for _ in range(count)], list[asyncssh.SSHAcceptor]()
    try:
        for node in nodes:
            server = await asyncssh.listen(
                ADDRESS,
                0,
                server_host_keys=[host],
                authorized_client_keys=str(folder / "gate_keys"),
                process_factory=node.session,
                encoding=None,
            )
            servers.append(server)
            node.port = server.sockets[0].getsockname()[1]
        pins = [f"[{ADDRESS}]:{node.port} {public}\n" for node in nodes]
        (folder / "known_hosts").write_text("".join(pins))
        yield nodes
    finally:
        for server in servers:
            server.close()
            await server.wait_closed()
