"""A healer that stops itself like one that lost its processor, then goes on as if nothing had happened.

    python -m tests.healer.frozen_healer JOURNAL NODE_FOLDER WHEN

It leads, looks at the node's gate and acts once on it; SIGSTOP hits it in the instant before it sends the line that
WHEN names (hello, request, or request at once: without a second hello), after every check of its own. What it ends with
is printed.
"""

import asyncio
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from healer.adapters.gates import SshGates, Timing
from healer.adapters.journal import SqliteStore
from healer.adapters.journal_file import StoreSettings
from healer.clock import SystemClock
from healer.core.order import Order
from healer.errors import HaleError
from tests.gate.real import RealNode
from tests.healer.lives import PipeChannel, PipeConnector

LEASE = 5.0


@dataclass
class FreezingChannel:
    """Stops this process right before the n-th line that it sends."""

    inner: PipeChannel
    freeze_at: int
    sent: int = 0

    async def send(self, line: bytes) -> None:
        self.sent += 1
        if self.sent == self.freeze_at:
            os.kill(os.getpid(), signal.SIGSTOP)
        await self.inner.send(line)

    async def receive(self) -> bytes:
        return await self.inner.receive()

    async def close(self) -> None:
        await self.inner.close()


@dataclass
class FreezingConnector:
    """Opens sessions that freeze."""

    inner: PipeConnector
    freeze_at: int

    async def open(self, node: str) -> FreezingChannel:
        return FreezingChannel(await self.inner.open(node), self.freeze_at)


async def act(journal: Path, folder: Path, before: str) -> str:
    """Lead, look, be frozen, and act; return how that ended."""
    store = await SqliteStore.open(StoreSettings(journal, 64 * 1024, LEASE), SystemClock())
    connector = PipeConnector(RealNode.at(folder))
    # The first hello looks. Then comes act: its own hello where the look was a while ago, and its request.
    line, pause = {"hello": (2, 1.1), "request": (3, 1.1), "request at once": (2, 0.0)}[before]
    freezing = FreezingConnector(connector, line)
    token = store.token
    gates = SshGates(
        freezing,
        cluster="first",
        token=token,
        lease_seconds=store.lease_seconds,
        timing=Timing(hello=60.0),  # what stops it is not that it was slow
    )
    look = await gates.look("web1", ["nginx.service"])
    unit = look.units["nginx.service"]
    assert unit is not None
    expect = (
        f'{{"boot_id":"{look.boot_id}","units":{{"nginx.service":{{"active_state":"{unit.active_state}",'
        f'"invocation_id":"{unit.invocation_id}"}}}}}}'
    )
    await asyncio.sleep(pause)
    order = Order(
        f"{token.era}.{token.term}.1",
        "web1",
        "service.restart",
        (("unit", "nginx.service"),),
        expect,
        30.0,
    )
    try:
        ended = await gates.act(order)
    except HaleError as error:
        return type(error).__name__
    finally:
        await gates.close()
        await connector.end()
    return f"{ended.outcome.value} {ended.reason}"


if __name__ == "__main__":
    print(asyncio.run(act(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])), flush=True)
