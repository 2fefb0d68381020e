"""A healer's life as systemd, Prometheus and Alertmanager see it, in a process of its own."""

import asyncio
import signal
from pathlib import Path

import pytest

from healer.adapters.journal import SqliteStore
from healer.adapters.journal_file import StoreSettings
from healer.clock import SystemClock
from healer.core import events as ev
from tests.healer.process import Home, Process, started

LEASE = 3.0


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


async def take(home: Home) -> SqliteStore:
    """Take the lead as another healer would; it asks again in a second at most."""
    settings = StoreSettings(home.journal, 64 * 1024, LEASE)
    return await SqliteStore.open(settings, SystemClock(), lambda _: asyncio.sleep(0.1))


async def test_it_serves_as_a_standby_until_it_leads_and_then_as_the_leader(home: Home) -> None:
    home.init()
    await take(home)  # and never renewed: it runs out
    async with started(home) as healer:
        said = await healer.until_ready(role="standby")
        assert (said["node"], said["leader"], said["reasons"]) == ("mon1", None, ["store"])
        await healer.until_told("READY=1")
        assert (await healer.metric("healer_leader"), await asked(healer)) == (0.0, 503)
        assert await healer.metric('healer_frozen{reason="not_leader"}') == 1.0
        async with healer.session.post("/webhook", data=b"whatever") as answer:
            assert (answer.status, await answer.json()) == (200, {"standby": True, "leader": None})
        said = await healer.until_ready(role="leader", leader="mon1")
        assert "not_leader" not in said["reasons"]
        assert await asked(healer) == 200
        await healer.until_told("STATUS=mon1 leads first with token 1.2")
        healer.signal(signal.SIGTERM)
        code, _ = await healer.end()
    assert code == 0
    assert [one for one in healer.told if not one.startswith("STATUS=")][-1] == "STOPPING=1"


async def asked(healer: Process) -> int:
    return (await healer.get("/api/v1/status"))[0]


async def test_one_that_ends_gives_the_lead_back_so_that_another_need_not_wait(home: Home) -> None:
    home.init()
    async with started(home) as healer:
        await healer.until_ready(role="leader")
        healer.signal(signal.SIGTERM)
        code, _ = await healer.end()
    assert code == 0
    async with asyncio.timeout(LEASE / 2):  # less than a lease that ran on would take
        store = await take(home)
    starts = [one.event for one in await store.read() if isinstance(one.event, ev.HealerStarted)]
    await store.release()
    assert [one.node for one in starts] == ["mon1"]


async def test_a_standby_that_is_told_to_stop_stops_at_once(home: Home) -> None:
    home.init()
    await take(home)
    async with started(home) as healer:
        await healer.until_ready(role="standby")
        healer.signal(signal.SIGTERM)
        async with asyncio.timeout(LEASE):
            code, said = await healer.end()
    assert (code, "Traceback" in said) == (0, False)


async def test_one_without_a_journal_fails_to_start_and_never_says_ready(home: Home) -> None:
    async with started(home) as healer:
        code, said = await healer.end()
    assert code == 2
    assert "hale-healer store init" in said
    assert not any("READY=1" in one for one in healer.told)
