"""A node that has its lock asks again: each yes is to a boot in this moment; on virtual time."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from healer.core.alert import Target
from healer.core.ladder import Window
from healer.core.maintenance import Maintenance
from healer.core.upkeep import Phase
from healer.errors import Refused
from healer.web.locks import PATIENCE, Locks
from tests.healer.core.world import alert
from tests.healer.fakes import LoopClock
from tests.healer.tier import candidates, tier
from tests.healer.upkeeps import TAKEN, done, phase
from tests.healer.village import Village

pytestmark = pytest.mark.looptime(start=0)

WHILE_AWAY = 600.0


def locks(village: Village) -> Locks:
    return Locks(village.upkeeper, village.gatherer, village.watch, 7200.0, None)


def dies(*nodes: str) -> Callable[[Village], None]:
    return lambda village: village.cluster.down.update(
        alert(at=f"{node}/nginx").target for node in nodes
    )


async def test_all_being_well_it_is_told_again_that_it_may_boot():
    village = Village(tier())
    async with village.armed():
        asks = locks(village)
        await asks.lock("web1", "m")
        await asyncio.sleep(WHILE_AWAY)
        assert (await asks.lock("web1", "m")).phase is Phase.AWAY
    assert done(village) == TAKEN


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (dies("web2"), "capacity"),
        (lambda village: setattr(village.gates, "holds", ("do not boot",)), "gate_hold"),
        (
            lambda village: setattr(village.alertmanagers, "silent", True),
            "no_watchdog",
        ),
        (lambda village: setattr(village.prometheus, "silent", True), "minority"),
    ],
)
async def test_what_happened_since_is_asked_before_it_boots_and_it_stays_out_of_service(
    happens, reason
):
    village = Village(tier())
    async with village.armed():
        asks = locks(village)
        await asks.lock("web1", "m")
        await asyncio.sleep(WHILE_AWAY)
        happens(village)
        await asyncio.sleep(5)
        with pytest.raises(Refused) as refused:
            await asks.lock("web1", "m")
        assert refused.value.reason == reason
        (waits,) = village.watch.waiting_for_lock()
        assert (waits.node, waits.reason) == ("web1", reason)
        assert phase(village) is Phase.AWAY
    assert done(village) == TAKEN


@pytest.mark.parametrize(
    ("said", "taken_back", "reason"),
    [
        (
            lambda people: people.freeze("storage moves", "ann"),
            lambda people: people.unfreeze("ann"),
            "frozen",
        ),
        (
            lambda people: people.hold("web1", "do not boot", "ann", None),
            lambda people: people.release("web1", "ann"),
            "person_hold",
        ),
    ],
)
async def test_a_persons_no_keeps_it_from_booting_until_they_take_it_back(said, taken_back, reason):
    village = Village(tier())
    async with village.armed():
        asks = locks(village)
        await asks.lock("web1", "m")
        await said(village.operators)
        with pytest.raises(Refused, match=reason):
            await asks.lock("web1", "m")
        await taken_back(village.operators)
        await asks.lock("web1", "m")
    assert done(village) == TAKEN


async def test_a_healer_that_leads_no_more_says_yes_to_nothing():
    village = Village(tier())
    async with village.armed():
        asks = locks(village)
        await asks.lock("web1", "m")
        village.watch.leading = False
        with pytest.raises(Refused, match="not_leader"):
            await asks.lock("web1", "m")


async def test_a_window_that_opens_keeps_it_from_booting():
    hours = Window("disk", frozenset(range(7)), 0, 24 * 60)
    starts = LoopClock().now + WHILE_AWAY
    window = Maintenance("disk", "by hand", "web1", frozenset({"web1"}), hours, starts=starts)
    village = Village(replace(tier(), maintenance=(window,)))
    async with village.armed():
        asks = locks(village)
        await asks.lock("web1", "m")
        await asyncio.sleep(WHILE_AWAY)
        with pytest.raises(Refused, match="maintenance"):
            await asks.lock("web1", "m")


async def test_voters_that_died_since_keep_it_from_booting():
    plain = tier(floor=0)
    web = replace(plain.groups["web"], votes=True)
    village = Village(replace(plain, groups={**plain.groups, "web": web}))
    async with village.armed():
        asks = locks(village)
        await asks.lock("web1", "m")
        dies("web2")(village)
        with pytest.raises(Refused, match="quorum"):
            await asks.lock("web1", "m")


async def test_it_is_told_yes_once_an_address_that_it_gave_up_rests_elsewhere():
    plain = candidates()
    village = Village(plain)
    async with village.armed():
        await asyncio.sleep(15)
        began = asyncio.get_running_loop().time()
        await locks(village).lock("lb1", "m")
        assert asyncio.get_running_loop().time() - began < PATIENCE
        assert "gate lb1 address.decline vip" in done(village)


async def test_a_node_that_is_given_back_meanwhile_gets_no_yes():
    village = Village(tier())
    async with village.armed():
        asks = locks(village)
        await asks.lock("web1", "m")
        village.cluster.down.add(Target("web2", "nginx"))
        again = asyncio.create_task(asks.lock("web1", "m"))
        await village.upkeeper.end("web1", "root")
        with pytest.raises(Refused):
            await again
