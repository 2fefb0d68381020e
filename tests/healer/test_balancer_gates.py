"""A balancer whose gate is silent, busy or unwilling, or whose node is dead, keeps no other one from its part."""

import asyncio

import pytest

from healer.core.states import State
from tests.healer.tier import BACK, BOTH, OUT, broken, orders
from tests.healer.village import TOLD, Village

pytestmark = pytest.mark.looptime(start=0)


@pytest.fixture
def village() -> Village:
    return broken()


async def test_a_balancer_that_is_dead_counts_as_out_and_is_set_when_it_returns(village):
    village.cluster.dark.add("lb1")
    async with village.armed():
        village.fail()
        await asyncio.sleep(60)
        assert orders(village) == [TOLD, OUT[1]]
        assert village.incident().state is State.MITIGATED
        village.cluster.dark.clear()
        await asyncio.sleep(30)
        assert orders(village) == [TOLD, OUT[1], OUT[0]]
        assert village.incident().state is State.MITIGATED


async def test_a_balancer_whose_gate_alone_is_silent_is_waited_for(village):
    village.cluster.deaf.add("lb2")
    async with village.armed():
        village.fail()
        await asyncio.sleep(60)
        assert orders(village) == [TOLD, OUT[0]]
        assert (village.incident().state, village.hold()) == (State.HELD, "gate_silent")


async def test_a_mark_on_a_node_that_is_away_keeps_the_incident_open_until_it_is_taken_back(
    village,
):
    async with village.armed():
        village.fail()
        await asyncio.sleep(30)
        village.cluster.dark.add("lb1")
        village.mend()
        await asyncio.sleep(60)
        assert orders(village)[3:] == [BACK[1]]
        assert village.incident().state is not State.CLOSED
        village.cluster.dark.clear()
        await asyncio.sleep(30)
    assert orders(village)[3:] == [BACK[1], BACK[0]]
    assert village.incident().state is State.CLOSED


async def test_what_the_gate_will_not_drain_is_a_persons(village):
    village.gates.refuse["pool.drain"] = "last_member"
    async with village.armed():
        village.fail()
        await asyncio.sleep(30)
    assert village.incident().state is State.ESCALATED
    assert village.incident().escalation == "last_member"


async def test_a_mark_whose_end_was_not_heard_counts_as_set_and_is_taken_back(village):
    village.gates.mute = True
    async with village.armed():
        village.fail()
        await asyncio.sleep(10)
        village.gates.mute = False
        await asyncio.sleep(30)
        village.mend()
        await asyncio.sleep(60)
    assert village.cluster.drained == set()
    assert village.incident().state is State.CLOSED


async def test_a_balancer_whose_gate_is_silent_keeps_no_other_waiting(village):
    village.cluster.deaf.add("lb1")
    async with village.armed():
        village.fail()
        await asyncio.sleep(60)
        assert orders(village) == [TOLD, OUT[1]]
        assert (village.incident().state, village.hold()) == (State.HELD, "gate_silent")
        village.cluster.deaf.clear()
        await asyncio.sleep(30)
        assert village.incident().state is State.MITIGATED


async def test_a_gate_that_is_busy_is_asked_again_and_the_rung_is_not_spent(village):
    village.gates.refuse["pool.drain"] = "busy"
    async with village.armed():
        village.fail()
        while len(orders(village)) < 3:
            await asyncio.sleep(0.1)
        del village.gates.refuse["pool.drain"]
        await asyncio.sleep(60)
        assert village.incident().state is State.MITIGATED
        assert village.cluster.drained == BOTH


async def test_a_gate_that_is_busy_five_times_in_a_row_is_a_persons(village):
    village.gates.refuse["pool.drain"] = "busy"
    async with village.armed():
        village.fail()
        await asyncio.sleep(300)
    assert len(orders(village)) == 6
    assert (village.incident().state, village.incident().escalation) == (State.ESCALATED, "busy")


async def test_the_next_rungs_gates_are_asked_where_the_first_leads_nowhere(village):
    async with village.armed():
        village.gates.looks.clear()
        village.fail()
        village.vanish("web1")
        await asyncio.sleep(60)
        assert village.cluster.drained == BOTH
        assert orders(village) == OUT
        assert village.incident().state is State.MITIGATED


async def test_balancers_are_asked_nothing_while_the_first_rung_is_possible(village):
    async with village.armed():
        village.gates.looks.clear()
        village.gates.holds = ("a person looks",)
        village.fail()
        await asyncio.sleep(10)
        assert {node for node, _ in village.gates.looks} == {"web1"}
