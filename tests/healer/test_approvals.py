"""A person's yes holds for exactly what it was said to."""

import asyncio
from dataclasses import replace

import pytest

from healer import likeness
from healer.core import incident_events as ie
from healer.core.ladder import Mode, When, Window
from healer.core.order import Sight
from healer.core.topology import Topology
from healer.errors import Refused
from tests.healer.pager import FakeAlertmanagers
from tests.healer.village import Village, simple

pytestmark = pytest.mark.looptime(start=0)


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


def by_the_clock(second: str = "node.reboot") -> Topology:
    """Approved restarts until five past eight, an hour that begins now; another rung after that."""
    plain = simple(mode=Mode.APPROVE)
    ladder = plain.ladders["restart-service"]
    restart, call = ladder.rungs
    hours = When(windows=(Window("office", frozenset(range(7)), 8 * 60, 8 * 60 + 5),))
    rungs = (replace(restart, when=hours), replace(restart, action=second, fast=False), call)
    return replace(plain, ladders={ladder.name: replace(ladder, rungs=rungs)})


class Hanging(FakeAlertmanagers):
    """Alertmanagers that answer only while a test lets them."""

    async def read(self, missed: frozenset[str] = frozenset()) -> Sight:
        await self.hangs.wait()
        return await super().read(missed)


@pytest.mark.parametrize("seen", [True, False], ids=["a page", "the console"])
async def test_a_yes_to_the_rung_that_was_shown_is_no_yes_to_another(seen):
    village = Village(by_the_clock())
    village.alertmanagers = Hanging(village.cluster, village.diary)
    village.alertmanagers.hangs = asyncio.Event()
    village.alertmanagers.hangs.set()
    async with village.armed():
        village.fail()
        await asyncio.sleep(60)
        shown = village.incident()
        assert shown.asked is not None
        assert shown.asked.action == "service.restart"
        page = likeness.of_incident(shown) if seen else ""
        village.alertmanagers.hangs.clear()  # so that no look notes what would be next now
        await asyncio.sleep(245)
        assert village.incident() == shown
        with pytest.raises(Refused, match=r"changed_since.*node\.reboot"):
            await village.operators.approve("1", "ann", page)
        village.alertmanagers.hangs.set()
        await asyncio.sleep(20)
        asked = village.incident().asked
        assert asked is not None
        assert asked.action == "node.reboot"  # and the page shows that now
        if seen:
            with pytest.raises(Refused, match="changed_since"):
                await village.operators.approve("1", "ann", page)
        with pytest.raises(Refused, match="changed_since"):
            await village.operators.approve("1", "ann", action="service.restart")
        assert not village.incident().approvals
        given = await village.operators.approve("1", "ann", action="node.reboot")
        assert (given.rung, given.action) == (1, "node.reboot")


async def test_a_yes_on_a_page_is_to_the_unit_as_it_was_shown():
    village = Village(simple(mode=Mode.APPROVE))
    async with village.armed():
        village.fail()
        await asyncio.sleep(10)
        page = likeness.of_incident(village.incident())
        village.gates.invocation = "i2"
        with pytest.raises(Refused, match="changed_since"):
            await village.operators.approve("1", "ann", page)
        await asyncio.sleep(32)
        page = likeness.of_incident(village.incident())
        await village.operators.approve("1", "ann", page)
        await asyncio.sleep(20)
    assert village.incident().outcome == "healed"


async def test_a_unit_that_comes_and_goes_is_not_noted_at_each_look():
    village = Village(simple(mode=Mode.APPROVE))
    async with village.armed():
        village.fail()
        for number in range(300):
            village.gates.invocation = f"i{number}"
            await asyncio.sleep(1)
    assert 5 <= len(village.written(ie.IncidentHeld)) <= 12


async def test_one_yes_is_good_for_one_action():
    plain = simple(mode=Mode.APPROVE)
    ladder = plain.ladders["restart-service"]
    restart, call = ladder.rungs
    reload = replace(restart, action="service.reload", fast=False, attempts=3, wait_seconds=5.0)
    rungs = (reload, call)
    village = Village(replace(plain, ladders={ladder.name: replace(ladder, rungs=rungs)}))
    village.gates.cures = False
    async with village.armed():
        village.fail()
        await asyncio.sleep(30)
        await village.operators.approve("1", "ann")
        await asyncio.sleep(300)
        assert (len(village.gates.orders), village.hold()) == (1, "approval_needed")
        await village.operators.approve("1", "ann")
        await asyncio.sleep(300)
    assert [order.verb for order in village.gates.orders] == ["service.reload"] * 2


@pytest.mark.parametrize(
    ("mode", "reason"), [(Mode.EXPLAIN, "explain_mode"), (Mode.ACT, "gate_hold")]
)
async def test_a_yes_where_none_is_asked_for_is_refused(mode, reason):
    village = Village(simple(mode=mode))
    village.gates.holds = ("a person looks",) if mode is Mode.ACT else ()
    async with village.armed():
        village.fail()
        await asyncio.sleep(20)
        assert village.hold() == reason
        with pytest.raises(Refused, match=f"nothing_to_approve.*{reason}"):
            await village.operators.approve("1", "ann")
    assert not village.written(ie.ApprovalGiven)


async def test_a_yes_to_what_is_pre_existing_is_refused_until_it_is_adopted():
    village = Village(simple(mode=Mode.APPROVE))
    village.fail()
    async with village.alive():
        await asyncio.sleep(20)
        assert village.hold() == "pre_existing"
        with pytest.raises(Refused, match=r"nothing_to_approve.*pre_existing"):
            await village.operators.approve("1", "ann")
        await village.operators.adopt("1", "ann")
        await asyncio.sleep(10)
        await village.operators.approve("1", "ann")
        await asyncio.sleep(20)
    assert village.incident().outcome == "healed"
