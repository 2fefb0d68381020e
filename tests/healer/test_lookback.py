"""What a rule still sees in its window, though it is over, makes no repair fail and no recurrence."""

import asyncio
import math

import pytest

from healer.core import incident_events as ie
from tests.healer.core.world import alert
from tests.healer.village import A_HEAL, Village, simple

pytestmark = pytest.mark.looptime(start=0)


def burn(village: Village, at: str = "web1/nginx") -> None:
    """A critical alert about what the restart took away, of an expression that looks back."""
    fired = alert("ErrorsHigh", at, began=village.clock.wall(), heal="none")
    village.prometheus.lingering["ErrorsHigh"] = math.inf
    village.alertmanagers.stuck.append(fired)


async def failing_for(village: Village, seconds: float) -> None:
    """A restart after whose beginning another alert comes, which ends by itself after so long."""
    village.fail()
    await asyncio.sleep(3)
    burn(village)
    await asyncio.sleep(seconds)
    village.alertmanagers.stuck.clear()


async def test_an_alert_that_is_only_the_window_of_its_rule_does_not_make_a_repair_fail():
    village = Village()
    village.prometheus.windows["ErrorsHigh"] = 300.0
    async with village.armed():
        await failing_for(village, 200)
        await asyncio.sleep(10)
    (proof,) = village.written(ie.VerificationEnded)
    assert (proof.verified, len(village.gates.orders)) == (True, 1)
    assert village.incident().outcome == "healed"


async def test_an_alert_that_outlasts_its_window_is_new():
    village = Village()
    village.prometheus.windows["ErrorsHigh"] = 60.0
    async with village.armed():
        await failing_for(village, 80)
        assert village.written(ie.VerificationEnded) == []
        burn(village)
        await asyncio.sleep(15)
    (proof, *_) = village.written(ie.VerificationEnded)
    assert (proof.verified, proof.reason) == (False, "new_alarm")


async def test_one_that_does_not_look_back_fails_a_repair_within_its_time_whatever_others_do():
    village = Village()
    village.prometheus.windows["ErrorsHigh"] = 300.0
    async with village.armed():
        village.fail()
        await asyncio.sleep(3)
        burn(village)
        village.prometheus.lingering["DiskDead"] = math.inf
        village.alertmanagers.stuck.append(
            alert("DiskDead", "web1/nginx", began=village.clock.wall(), heal="none")
        )
        await asyncio.sleep(30)
    assert village.written(ie.VerificationEnded)[0].reason == "new_alarm"


async def test_a_series_that_is_recorded_over_a_window_is_waited_for_as_long():
    village = Village()
    village.gates.cures = False
    village.prometheus.windows["hale_service_up"] = 120.0
    async with village.armed():
        village.fail()
        await asyncio.sleep(140)
        assert village.written(ie.VerificationEnded) == []
        village.mend()
        await asyncio.sleep(10)
    (proof,) = village.written(ie.VerificationEnded)
    assert (proof.verified, len(village.gates.orders)) == (True, 1)


async def test_a_declared_window_counts_where_the_rule_says_nothing():
    village = Village(simple(lookback=120.0))
    village.gates.cures = False
    async with village.armed():
        village.fail()
        await asyncio.sleep(140)
        assert village.written(ie.VerificationEnded) == []
        await asyncio.sleep(20)
    assert village.written(ie.VerificationEnded)[0].reason == "still_bad"


async def test_an_alert_that_still_fires_through_its_window_is_no_recurrence():
    """The repair helped; the rule goes on seeing the errors of before it for five minutes."""
    village = Village()
    village.prometheus.windows["ServiceDown"] = 300.0
    async with village.armed():
        village.prometheus.lingering["ServiceDown"] = village.clock.wall() + 280
        village.alertmanagers.stuck.append(village.fail())
        await asyncio.sleep(300)
        village.alertmanagers.stuck.clear()
        await asyncio.sleep(60)
    assert len(village.gates.orders) == 1
    assert village.kinds == A_HEAL


async def test_an_alert_that_is_true_beyond_its_window_is_a_recurrence():
    village = Village()
    village.prometheus.windows["ServiceDown"] = 60.0
    async with village.armed():
        village.prometheus.lingering["ServiceDown"] = village.clock.wall() + 1000
        village.alertmanagers.stuck.append(village.fail())
        await asyncio.sleep(60)
        assert len(village.written(ie.IncidentOpened)) == 1
        await asyncio.sleep(40)
    assert len(village.written(ie.IncidentOpened)) == 2
