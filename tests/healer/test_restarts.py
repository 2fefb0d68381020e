"""What was decided once is decided the same after a restart: all of it is in the journal and read back from there."""

import asyncio

import pytest

from healer.core import incident_events as ie
from healer.core.attempt import Outcome
from healer.core.order import Ended
from healer.core.states import State
from tests.healer.village import Village, simple

pytestmark = pytest.mark.looptime(start=0)


async def heals(village: Village, times: int) -> str | None:
    """Fail and be healed so often, each in a life of the healer of its own; return what held the last one."""
    held = None
    for number in range(1, times + 1):
        async with village.alive():
            village.fail()
            await asyncio.sleep(10)
            held = village.hold(number)
        village.mend()
    return held


async def test_a_budget_that_was_spent_is_spent_in_the_next_life():
    village = Village(simple(budget_node=2, flapping=99))
    async with village.armed():
        await asyncio.sleep(1)
    assert await heals(village, 3) == "budget"
    assert len(village.gates.orders) == 2


async def test_a_cooldown_goes_on_in_the_next_life_and_ends_by_itself():
    village = Village(simple(cooldown=120.0))
    async with village.armed():
        village.fail()
        await asyncio.sleep(20)
    async with village.alive():
        village.fail()
        await asyncio.sleep(10)
        assert village.hold(2) == "cooldown"
    async with village.alive():
        await asyncio.sleep(10)
        assert village.hold(2) == "cooldown"
        await asyncio.sleep(110)
    assert len(village.gates.orders) == 2


async def test_what_flaps_is_known_to_flap_in_the_next_life():
    village = Village(simple(flapping=2))
    async with village.armed():
        await asyncio.sleep(1)
    assert await heals(village, 3) == "flapping"
    assert len(village.gates.orders) == 2


async def test_the_success_record_of_an_action_is_whole_in_the_next_life():
    village = Village(simple(flapping=99))
    async with village.armed():
        village.fail()
        await asyncio.sleep(20)
    village.mend()
    async with village.alive():
        village.gates.ended = Ended(Outcome.FAILED, "start_failed", "no port")
        village.fail()
        await asyncio.sleep(2.5)
        before = village.journal.board.recent(village.clock.wall())
    async with village.alive():
        after = village.journal.board.recent(village.clock.wall())[: len(before)]
    told = [
        (one.incident, one.alert_name, one.attempt.action, str(one.attempt.target)) for one in after
    ]
    assert told[:2] == [
        ("1", "ServiceDown", "service.restart", "web1/nginx"),
        ("2", "ServiceDown", "service.restart", "web1/nginx"),
    ]
    assert [one.attempt.outcome for one in after[:1]] == [Outcome.VERIFIED]
    assert after[0] == before[0]


async def test_a_freeze_and_a_hold_outlive_the_healer():
    village = Village()
    async with village.armed():
        await village.operators.freeze("moving rack b", "ann")
        await village.operators.hold("web1", "a fan", "bob", None)
    for _ in range(2):
        async with village.alive():
            village.fail()
            await asyncio.sleep(10)
            assert set(village.journal.board.freezes) == {"moving rack b"}
            assert [one.reason for one in village.journal.board.held(village.watch.now)] == [
                "a fan"
            ]
    assert village.gates.orders == []


async def test_the_tries_of_a_rung_are_not_given_anew_by_a_restart():
    village = Village()
    village.gates.cures = False
    async with village.armed():
        village.fail()
        await asyncio.sleep(40)
        assert len(village.gates.orders) >= 1
    for _ in range(3):
        async with village.alive():
            await asyncio.sleep(60)
    assert len(village.gates.orders) == 2
    assert village.incident().state is State.ESCALATED


async def test_a_closed_episode_opens_nothing_in_the_next_life():
    village = Village()
    async with village.armed():
        village.alertmanagers.stuck.append(village.fail())
        await asyncio.sleep(20)
        assert village.incident().outcome == "healed"
    async with village.alive():
        await asyncio.sleep(60)
    assert len(village.written(ie.IncidentOpened)) == 1
