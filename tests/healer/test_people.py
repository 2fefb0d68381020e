"""People stop the healer, let it go on, agree, say no: each word holds for exactly what it was said to."""

import asyncio
from collections.abc import Sequence

import pytest

from healer.core import events as ev
from healer.core.incident import State
from healer.core.ladder import Mode
from healer.core.look import Look
from healer.errors import Refused
from tests.healer.fakes import FakeGates
from tests.healer.village import ARMED, Village, simple

pytestmark = pytest.mark.looptime(start=0)


async def test_a_freeze_lets_what_runs_end_and_starts_nothing_more():
    village = Village()
    village.gates.pause = asyncio.Event()
    async with village.armed():
        village.fail("web1/nginx")
        await asyncio.sleep(3)
        await village.operators.freeze("moving rack b", "ann")
        village.gates.pause.set()
        village.fail("web2/nginx")
        await asyncio.sleep(60)
    assert village.incident(1).outcome == "healed"
    assert (len(village.gates.orders), village.hold(2)) == (1, "frozen")


async def test_what_fires_when_people_unfreeze_is_pre_existing():
    village = Village()
    async with village.armed():
        await village.operators.freeze("moving rack b", "ann")
        village.fail("web1/nginx")
        await asyncio.sleep(10)
        await village.operators.unfreeze("ann")
        await asyncio.sleep(30)
        assert (village.gates.orders, village.hold(1)) == ([], "pre_existing")
        assert len(village.written(ev.Armed)) == 2
        village.fail("web2/nginx")
        await village.operators.adopt("1", "ann")
        await asyncio.sleep(60)
    assert {order.node for order in village.gates.orders} == {"web1", "web2"}


async def test_a_person_is_asked_where_the_mode_asks_and_their_yes_acts():
    village = Village(simple(mode=Mode.APPROVE))
    async with village.armed():
        village.fail()
        await asyncio.sleep(30)
        assert (village.gates.orders, village.hold()) == ([], "approval_needed")
        await village.operators.approve("1", "ann")
        await asyncio.sleep(20)
    assert village.incident().outcome == "healed"


async def test_a_yes_is_void_when_the_unit_is_another_than_the_person_saw():
    village = Village(simple(mode=Mode.APPROVE))
    async with village.armed():
        village.fail()
        await asyncio.sleep(4.5)  # between two looks, so that the yes comes first
        await village.operators.approve("1", "ann")
        village.gates.invocation = "i2"
        await asyncio.sleep(60)
    assert (village.gates.orders, village.hold()) == ([], "approval_needed")


async def test_a_yes_lapses():
    village = Village(simple(mode=Mode.APPROVE))
    async with village.armed():
        village.fail()
        await asyncio.sleep(5)
        village.gates.holds = ("a person looks",)
        await village.operators.approve("1", "ann")
        await asyncio.sleep(901)
        village.gates.holds = ()
        await asyncio.sleep(30)
    assert (village.gates.orders, village.hold()) == ([], "approval_needed")


async def test_a_no_gives_the_incident_to_a_person():
    village = Village(simple(mode=Mode.APPROVE))
    async with village.armed():
        village.fail()
        await asyncio.sleep(5)
        await village.operators.deny("1", "ann")
        await asyncio.sleep(30)
        assert (village.incident().state, village.incident().escalation) == (
            State.ESCALATED,
            "denied",
        )
        with pytest.raises(Refused, match="nothing_to_approve"):
            await village.operators.approve("1", "ann")
    assert village.gates.orders == []


async def test_an_escalated_incident_that_a_person_mends_closes_by_itself():
    village = Village(simple(mode=Mode.APPROVE))
    async with village.armed():
        village.fail()
        await asyncio.sleep(ARMED)
        await village.operators.deny("1", "ann")
        village.mend()
        await asyncio.sleep(20)
    assert village.incident().outcome == "cleared"


class PersonAtWork(FakeGates):
    """Gates of nodes that a person silences in the moment in which the healer looks at them."""

    async def look(self, node: str, names: Sequence[str]) -> Look:
        seen = await super().look(node, names)
        self.silence()
        return seen


async def test_a_silence_that_comes_while_the_facts_are_read_comes_in_time():
    village = Village()
    village.gates = PersonAtWork(village.cluster, village.diary)
    village.gates.silence = village.alertmanagers.silence
    async with village.armed():
        village.fail()
        await asyncio.sleep(10)
        assert village.hold() == "silenced"
    assert village.gates.orders == []


async def test_a_held_node_is_left_alone_until_it_is_released():
    village = Village()
    async with village.armed():
        await village.operators.hold("web1", "replacing a fan", "ann", None)
        village.fail("web1/nginx")
        await asyncio.sleep(60)
        assert (village.gates.orders, village.hold()) == ([], "person_hold")
        (gone,) = await village.operators.release("web1", "bob")
        assert (gone.reason, gone.by) == ("replacing a fan", "ann")
        await asyncio.sleep(60)
    assert village.incident().outcome == "healed"


async def test_a_hold_of_one_node_stops_nothing_on_another():
    village = Village()
    async with village.armed():
        await village.operators.hold("web1", "replacing a fan", "ann", None)
        village.fail("web2/nginx")
        await asyncio.sleep(60)
    assert [order.node for order in village.gates.orders] == ["web2"]


async def test_a_hold_lapses_by_itself():
    village = Village()
    async with village.armed():
        await village.operators.hold("web1", "replacing a fan", "ann", 120.0)
        village.fail("web1/nginx")
        await asyncio.sleep(100)
        assert village.hold() == "person_hold"
        assert "(by ann, until 2027-01-15T08:02:03Z)" in village.incident().hold.have
        await asyncio.sleep(60)
    assert village.incident().outcome == "healed"
    with pytest.raises(Refused, match="not_held"):
        await village.operators.release("web1", "ann")


async def test_a_hold_outlives_the_healer():
    village = Village()
    async with village.armed():
        await village.operators.hold("web1", "replacing a fan", "ann", None)
    async with village.armed():
        village.fail("web1/nginx")
        await asyncio.sleep(30)
        assert (village.gates.orders, village.hold()) == ([], "person_hold")


async def test_only_a_node_of_the_cluster_can_be_held():
    village = Village()
    with pytest.raises(Refused, match="no node web9; there are mon1, web1"):
        await village.operators.hold("web9", "replacing a fan", "ann", None)
    assert village.store.records == []
