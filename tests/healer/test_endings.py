"""An incident ends without an action only where its trouble was seen gone, and one that comes back is a new one."""

import asyncio
from dataclasses import replace

import pytest

from healer.core import incident_events as ie
from healer.core.states import State
from tests.healer.core.world import alert
from tests.healer.village import Village

pytestmark = pytest.mark.looptime(start=0)


async def test_trouble_that_went_away_closes_as_cleared_after_the_soak():
    village = Village()
    village.gates.holds = ("a person looks",)
    async with village.armed():
        fired = village.fail()
        await asyncio.sleep(5)
        assert village.hold() == "gate_hold"
        assert village.incident().confirmed
        village.alertmanagers.stuck.append(fired)
        village.mend()
        await asyncio.sleep(2)
        assert village.incident().state is State.HELD
        await asyncio.sleep(5)
    assert (village.incident().outcome, village.gates.orders) == ("cleared", [])


async def test_an_alert_that_was_never_true_closes_as_such():
    village = Village()
    async with village.armed():
        village.alertmanagers.stuck.append(alert(began=village.clock.wall()))
        await asyncio.sleep(3)
        assert village.hold() == "not_confirmed"
        await asyncio.sleep(5)
    assert (village.incident().outcome, village.gates.orders) == ("not_true", [])


async def test_absence_of_the_alert_alone_closes_nothing():
    village = Village()
    village.gates.holds = ("a person looks",)
    async with village.armed():
        village.fail()
        await asyncio.sleep(5)
        village.alertmanagers.alerts.clear()
        await asyncio.sleep(60)
    assert village.hold() == "gate_hold"


async def test_a_closed_episode_that_is_true_again_opens_a_recurrence():
    village = Village()
    async with village.armed():
        village.alertmanagers.stuck.append(village.fail())
        await asyncio.sleep(20)
        assert village.incident().outcome == "healed"
        village.cluster.down.add(village.incident().target)
        await asyncio.sleep(30)
    second = village.incident(2)
    assert second.cause.episode == village.incident(1).cause.episode
    assert second.outcome == "healed"
    assert len(village.gates.orders) == 2


async def test_a_closed_episode_that_is_not_true_again_opens_nothing():
    village = Village()
    async with village.armed():
        village.alertmanagers.stuck.append(village.fail())
        await asyncio.sleep(300)
    assert len(village.written(ie.IncidentOpened)) == 1


async def test_an_incident_that_needs_no_ladder_is_nobodys():
    village = Village()
    async with village.armed():
        fired = village.fail()
        village.alertmanagers.alerts[:] = [
            replace(
                fired,
                labels=tuple((k, "none" if k == "heal" else v) for k, v in fired.labels),
            )
        ]
        await asyncio.sleep(10)
    assert village.kinds == []
