"""A leader on a failing node is moved and barred; it may lead again once its node is well and it has all data."""

import asyncio
import json
from dataclasses import replace

import pytest

from healer.core import incident_events as ie
from healer.core.ladder import Verification
from healer.core.states import State
from tests.healer.core.replicated import whole, with_main
from tests.healer.village import Village, simple

pytestmark = pytest.mark.looptime(start=0)

LONG = 60.0
"""Until it is known that it fails alone, and Patroni had its own time."""


@pytest.fixture
def village() -> Village:
    made = Village(with_main(simple()))
    made.cluster.databases["main"] = whole()
    return made


def orders(village: Village) -> list[str]:
    return [line for line in village.diary if line.startswith("gate ")]


def fail(village: Village, at: str = "db1") -> None:
    village.fail(at, name="NodeFailing", heal="move-away", group="db")


async def test_a_leader_goes_to_another_member_and_may_lead_again_when_its_node_is_well(village):
    async with village.armed():
        fail(village)
        await asyncio.sleep(LONG)
        assert orders(village) == ["gate db1 database.switchover db2 main"]
        assert village.incident().state is State.MITIGATED
        village.mend("db1")
        await asyncio.sleep(LONG)
    assert orders(village)[1:] == ["gate db1 database.admit main"]
    assert (village.incident().state, village.incident().outcome) == (State.CLOSED, "cleared")


async def test_what_the_decision_rested_on_goes_to_the_gate_and_into_the_journal(village):
    async with village.armed():
        fail(village)
        await asyncio.sleep(LONG)
    (order,) = village.gates.orders
    owner = village.incident().owner
    assert order.args == (("candidate", "db2"), ("database", "main"), ("owner", owner))
    assert json.loads(order.expect)["databases"] == {"main": {"leader": "db1", "timeline": 4}}
    (intended,) = village.written(ie.ActionIntended)
    assert intended.args == order.args


async def test_who_has_not_all_of_the_data_stays_barred(village):
    async with village.armed():
        fail(village)
        await asyncio.sleep(LONG)
        look = village.cluster.databases["main"]
        behind = replace(look.members["db1"], state="starting", timeline=None, lag_bytes=None)
        village.cluster.databases["main"] = replace(look, members={**look.members, "db1": behind})
        village.mend("db1")
        await asyncio.sleep(LONG)
        assert orders(village) == ["gate db1 database.switchover db2 main"]
        assert village.hold() == "not_replica"
        assert village.written(ie.IncidentHeld)[-1].hold.calls  # one that never catches up
        village.cluster.databases["main"] = look
        await asyncio.sleep(LONG)
    assert orders(village)[1:] == ["gate db1 database.admit main"]


async def test_a_mark_that_was_set_is_not_set_again_though_another_one_leads_now(village):
    """The candidate is chosen anew each time, and is no part of what tells one mark from another."""
    async with village.armed():
        fail(village)
        await asyncio.sleep(10 * LONG)
    assert orders(village) == ["gate db1 database.switchover db2 main"]


async def test_where_no_other_member_could_lead_a_person_is_called_and_nothing_is_done(village):
    look = village.cluster.databases["main"]
    lagging = {
        name: replace(one, lag_bytes=1 << 30) if name != "db1" else one
        for name, one in look.members.items()
    }
    village.cluster.databases["main"] = replace(look, members=lagging)
    async with village.armed():
        fail(village)
        await asyncio.sleep(LONG)
        assert village.hold() == "no_candidate"
    assert orders(village) == []
    told = {dict(one.labels)["alertname"] for one in village.alertmanagers.posted}
    assert told == {"HealerHolds"}


async def test_a_broken_replica_is_started_by_patroni_then_copied_anew_and_that_is_proved(village):
    """Its alert is true by its rule alone: what proves the rungs has other labels than it."""
    good = Verification("hale:database_member_good", 1.0, within_seconds=20.0, soak_seconds=3.0)
    ladder = village.topology.ladders["database"]
    rungs = tuple(replace(one, verify=good) if one.verify else one for one in ladder.rungs)
    ladders = {**village.topology.ladders, "database": replace(ladder, rungs=rungs)}
    village.topology = replace(village.topology, ladders=ladders)
    look = village.cluster.databases["main"]
    broken = replace(look.members["db3"], state="start failed", timeline=None, lag_bytes=None)
    members = {**look.members, "db3": broken}
    village.cluster.databases["main"] = replace(look, members=members)
    async with village.alive(village.topology):
        await asyncio.sleep(LONG)
        village.fail("db3/postgres", name="DatabaseReplicaDown", heal="database", group="db")
        await asyncio.sleep(LONG)
    assert orders(village) == [
        "gate db3 database.restart main",
        "gate db3 database.reinit main",
    ]
    assert (village.incident().state, village.incident().outcome) == (State.CLOSED, "healed")
