"""A switch fails: the healer stands still with a reason, says so once, and goes on by itself."""

import asyncio

import pytest

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.states import State
from tests.healer.village import Village, simple

pytestmark = pytest.mark.looptime(start=0)


def told(village: Village, name: str, *, over: bool = False) -> int:
    """Return how many different alerts of a name were posted."""
    posted = village.alertmanagers.posted
    alerts = {one.labels for one in posted if dict(one.labels)["alertname"] == name}
    return len([one for one in posted if one.over and one.labels in alerts] if over else alerts)


def six() -> Village:
    """mon1 and five that serve, each in a failure domain of its own."""
    return Village(simple(web=5))


async def test_half_of_the_nodes_vanish_and_nothing_is_done_until_calm_was_seen():
    village = six()
    async with village.armed():
        village.vanish("web3", "web4", "web5")
        village.fail("web1/nginx")
        village.fail("web2/nginx")
        await asyncio.sleep(300)
        assert {"storm", "minority"} <= village.watch.freezes()
        assert (village.hold(1), village.hold(2)) == ("minority", "minority")
        village.cluster.dark.clear()
        await asyncio.sleep(100)
        assert (village.gates.orders, village.hold()) == ([], "storm")
        assert (told(village, "HealerFrozen"), told(village, "HealerHolds")) == (1, 0)
        await asyncio.sleep(60)
        assert told(village, "HealerFrozen", over=True) == 1
        assert village.watch.freezes() == frozenset()
    assert village.incident(1).outcome == village.incident(2).outcome == "healed"
    assert len(village.gates.orders) == 2


async def test_a_storm_that_leaves_a_majority_holds_all_the_same():
    village = Village(simple(web=7))
    async with village.armed():
        village.vanish("web5", "web6", "web7")
        village.fail()
        await asyncio.sleep(60)
        assert (village.gates.orders, village.hold()) == ([], "storm")
        assert "minority" not in village.watch.freezes()
        assert (told(village, "HealerFrozen"), told(village, "HealerHolds")) == (1, 0)
        exposed = village.metrics.exposition().decode()
        assert 'healer_frozen{reason="storm"} 1.0' in exposed
        assert "healer_incident_holding{" not in exposed


async def test_an_incident_on_one_that_vanished_does_not_call_either():
    village = Village(simple(web=7))
    async with village.armed():
        village.fail("web7/nginx")
        village.vanish("web5", "web6", "web7")
        await asyncio.sleep(60)
        assert (village.gates.orders, village.hold()) == ([], "storm")
        assert told(village, "HealerHolds") == 0
        village.cluster.dark = {"web7"}  # the switch is back, this one is not
        await asyncio.sleep(150)
        assert told(village, "HealerHolds") + told(village, "HealerEscalation") == 1


async def test_two_of_six_are_no_storm():
    village = six()
    async with village.armed():
        village.vanish("web4", "web5")
        village.fail()
        await asyncio.sleep(20)
        assert village.watch.freezes() == frozenset()
    assert village.incident().outcome == "healed"
    assert village.alertmanagers.posted == []


async def test_a_healer_that_starts_in_the_middle_of_it_freezes_too():
    village = six()
    village.vanish("web3", "web4", "web5")
    async with village.armed():
        village.fail()
        await asyncio.sleep(60)
        assert "storm" in village.watch.freezes()
        village.cluster.dark.clear()
        await asyncio.sleep(100)
        assert village.gates.orders == []
        await asyncio.sleep(60)
    assert village.incident().outcome == "healed"


async def test_a_healer_that_restarts_while_calm_is_still_due_waits_for_all_of_it():
    village = six()
    async with village.armed():
        village.vanish("web3", "web4", "web5")
        village.fail()
        await asyncio.sleep(60)
        assert "storm" in village.watch.freezes()
        village.cluster.dark.clear()
        await asyncio.sleep(10)
    async with village.alive():
        await asyncio.sleep(100)
        assert (village.gates.orders, "storm" in village.watch.freezes()) == ([], True)
        await asyncio.sleep(60)
    assert village.incident().outcome == "healed"
    (began,) = village.written(ev.StormBegan)
    assert began == ev.StormBegan(("web3", "web4", "web5"))
    assert len(village.written(ev.StormEnded)) == 1


async def test_nothing_is_begun_in_the_cycle_in_which_they_vanish():
    """The decision's own picture is newer than the look before it."""
    village = six()
    async with village.armed():
        village.fail()
        village.vanish("web3", "web4", "web5")
        village.engine.wake()
        await asyncio.sleep(1)
    assert village.gates.orders == []
    assert [type(one) for one in village.written(ie.ActionIntended)] == []


async def test_what_was_begun_before_is_ended_and_proved():
    village = six()
    village.gates.pause = asyncio.Event()
    async with village.armed():
        village.fail()
        await asyncio.sleep(4)
        assert village.incident().state is State.ACTING
        village.vanish("web3", "web4", "web5")
        village.gates.pause.set()
        await asyncio.sleep(20)
    assert village.incident().outcome == "healed"


async def test_a_prometheus_that_is_away_is_no_storm():
    village = six()
    async with village.armed():
        village.prometheus.silent = True
        await asyncio.sleep(100)
        assert village.watch.freezes() == {"minority"}
        assert told(village, "HealerFrozen") == 1
        village.prometheus.silent = False
        await asyncio.sleep(4)
        assert village.watch.freezes() == frozenset()
