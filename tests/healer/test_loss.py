"""Loss and doubles, with real programs: whatever is lost on the way or comes twice, nothing is forgotten or started."""

import asyncio
import json
import random
import signal
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.healer.plane import NODES, Plane, Road, plane

pytestmark = pytest.mark.tools

SECONDS = 30.0
"""After the last trouble, until both know the same."""


def down(node: str, **changes: str) -> tuple[tuple[str, str], ...]:
    """The labels that the rule gives when a node's nginx is down."""
    number = NODES.index(node) + 1 if node in NODES else 0
    labels = {
        "alertname": "ServiceDown",
        "cluster": "first",
        "failure_domain": f"rack-{number}",
        "group": "web",
        "heal": "restart-service",
        "node": node,
        "service": "nginx",
        "severity": "critical",
    }
    return tuple(sorted((labels | changes).items()))


STRANGERS = (
    down("web99", failure_domain="rack-9"),
    down("web1", cluster="second"),
    down("web2", note="\u202e$(reboot)"),
    down("web3", heal="drop-database"),
)
"""Alerts that can never start anything, and have to be refused instead of forgotten."""


async def toggle(here: Plane, node: str, chance: random.Random) -> None:
    """Let a node's nginx fail or recover, as Prometheus, one Alertmanager or both hear of it."""
    labels = down(node)
    here.deaf = chance.choice([set(), set(), {0}, {1}])
    if labels in here.firing:
        here.exporters.down.discard(node)
        await here.end(labels)
    else:
        here.exporters.down.add(node)
        await here.begin(labels)


async def trouble(here: Plane, chance: random.Random) -> None:
    """Twenty seconds in which everything goes wrong that can."""
    events = [signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT, signal.SIGKILL]
    for step in range(40):
        here.network.road = chance.choice(list(Road))
        await toggle(here, chance.choice(NODES), chance)
        if step % 4 == 0:
            stranger = chance.choice(STRANGERS)
            await (here.end if stranger in here.firing else here.begin)(stranger)
        if step % 10 == 5:
            here.process.signal(events[step // 10])
        if step % 7 == 3:
            await here.network.replay()
        await asyncio.sleep(0.5)
    here.network.road, here.deaf = Road.OPEN, set()


async def agreed(here: Plane) -> None:
    """Return when the healer's state is Alertmanager's."""
    seen: object = None
    try:
        async with asyncio.timeout(SECONDS):
            while True:
                union, known = await here.union(), await here.known()
                if known is not None:
                    incidents, refused = known
                    ours = {
                        key for key, labels in union.items() if dict(down(labels["node"])) == labels
                    }
                    seen = (ours ^ incidents, set(union) - ours - refused)
                    if seen == (set(), set()) and len(union) == len(here.firing):
                        return
                await asyncio.sleep(0.2)
    except TimeoutError:
        pytest.fail(f"after {SECONDS:g} s still different: {seen}, {len(here.firing)} firing")


def told(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return every event of the journal: its kind and its body."""
    with sqlite3.connect(f"file:{folder}/journal.db?mode=ro", uri=True) as journal:
        rows = journal.execute("SELECT kind, body FROM events ORDER BY seq").fetchall()
    return [(kind, json.loads(body)) for kind, body in rows]


async def test_after_any_trouble_the_healer_knows_what_alertmanager_knows(tmp_path: Path) -> None:
    chance = random.Random(1)  # noqa: S311  # the same trouble again
    async with plane(tmp_path) as here:
        posting = asyncio.create_task(here.keep_posting())
        await here.armed()
        await trouble(here, chance)
        # In the end each peer has something that the other never hears of.
        here.only = {down("web1"): 0, down("web2"): 1}
        for labels in here.only:
            if labels not in here.firing:
                await toggle(here, dict(labels)["node"], chance)
        here.deaf = set()
        await agreed(here)
        assert {one["node"] for one in (await here.union()).values()} >= {"web1", "web2"}
        assert here.process.starts >= 3, "it was killed twice"
        posting.cancel()
        await asyncio.gather(posting, return_exceptions=True)
    events = told(tmp_path)
    kinds = Counter(kind for kind, _ in events)
    assert kinds["incident_opened"] >= 2
    assert kinds["action_intended"] == 0
    hints = Counter(
        (one["fingerprint"], one["began_at"])
        for kind, body in events
        if kind == "alerts_received"
        for one in body["alerts"]
    )
    assert hints
    assert max(hints.values()) <= here.process.starts, "an episode once in each life"


async def test_a_firing_sent_again_after_its_resolved_starts_nothing(tmp_path: Path) -> None:
    """Peers of an Alertmanager cluster do that (alertmanager #2447, #4008)."""
    async with plane(tmp_path) as here:
        posting = asyncio.create_task(here.keep_posting())
        await here.armed()
        here.exporters.down.add("web1")
        await here.begin(down("web1"))
        await agreed(here)
        async with asyncio.timeout(10):
            while not here.network.passed:
                await asyncio.sleep(0.1)
        firing = [one for one in here.network.passed if b'"status":"firing"' in one[0]]
        assert firing
        here.exporters.down.discard("web1")
        await here.end(down("web1"))
        await agreed(here)
        before = told(tmp_path)
        for body, headers in 20 * firing[:1]:
            assert await here.network.post(body, headers) == 202
        await asyncio.sleep(5)
        assert await here.known() == (set(), set())
        assert told(tmp_path) == before, "nothing was written of it either"
        # A peer that missed the resolved goes on saying that it fires, until its time is up.
        here.exporters.down.add("web1")
        await here.begin(down("web1"))
        await agreed(here)
        here.exporters.down.discard("web1")
        here.deaf = {1}
        await here.end(down("web1"))
        async with asyncio.timeout(15):
            while (await here.known() or ({"?"}, set()))[0]:
                await asyncio.sleep(0.2)
        opened = Counter(kind for kind, _ in told(tmp_path))["incident_opened"]
        here.deaf = set()
        await agreed(here)
        assert Counter(kind for kind, _ in told(tmp_path))["incident_opened"] == opened == 2
        posting.cancel()
        await asyncio.gather(posting, return_exceptions=True)
