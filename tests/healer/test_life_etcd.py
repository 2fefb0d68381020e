"""A healer's life on a real etcd that goes away: whoever cannot lead any more ends, and says why."""

import asyncio
from pathlib import Path

import pytest

from healer.adapters import etcd_init
from tests.healer.adapters.etcd_real import etcd
from tests.healer.process import Home, started

pytestmark = pytest.mark.tools

ENDS_WITHIN = 20.0
"""Seconds: the lease of 3 s, what is tried until then, and a machine that has other work to do."""


async def test_a_leader_whose_etcd_is_gone_ends_so_that_systemd_starts_it_as_a_standby(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path)
    folder = tmp_path / "etcd"
    folder.mkdir()
    with etcd(folder) as real:
        endpoints = ", ".join(f'"{one}"' for one in real.endpoints)
        home.change(
            f"{{sqlite: {home.journal}, reserve: 4MiB, lease: 3s}}",
            f"{{lease: 3s, etcd: {{endpoints: [{endpoints}]}}, history: {tmp_path / 'h.db'}}}",
        )
        await etcd_init.make(real.settings(cluster="first"), 1, 0)
        async with started(home) as healer:
            await healer.until_ready(role="leader", leader="mon1")
            for member in real.members:
                member.kill()
            async with asyncio.timeout(ENDS_WITHIN):
                code, said = await healer.end()
    assert code == 1
    assert "the lease ran out and could not be renewed" in said
