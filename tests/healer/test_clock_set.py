"""The wall clock is set while the healer runs: nothing that it waits for or keeps to ends sooner or later for that."""

import asyncio
from dataclasses import replace

import pytest

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.ladder import Mode
from healer.instants import rfc3339
from healer.views import hold_views
from tests.healer.village import Village, simple

pytestmark = pytest.mark.looptime(start=0)

CALM = 70.0
"""Seconds after which a jump makes no age doubtful any more."""

NEVER = 1e6
"""Seconds of blindness that no jump makes of it, so that what fires stays ours."""

BOTH = pytest.mark.parametrize("jump", [10800.0, -10800.0])


@BOTH
async def test_a_node_is_held_for_as_long_as_a_person_said(jump):
    village = Village()
    async with village.armed():
        held = await village.operators.hold("web1", "a disk is replaced", "ann", 600.0)
        village.clock.now += jump
        await asyncio.sleep(CALM)
        village.fail()
        await asyncio.sleep(30)
        assert (village.gates.orders, village.hold()) == ([], "person_hold")
        assert [one["until"] for one in hold_views(village.watch)] == [rfc3339(held.until + jump)]
        await asyncio.sleep(480)
        assert village.gates.orders == []
        await asyncio.sleep(40)
    assert len(village.gates.orders) == 1


async def test_a_clock_that_is_set_while_no_healer_runs_ends_no_hold():
    village = Village()
    async with village.armed():
        await village.operators.hold("web1", "a disk is replaced", "ann", 600.0)
    village.clock.now += 10800
    async with village.alive():
        await asyncio.sleep(CALM)
        assert set(village.watch.standing().held) == {"web1"}
        await asyncio.sleep(540)
        assert village.watch.standing().held == {}


@BOTH
@pytest.mark.parametrize(
    ("reason", "numbers"),
    [
        ("cooldown", {"cooldown": 300.0}),
        ("budget", {"budget_node": 1, "budget_window": 300.0}),
        ("flapping", {"flapping": 1, "flapping_window": 300.0}),
    ],
)
@pytest.mark.parametrize("restarts", [False, True])
async def test_what_was_done_counts_for_as_long(jump, reason, numbers, restarts):
    village = Village(simple(**numbers))
    async with village.armed():
        village.fail()
        await asyncio.sleep(20)
        assert village.incident().outcome == "healed"
        village.clock.now += jump
        await asyncio.sleep(0 if restarts else CALM)
        if not restarts:
            await fails_again(village, reason)
    if restarts:
        async with village.alive():
            await asyncio.sleep(CALM)
            await fails_again(village, reason)


async def fails_again(village: Village, reason: str) -> None:
    """90 s after a repair: it is held for the rest of 300 s, and then repaired."""
    village.fail()
    await asyncio.sleep(170)
    assert (len(village.gates.orders), village.hold(2)) == (1, reason)
    await asyncio.sleep(60)
    assert len(village.gates.orders) == 2


async def test_a_deeper_cause_is_waited_for_as_long():
    village = Village(replace(simple(fast=False, blindness=NEVER), correlation_window=120.0))
    async with village.armed():
        village.fail()
        await asyncio.sleep(5)
        village.clock.now += 10800
        await asyncio.sleep(105)
        assert (village.gates.orders, village.hold()) == ([], "correlating")
        await asyncio.sleep(20)
    assert len(village.gates.orders) == 1


@pytest.mark.parametrize(("late", "orders"), [(0.0, 1), (300.0, 0)])
async def test_a_yes_is_good_for_as_long(late, orders):
    village = Village(simple(mode=Mode.APPROVE, approval_seconds=300.0, blindness=NEVER))
    async with village.armed():
        village.fail()
        await asyncio.sleep(3)
        village.gates.holds = ("a person looks",)
        await village.operators.approve("1", "ann")
        village.clock.now += 10800
        await asyncio.sleep(CALM + late)
        village.gates.holds = ()
        await asyncio.sleep(10)
    assert len(village.gates.orders) == orders


async def test_people_are_called_as_late_as_ever():
    """A hold that is called after a while is called after that while."""
    village = Village(simple(mode=Mode.EXPLAIN))
    async with village.armed():
        village.fail()
        await asyncio.sleep(3)
        incident = village.incident()
        assert incident.hold is not None
        village.clock.now += 10800
        assert not incident.holds(village.watch.now.steady)
        await asyncio.sleep(10)
        assert incident.holds(village.watch.now.steady)
    (held, *_) = village.written(ie.IncidentHeld)
    assert held.hold.reason == "explain_mode"


async def test_that_the_clock_was_set_is_noted_once_and_outlives_the_boot():
    village = Village()
    async with village.armed():
        await village.operators.hold("web1", "a disk is replaced", "ann", 600.0)
        village.clock.now += 10800
        await asyncio.sleep(20)
    assert [one.by for one in village.written(ev.ClockSet)] == [10800.0]
    village.clock.boot, village.clock.up = "boot-2", 3.0
    async with village.alive():
        await asyncio.sleep(20)
        assert set(village.watch.standing().held) == {"web1"}
        await asyncio.sleep(560)
        assert village.watch.standing().held == {}
