"""What becomes of an action that is under way when the healer is told to reload or to stop.

The healer is a process of its own, and the node's gate stands behind a real ssh server: it says for as long as the
test wants that the action still runs.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from healer.adapters.journal import SqliteStore
from healer.adapters.journal_file import StoreSettings
from healer.clock import SystemClock
from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.alert import Target
from healer.core.attempt import Outcome
from healer.core.events import Event
from healer.core.footprint import of_unit
from healer.leading import WIND_DOWN
from tests.healer.adapters.served import served
from tests.healer.core.world import alert, topology
from tests.healer.process import PATIENCE, Home, Process, started
from tests.healer.ssh_node import LEDGER, SshNode, ssh_nodes

LEASE = 3.0
ACTION = "1.1.1"
BEGUN_FOR = 600.0
"""Seconds that the action may take: no test waits for its end by time."""


async def take(home: Home) -> SqliteStore:
    """Take the lead as the next healer would."""
    settings = StoreSettings(home.journal, 64 * 1024, LEASE)
    return await SqliteStore.open(settings, SystemClock(), lambda _: asyncio.sleep(0.1))


async def written(home: Home) -> list[Event]:
    """Take the lead at once, which is only there where it was given back; return what is in the journal."""
    async with asyncio.timeout(LEASE / 2):
        store = await take(home)
    events = [one.event for one in await store.read()]
    await store.release()
    return events


def ends(events: list[Event]) -> list[ie.ActionEnded]:
    return [one for one in events if isinstance(one, ie.ActionEnded)]


async def begin(home: Home) -> None:
    """Leave what a healer leaves that was killed in the middle of a restart on web1."""
    home.init()
    now, cluster, target = time.time(), topology(), Target("web1", "nginx")
    intended = ie.ActionIntended(
        incident="1",
        action_id=ACTION,
        ladder="restart-service",
        rung=0,
        action="service.restart",
        target=target,
        about=target,
        gate="web1",
        args=(("unit", "nginx.service"),),
        footprint=of_unit(target, (), cluster),
        ledger_id=LEDGER,
        expect="{}",
        deadline_at=now + BEGUN_FOR,
        verdicts=(),
    )
    store = await take(home)
    opened = ie.IncidentOpened("1", alert(began=now - 10), "restart-service", "d")
    started_before = ev.HealerStarted("test", "d", "act", 1, 1)
    await store.append([started_before, ev.Armed("all_clear", ()), opened, intended])
    await store.release()


@pytest.fixture
async def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    await begin(made)
    return made


@asynccontextmanager
async def acting(home: Home, gates: list[SshNode]) -> AsyncIterator[Process]:
    """Run a healer that leads, and has asked the first gate at least once."""
    async with started(home) as healer:
        await healer.until_ready(role="leader")
        if not gates[0].over:
            await gates[0].asked()
        yield healer


@pytest.fixture
async def gates(home: Home) -> AsyncIterator[list[SshNode]]:
    """Two gates of web1, of which cluster.yml names the first."""
    async with ssh_nodes(home.folder, 2) as nodes:
        key, pins = home.folder / "healer_key", home.folder / "known_hosts"
        ours = f"ssh_port: {nodes[0].port}\n  key: {key}\n  known_hosts: {pins}"
        home.change("ssh_port: 1", ours)
        yield nodes


async def state(healer: Process) -> str:
    code, said = await healer.get("/api/v1/incidents/1")
    assert code == 200, said
    return str(said["state"])


async def until(healer: Process, wanted: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while await state(healer) != wanted:
            await asyncio.sleep(0.05)


async def move(healer: Process, before: SshNode, after: SshNode) -> None:
    """Have cluster.yml name another gate of web1, and reload it."""
    healer.home.change(f"ssh_port: {before.port}", f"ssh_port: {after.port}")
    digest = await status(healer)
    healer.signal(signal.SIGHUP)
    async with asyncio.timeout(PATIENCE):
        while await status(healer) == digest:
            await asyncio.sleep(0.05)


async def status(healer: Process) -> Any:
    return (await healer.get("/api/v1/status"))[1]["digest"]


async def stop(healer: Process) -> float:
    """Tell it to stop; return after how many seconds it had."""
    began = time.monotonic()
    healer.signal(signal.SIGTERM)
    code, said = await healer.end()
    assert (code, "Traceback" in said) == (0, False), said
    return time.monotonic() - began


async def test_a_reload_while_an_action_runs_ends_it_under_the_old_configuration_and_once(
    home: Home, gates: list[SshNode]
) -> None:
    old, new = gates
    async with acting(home, gates) as healer:
        await move(healer, old, new)
        await old.asked(2)  # it goes on where it was begun
        assert await state(healer) == "acting"
        old.over = True
        await until(healer, "verifying")
        await asyncio.sleep(2.5)  # a second end would come by then: a gate is asked once a second
        await stop(healer)
    events = await written(home)
    (ended,) = ends(events)
    assert (ended.action_id, ended.outcome, ended.detail) == (
        ACTION,
        Outcome.DONE,
        f"port {old.port}",
    )
    (reloaded,) = [one for one in events if isinstance(one, ev.ConfigReloaded)]
    assert events.index(reloaded) < events.index(ended)
    assert (set(old.settles), new.settles, old.others + new.others) == ({ACTION}, [], [])


async def test_two_reloads_while_an_action_runs_end_it_once(
    home: Home, gates: list[SshNode]
) -> None:
    old, new = gates
    async with acting(home, gates) as healer:
        await move(healer, old, new)
        home.change("healer:\n  node: mon1", "healer:\n  resync: 3s\n  node: mon1")
        await move(healer, new, new)
        await old.asked(2)
        old.over = True
        await until(healer, "verifying")
        await asyncio.sleep(2.5)
        await stop(healer)
    events = await written(home)
    assert [(one.action_id, one.outcome) for one in ends(events)] == [(ACTION, Outcome.DONE)]
    assert len([one for one in events if isinstance(one, ev.ConfigReloaded)]) == 2
    assert (new.settles, old.others + new.others) == ([], [])


async def test_what_grafana_has_not_heard_yet_it_hears_after_a_reload(
    home: Home, gates: list[SshNode], tmp_path: Path
) -> None:
    old, new = gates
    old.over, old.end = True, "failed"
    away = True
    sent: list[str] = []

    async def grafana(request: web.Request) -> web.Response:
        sent.append((await request.json())["text"])
        return web.json_response({"message": "as is told"}, status=503 if away else 200)

    token = tmp_path / "token"
    token.write_text("glsa_of_a_test\n")
    token.chmod(0o600)
    async with served(grafana) as (port, _):
        declared = f"grafana: {{url: 'http://127.0.0.1:{port}', token_file: {token}}}"
        home.change("healer:\n  node: mon1", f"healer:\n  {declared}\n  node: mon1")
        async with acting(home, gates) as healer:
            for tries in (1, 2):
                async with asyncio.timeout(PATIENCE):
                    while len(sent) < tries:
                        await asyncio.sleep(0.05)
                if away:
                    away = False
                    await move(healer, old, new)
            assert await healer.metric('healer_annotations_total{outcome="placed"}') == 1.0
            await stop(healer)
    assert len(sent) == 2
    assert sent[0] == sent[1]
    assert sent[0].startswith("service.restart on web1/nginx: failed")


async def test_a_stop_while_an_action_runs_gives_the_lead_back_and_the_next_life_settles_it_once(
    home: Home, gates: list[SshNode]
) -> None:
    async with acting(home, gates) as healer:
        seconds = await stop(healer)
    assert WIND_DOWN <= seconds < WIND_DOWN + LEASE + 7  # the unit's TimeoutStopSec is 15 s
    assert ends(await written(home)) == []  # and `written` took the lead at once
    gates[0].over = True
    async with acting(home, gates) as healer:
        await until(healer, "verifying")
        await stop(healer)
    assert [(one.action_id, one.outcome) for one in ends(await written(home))] == [
        (ACTION, Outcome.DONE)
    ]
    async with acting(home, gates) as healer:  # and once: a third life has nothing to ask
        asked = len(gates[0].settles)
        await asyncio.sleep(2.5)
        await stop(healer)
    assert (len(ends(await written(home))), len(gates[0].settles)) == (1, asked)
    assert gates[0].others == []


@pytest.mark.parametrize("reloads", [0, 1], ids=["", "after a reload"])
async def test_what_ends_while_a_stop_winds_down_is_written_by_the_life_that_stops(
    home: Home, gates: list[SshNode], reloads: int
) -> None:
    """Else the next one would have to ask for what this one could have heard."""
    old, new = gates
    async with acting(home, gates) as healer:
        if reloads:
            await move(healer, old, new)
        healer.signal(signal.SIGTERM)
        await healer.until_told("STOPPING=1")
        old.over = True
        code, said = await healer.end()
    assert (code, "Traceback" in said) == (0, False)
    assert [one.outcome for one in ends(await written(home))] == [Outcome.DONE]
