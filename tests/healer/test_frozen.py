"""A healer is frozen, its place is taken, it thaws: its late action has no effect at a gate nobody else spoke to."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from healer.adapters.journal import SqliteStore
from healer.adapters.journal_file import StoreSettings
from healer.clock import SystemClock
from tests.gate.real import ROOT, RealNode
from tests.healer.frozen_healer import LEASE


async def stopped(pid: int) -> None:
    """Return when the kernel has stopped the process."""
    async with asyncio.timeout(30):
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("frozen_before", "ends"),
    [
        pytest.param("hello", "LeaseLost", id="before hello its own lease stops it"),
        pytest.param(
            "request", "refused stale_nonce", id="before the request the gate's nonce stops it"
        ),
        pytest.param(
            "request at once",
            "refused stale_nonce",
            id="before a request with the look's nonce that nonce stops it",
        ),
    ],
)
async def test_a_thawed_healer_has_no_effect(tmp_path, frozen_before, ends):
    node = RealNode(tmp_path)
    node.nginx(ActiveState="failed", SubState="failed", InvocationID="a" * 32)
    journal = tmp_path / "journal.db"
    SqliteStore.init(journal, 1)
    old = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.healer.frozen_healer"),
        *(str(journal), str(tmp_path), frozen_before),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    await stopped(old.pid)
    # The new one takes the lead, and never speaks to this gate.
    new = await SqliteStore.open(StoreSettings(journal, 64 * 1024, LEASE), SystemClock())
    assert (new.token.era, new.token.term) == (1, 2)
    os.kill(old.pid, signal.SIGCONT)
    said, _ = await old.communicate()
    await new.release()
    assert said.decode().splitlines()[-1] == ends
    assert node.read("effects") == []
    assert [call for call in node.read("calls") if "restart" in call] == []
