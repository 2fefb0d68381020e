"""What the healer cannot see or cannot write down keeps it from acting, and is lost to nobody."""

import asyncio

import pytest

from healer.core import incident_events as ie
from healer.core.picture import NodeHealth
from healer.core.states import State
from healer.errors import LeaseLost
from tests.healer.village import Village, simple

pytestmark = pytest.mark.looptime(start=0)


# --- What it cannot see ---------------------------------------------------------------------


@pytest.mark.parametrize("fast", [False, True])
async def test_without_prometheus_nothing_is_done_even_where_the_gate_confirms(fast):
    village = Village(simple(fast=fast))
    async with village.armed():
        village.prometheus.silent = True
        village.fail()
        await asyncio.sleep(60)
        assert (village.gates.orders, village.hold()) == ([], "minority")
        village.prometheus.silent = False
        await asyncio.sleep(20)
    assert village.incident().outcome == "healed"


async def test_one_alertmanager_of_two_is_not_enough_to_act():
    village = Village()
    async with village.armed():
        village.alertmanagers.away = "http://elsewhere"
        village.fail()
        await asyncio.sleep(60)
        assert (village.gates.orders, village.hold()) == ([], "alertmanager_silent")
        village.alertmanagers.away = ""
        await asyncio.sleep(20)
    assert village.incident().outcome == "healed"


@pytest.mark.parametrize(
    ("witness", "done"), [("nobody", True), ("peers", False), ("scrape", False)]
)
async def test_the_alertmanager_of_a_node_that_everybody_misses_is_done_without(witness, done):
    village = Village()
    async with village.armed():
        village.alertmanagers.away = "web3"
        village.cluster.dark.add("web3")
        village.prometheus.hears = {"web3": NodeHealth(witness == "scrape", witness == "peers")}
        village.fail()
        await asyncio.sleep(60)
        assert village.watch.done_without == (("web3",) if done else ())
        assert len(village.gates.orders) == done
        assert ("alertmanager_silent" in village.watch.freezes()) is not done
    if done:
        assert village.incident().outcome == "healed"


async def test_without_the_watchdog_nothing_is_done():
    village = Village()
    async with village.armed():
        village.alertmanagers.watchdog = False
        village.fail()
        await asyncio.sleep(60)
        assert (village.gates.orders, village.hold()) == ([], "no_watchdog")
        assert "no_watchdog" in village.watch.freezes()


async def test_after_a_jump_of_the_clock_no_age_is_trusted_for_a_while():
    village = Village()
    async with village.armed():
        village.clock.now += 30
        village.fail()
        await asyncio.sleep(50)
        assert (village.gates.orders, village.hold()) == ([], "clock_jumped")
        await asyncio.sleep(40)
    assert len(village.gates.orders) == 1


async def test_a_silence_that_comes_while_it_waits_stops_it():
    village = Village(simple(owner_settled=10.0))
    village.gates.age = 5.0
    async with village.armed():
        village.fail()
        await asyncio.sleep(5)
        assert village.hold() == "owner_settling"
        village.alertmanagers.silence()
        village.gates.age = 60.0
        await asyncio.sleep(60)
        assert (village.gates.orders, village.hold()) == ([], "silenced")


async def test_who_silenced_an_alert_is_not_called_because_hale_holds_for_the_silence():
    village = Village()
    village.cluster.deaf.add("web1")
    async with village.armed():
        village.fail()
        await asyncio.sleep(14)
        assert village.alertmanagers.posted[-1].over is False  # it holds, and says so
        village.cluster.deaf.clear()
        village.alertmanagers.silence()
        await asyncio.sleep(120)
        assert village.hold() == "silenced"
    last = village.alertmanagers.posted[-1]
    assert (dict(last.labels)["alertname"], last.over) == ("HealerHolds", True)


# --- No room to write -----------------------------------------------------------------------


async def test_with_a_full_disk_nothing_is_done_a_person_is_called_and_nothing_is_lost():
    village = Village()
    async with village.armed():
        village.store.full = True
        village.fail()
        await asyncio.sleep(30)
        assert (village.gates.orders, village.kinds) == ([], [])
        assert "post HealerFrozen" in village.diary
        village.store.full = False
        await asyncio.sleep(20)
    assert village.incident().outcome == "healed"


async def test_what_was_begun_before_the_disk_was_full_is_ended_from_the_reserve():
    village = Village()
    village.gates.pause = asyncio.Event()
    async with village.armed():
        village.fail()
        await asyncio.sleep(3)
        village.store.full = True
        village.gates.pause.set()
        await asyncio.sleep(20)
    assert [type(one).__name__ for one in village.written(ie.ActionEnded)] == ["ActionEnded"]
    assert len(village.gates.orders) == 1


async def test_an_end_that_cannot_be_written_is_kept_until_it_can():
    village = Village()
    village.gates.pause = asyncio.Event()
    async with village.armed():
        village.fail()
        await asyncio.sleep(3)
        village.store.reserve_gone = True
        village.gates.pause.set()
        await asyncio.sleep(20)
        assert village.incident().state is State.ACTING
        village.store.reserve_gone = False
        await asyncio.sleep(20)
    assert village.incident().outcome == "healed"
    assert len(village.gates.orders) == 1


async def test_a_healer_that_lost_its_lease_ends():
    village = Village()

    async def lose_it() -> None:
        async with village.armed():
            village.store.lost = True
            village.fail()
            await asyncio.sleep(20)

    with pytest.raises(ExceptionGroup) as ended:
        await lose_it()
    assert ended.group_contains(LeaseLost)
    assert village.gates.orders == []


@pytest.mark.parametrize("on_disk", [True, False])
async def test_a_history_in_memory_alone_is_told_and_stops_nothing(on_disk):
    village = Village()
    village.store.on_disk = on_disk
    async with village.armed():
        village.fail()
        await asyncio.sleep(20)
        told = village.metrics.registry.get_sample_value("healer_history_in_memory")
    assert (told, village.incident().outcome) == (float(not on_disk), "healed")
