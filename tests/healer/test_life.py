"""A healer's life as systemd, Prometheus and Alertmanager see it, in a process of its own."""

import asyncio
import os
import re
import signal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from healer.adapters.journal import SqliteStore
from healer.adapters.journal_file import StoreSettings
from healer.clock import SystemClock
from healer.core import events as ev
from healer.web.control import login
from healer.web.door import TRIES
from tests.healer.process import PATIENCE, Home, Process, started
from tests.healer.web.people import users_file

LEASE = 3.0

LAST = "healer_config_last_reload"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


async def take(home: Home, lease: float = LEASE) -> SqliteStore:
    """Take the lead as another healer would; it asks again in a second at most."""
    settings = StoreSettings(home.journal, 64 * 1024, lease)
    return await SqliteStore.open(settings, SystemClock(), lambda _: asyncio.sleep(0.1))


async def keep(lead: SqliteStore) -> None:
    """Renew it until cancelled."""
    while True:
        await lead.renew()
        await asyncio.sleep(1)


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


# --- Reload ---------------------------------------------------------------------------------


async def reload(healer: Process, reader: str = "socket") -> tuple[int, dict[str, Any]]:
    session = healer.socket if reader == "socket" else healer.session
    async with session.post("/-/reload", json={}) as answer:
        return answer.status, await answer.json()


async def digest(healer: Process) -> str:
    return str((await healer.get("/api/v1/status"))[1]["digest"])


async def test_a_reload_goes_on_under_the_new_configuration_and_says_so(home: Home) -> None:
    home.init()
    async with started(home) as healer:
        await healer.until_ready(role="leader")
        old, began = await digest(healer), await healer.metric(f"{LAST}_success_timestamp_seconds")
        home.change("healer:\n  node: mon1", "healer:\n  resync: 3s\n  node: mon1")
        code, said = await reload(healer)
        us = login(os.getuid())
        assert (code, said["digest"] != old, said["by"]) == (200, True, us)
        assert await digest(healer) == said["digest"]
        assert await healer.metric(f"{LAST}_successful") == 1.0
        assert await healer.metric(f"{LAST}_success_timestamp_seconds") > began
        home.change("resync: 3s", "resync: 4s")
        healer.signal(signal.SIGHUP)
        async with asyncio.timeout(PATIENCE):
            while await digest(healer) == said["digest"]:
                await asyncio.sleep(0.05)
        healer.signal(signal.SIGTERM)
        assert (await healer.end())[0] == 0
    store = await take(home)
    told = [one.event for one in await store.read() if isinstance(one.event, ev.ConfigReloaded)]
    await store.release()
    assert [(one.by, one.digest != old) for one in told] == [(us, True), ("SIGHUP", True)]


async def test_a_reload_of_what_is_wrong_tells_every_mistake_and_changes_nothing(
    home: Home,
) -> None:
    home.init()
    async with started(home) as healer:
        await healer.until_ready(role="leader")
        old = await digest(healer)
        home.change("  node: mon1\n", "  node: mon1\n  modus: act\n  resnyc: 2s\n")
        code, said = await reload(healer)
        assert (code, said["reason"]) == (409, "configuration")
        assert {"modus", "resnyc"} <= set(re.findall(r"\w+", said["detail"]))
        assert (await digest(healer), await healer.metric(f"{LAST}_successful")) == (old, 0.0)
        home.change("  modus: act\n  resnyc: 2s\n", "")
        assert (await reload(healer))[0] == 200
        assert await healer.metric(f"{LAST}_successful") == 1.0


async def test_what_cannot_change_while_it_runs_is_refused_by_its_name(home: Home) -> None:
    home.init()
    async with started(home) as healer:
        await healer.until_ready(role="leader")
        home.change("lease: 3s", "lease: 4s")
        code, said = await reload(healer)
    assert (code, said["reason"]) == (409, "cannot_change")
    assert said["detail"].startswith("healer.store cannot change while it runs")


async def test_one_that_believes_more_than_a_proxy_says_so_when_it_begins_to_lead(
    home: Home,
) -> None:
    home.init()
    proxy = (
        "proxy: {trusted: [127.0.0.9, 10.0.0.0/8, 8.0.0.0/8], user_header: X-U, role_header: X-R}"
    )
    home.change("  mode: act  # pro", f"  {proxy}\n  mode: act  # pro")
    async with started(home) as healer:
        await healer.until_ready(role="leader")
        healer.signal(signal.SIGTERM)
        _, log = await healer.end()
    said = [line for line in log.splitlines() if "proxy.trusts_many" in line]
    assert len(said) == 2
    assert all(word in said[0] for word in ("healer.proxy.trusted", "10.0.0.0/8", "many"))
    assert all(word in said[1] for word in ("8.0.0.0/8", "public", "the proxy's own address"))


async def test_a_change_of_modes_disarms_as_at_a_restart(home: Home) -> None:
    home.init()
    async with started(home) as healer:
        await healer.until_ready(role="leader")
        home.change("  mode: act  # pro", "  mode: explain  # pro")
        code, said = await reload(healer)
    assert (code, "what fires now is pre-existing" in said["done"]) == (200, True)


async def test_who_guesses_passwords_gets_no_fresh_count_by_a_reload(home: Home) -> None:
    home.init()
    users = users_file(home.folder)
    home.change("healer:\n  node: mon1", f"healer:\n  users: {users}\n  node: mon1")
    async with started(home) as healer:
        await healer.until_ready(role="leader")

        async def guess() -> int:
            wrong = {"Authorization": aiohttp.encode_basic_auth("alice", "a guess")}
            async with healer.session.get("/api/v1/status", headers=wrong) as answer:
                return answer.status

        first = [await guess() for _ in range(TRIES)]
        home.change("healer:\n", "healer:\n  resync: 3s\n")
        assert (await reload(healer))[0] == 200
        second = [await guess() for _ in range(TRIES)]
    # Each takes a second, and there is one more in twelve.
    assert (first, 429 in second) == ([401] * TRIES, True)


async def test_nobody_reloads_over_http_where_nobody_signs_in(home: Home) -> None:
    home.init()
    async with started(home) as healer:
        await healer.until_ready(role="leader")
        code, said = await reload(healer, "everybody's port")
    assert (code, said["reason"]) == (403, "nobody_signs_in")


async def test_a_standby_reloads_too(home: Home) -> None:
    home.init()
    lead = await take(home, 6.0)
    kept = asyncio.create_task(keep(lead), name="kept")  # so that it stands by until it reloaded
    async with started(home) as healer:
        await healer.until_ready(role="standby")
        home.change("healer:\n  node: mon1", "healer:\n  resync: 3s\n  node: mon1")
        code, said = await reload(healer)
        assert code == 200
        kept.cancel()
        await asyncio.gather(kept, return_exceptions=True)
        await lead.release()
        await healer.until_ready(role="leader")
        assert await digest(healer) == said["digest"]


async def test_one_without_a_journal_fails_to_start_and_never_says_ready(home: Home) -> None:
    async with started(home) as healer:
        code, said = await healer.end()
    assert code == 2
    assert "hale-healer store init" in said
    assert not any("READY=1" in one for one in healer.told)
