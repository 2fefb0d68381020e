"""A node asks for a lock before it reboots, and gives it back after: the FleetLock protocol, as Zincati speaks it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from healer import text
from healer.adapters.senders import ByBasic
from healer.core.look import MachineLook
from healer.core.upkeep import Phase
from healer.core.upkeep_events import Kind
from healer.standing import LOCK_WAIT_SECONDS
from healer.web.locks import Locks
from healer.web.senders import Senders
from tests.healer.core.world import topology
from tests.healer.web.house import House
from tests.healer.web.test_senders import SECRET, basic, secret

ID = "975228d46dc94622b9bbe16671e2b58d"
PROTOCOL = {"fleet-lock-protocol": "true"}


def house(group: str = "web", node: str = "web1") -> House:
    """A healer whose node web1 has the address from which a test asks."""
    plain = topology(web=3)
    nodes = {name: replace(one, address="10.9.9.9") for name, one in plain.nodes.items()}
    nodes[node] = replace(nodes[node], address="127.0.0.1")
    groups = {**plain.groups, "web": replace(plain.groups["web"], min_available=2)}
    made = House(given=replace(plain, nodes=nodes, groups=groups))
    made.gates.machines[node] = MachineLook(ID, reboot_required=True)
    made.desk = replace(
        made.desk, locks=Locks(made.upkeeper, made.gatherer, made.watch, 1800.0, None)
    )
    return made


@asynccontextmanager
async def asked(made: House) -> AsyncIterator[aiohttp.ClientSession]:
    await made.arm()
    async with made.public() as session, asyncio.TaskGroup() as tasks:
        upkeep = tasks.create_task(made.upkeep.run())
        yield session
        upkeep.cancel()


async def say(
    session: aiohttp.ClientSession,
    what: str,
    machine: str = ID,
    group: str = "default",
    **more: Any,
) -> tuple[int, str]:
    """Ask as Zincati does; return the status and the error's kind."""
    body = {"client_params": {"id": machine, "group": group}}
    told = {"json": body, "headers": PROTOCOL} | more
    async with session.post(f"/v1/{what}", **told) as answer:
        shown = await answer.json()
        assert answer.status == 200 or set(shown) == {"kind", "value"}
        return answer.status, shown.get("kind", "")


def phases(made: House) -> list[Phase]:
    return [one.phase for one in made.journal.board.planned.upkeeps.values()]


async def test_a_node_may_reboot_once_it_is_locked_and_is_given_back_by_its_own_word() -> None:
    made = house()
    async with asked(made) as session:
        assert await say(session, "pre-reboot") == (200, "")
        assert phases(made) == [Phase.AWAY]
        upkeep = made.journal.board.planned.upkeeps["1"]
        assert (upkeep.kind, upkeep.by) == (Kind.LOCK, f"fleet_lock {ID}")
        assert [mark.mark for mark in made.gates.marks["web1"]] == ["node.lock"]
        assert await say(session, "steady-state") == (200, "")
        found = await made.upkeeper.settled("1", frozenset({Phase.OVER}), 5.0)
    assert found.phase is Phase.OVER
    assert made.gates.marks["web1"] == ()


async def test_it_may_ask_as_often_as_it_likes_and_one_answer_is_as_good_as_two() -> None:
    made = house()
    async with asked(made) as session:
        assert await say(session, "steady-state") == (200, "")
        assert await say(session, "pre-reboot") == (200, "")
        assert await say(session, "pre-reboot") == (200, "")
        assert len(made.journal.board.planned.upkeeps) == 1
        assert await say(session, "steady-state") == (200, "")
        await made.upkeeper.settled("1", frozenset({Phase.OVER}), 5.0)
        assert await say(session, "steady-state") == (200, "")
    assert len(made.journal.board.planned.upkeeps) == 1


@pytest.mark.parametrize("group", ["default", "web"])
async def test_any_group_is_taken_but_one_of_the_cluster_that_the_node_is_not_in(
    group: str,
) -> None:
    async with asked(house()) as session:
        assert await say(session, "steady-state", group=group) == (200, "")
        assert await say(session, "steady-state", group="control") == (409, "wrong_group")


async def test_a_guard_that_holds_is_the_kind_of_the_error_and_nothing_is_begun() -> None:
    made = house()
    made.cluster.down.add(made.trouble(at="web2/nginx").target)
    async with asked(made) as session:
        assert await say(session, "pre-reboot") == (409, "capacity")
    assert made.journal.board.planned.upkeeps == {}


async def test_a_node_that_got_no_lock_is_shown_as_waiting_until_it_has_one() -> None:
    made = house()
    down = made.trouble(at="web2/nginx").target
    async with asked(made) as session:
        await say(session, "pre-reboot")
        made.clock.pass_by(30)
        await say(session, "pre-reboot")
        (waits,) = made.watch.waiting_for_lock()
        assert (waits.node, waits.reason, waits.asked - waits.since) == ("web1", "capacity", 30)
        shown = await (await session.get("/api/v1/status")).json()
        assert [(one["node"], one["reason"]) for one in shown["lock_waits"]] == [
            ("web1", "capacity")
        ]
        assert "waits for a lock  web1 since" in text.status(shown)
        made.cluster.down.discard(down)
        assert await say(session, "pre-reboot") == (200, "")
    assert made.watch.waiting_for_lock() == []


async def test_a_node_that_does_not_ask_again_waits_no_more() -> None:
    made = house()
    made.cluster.down.add(made.trouble(at="web2/nginx").target)
    async with asked(made) as session:
        await say(session, "pre-reboot")
        made.clock.pass_by(LOCK_WAIT_SECONDS)
        assert made.watch.waiting_for_lock() == []
        await say(session, "pre-reboot")
        (waits,) = made.watch.waiting_for_lock()
        assert waits.since == waits.asked
        await say(session, "steady-state")
    assert made.watch.waiting_for_lock() == []


async def test_a_node_of_the_control_plane_may_reboot_and_two_at_once_may_not() -> None:
    made = house(node="mon1")
    async with asked(made) as session:
        assert await say(session, "pre-reboot") == (200, "")
        assert phases(made) == [Phase.AWAY]


async def test_an_alert_in_its_groups_keeps_a_node_from_rebooting() -> None:
    made = house()
    fired = made.trouble(at="web2/nginx")
    labels = tuple(sorted({**dict(fired.labels), "severity": "critical"}.items()))
    sight = made.watch.sight
    assert sight is not None
    async with asked(made) as session:
        made.watch.sight = replace(sight, alerts=(replace(fired, labels=labels),))
        assert await say(session, "pre-reboot") == (409, "alerts_fire")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"headers": {}}, (400, "no_header")),
        ({"headers": {"fleet-lock-protocol": "yes"}}, (400, "no_header")),
        ({"json": {}}, (400, "malformed")),
        ({"json": {"client_params": {"id": "", "group": "default"}}}, (400, "malformed")),
        ({"json": {"client_params": {"id": ID, "group": "two words"}}}, (400, "malformed")),
        ({"json": {"client_params": {"id": ID, "group": "x" * 5000}}}, (400, "malformed")),
        ({"json": None, "data": b"\xff"}, (400, "malformed")),
        ({"json": None, "data": b"[" * 4000}, (400, "malformed")),
        ({"machine": "f" * 32}, (409, "wrong_id")),
    ],
)
async def test_who_does_not_speak_the_protocol_or_is_somebody_else_gets_nothing(
    more: dict[str, Any], expected: tuple[int, str]
) -> None:
    made = house()
    async with asked(made) as session:
        assert await say(session, "pre-reboot", **more) == expected
    assert made.journal.board.planned.upkeeps == {}


async def test_an_address_that_is_no_nodes_gets_no_lock() -> None:
    made = house(node="web2")
    nodes = {name: replace(one, address="10.9.9.9") for name, one in made.topology.nodes.items()}
    gatherer = replace(made.gatherer, topology=replace(made.topology, nodes=nodes))
    made.desk = replace(made.desk, locks=Locks(made.upkeeper, gatherer, made.watch, 1800.0, None))
    async with asked(made) as session:
        assert await say(session, "pre-reboot") == (409, "unknown_address")


async def test_a_gate_that_does_not_say_what_its_machine_is_gets_no_lock_for_it() -> None:
    made = house()
    made.gates.machines.clear()
    async with asked(made) as session:
        assert await say(session, "pre-reboot") == (409, "gate_silent")


async def test_where_cluster_yml_asks_for_a_password_it_has_to_be_shown(tmp_path: Path) -> None:
    made = house()
    senders = Senders(ByBasic("zincati", secret(tmp_path)), made.clock)
    made.desk = replace(
        made.desk, locks=Locks(made.upkeeper, made.gatherer, made.watch, 1800.0, senders)
    )
    async with asked(made) as session:
        assert await say(session, "steady-state") == (401, "not_allowed")
        right = {**PROTOCOL, **basic("zincati", SECRET)}
        assert await say(session, "steady-state", headers=right) == (200, "")


async def test_without_a_word_in_cluster_yml_nobody_gets_a_lock() -> None:
    made = house()
    made.desk = replace(made.desk, locks=None)
    async with asked(made) as session:
        assert await say(session, "pre-reboot") == (403, "not_configured")


async def test_a_lock_whose_node_does_not_come_back_stays_and_its_time_is_told() -> None:
    made = house()
    async with asked(made) as session:
        assert await say(session, "pre-reboot") == (200, "")
        made.cluster.dark.add("web1")
        made.clock.pass_by(7200)
        await asyncio.sleep(1.5)
        upkeep = made.journal.board.planned.upkeeps["1"]
        assert upkeep.phase is Phase.AWAY
        metrics = made.desk.metrics
        metrics.show_upkeep([upkeep], made.topology, 0.0)
        told = metrics.exposition().decode()
    assert (
        'healer_upkeep_until_timestamp_seconds{failure_domain="rack-1",group="web",kind="lock",node="web1"}'
        in told
    )
    assert upkeep.until < made.clock.wall()
