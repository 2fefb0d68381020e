"""An incident ends by what was seen on fresh data, never by an alert's absence or a gate's word."""

import asyncio
import math

import pytest

from healer.core import incident_events as ie
from healer.core.attempt import Outcome
from healer.core.order import Ended
from healer.core.states import State
from tests.healer.core.world import alert
from tests.healer.village import A_HEAL, Village, simple

pytestmark = pytest.mark.looptime(start=0)


# --- Proof ----------------------------------------------------------------------------------


async def test_a_restart_that_does_not_help_is_tried_again_and_then_a_person_has_it():
    village = Village()
    village.gates.cures = False
    async with village.armed():
        village.fail()
        await asyncio.sleep(90)
    assert len(village.gates.orders) == 2
    assert village.incident().state is State.ESCALATED
    assert village.incident().escalation == "ladder_exhausted"


async def test_samples_from_before_the_end_prove_nothing():
    village = Village()
    village.prometheus.sample_age = 25.0
    async with village.armed():
        village.fail()
        await asyncio.sleep(19)
        # It has long served again, but nothing that was seen is newer than the action.
        assert village.cluster.serves(village.incident().target)
        assert village.incident().state is State.VERIFYING
        await asyncio.sleep(10)
    proof = village.written(ie.VerificationEnded)[0]
    assert (proof.verified, proof.reason) == (False, "old_sample")


async def test_one_bad_look_starts_the_soak_anew():
    village = Village(simple(soak=10.0))
    async with village.armed():
        village.fail()
        await asyncio.sleep(8)
        failed = village.incident().target
        village.cluster.down.add(failed)
        await asyncio.sleep(2)
        village.cluster.down.discard(failed)
        await asyncio.sleep(8)
        assert village.incident().state is State.VERIFYING
        await asyncio.sleep(6)
    assert village.incident().outcome == "healed"
    (proof,) = village.written(ie.VerificationEnded)
    assert proof.detail.endswith("held for 10 s")


async def test_a_service_that_does_not_answer_from_outside_is_not_healed():
    village = Village()
    village.probes.refuses = True
    async with village.armed():
        village.fail()
        await asyncio.sleep(30)
    assert village.written(ie.VerificationEnded)[0].reason == "outside_probe"


async def test_an_alert_that_still_fires_does_not_make_a_repair_fail():
    village = Village()
    async with village.armed():
        village.alertmanagers.stuck.append(village.fail())
        await asyncio.sleep(9)
        assert village.incident().outcome == "healed"
        await asyncio.sleep(60)
    assert village.kinds == A_HEAL


def tell_slow(village: Village) -> None:
    """Let Alertmanager have a new critical alert about what was restarted."""
    began = village.clock.wall()
    village.alertmanagers.stuck.append(alert("ServiceSlow", began=began, heal="none"))


async def test_a_new_critical_alert_in_the_footprint_makes_a_repair_fail():
    village = Village()
    village.prometheus.lingering["ServiceSlow"] = math.inf
    async with village.armed():
        village.fail()
        await asyncio.sleep(3)
        assert village.incident().state is State.VERIFYING
        tell_slow(village)
        await asyncio.sleep(25)
    assert village.written(ie.VerificationEnded)[0].reason == "new_alarm"


@pytest.mark.parametrize("strange", [True, False], ids=["no rule", "not true"])
@pytest.mark.parametrize("ahead", [0.0, 1e9])
async def test_a_critical_alert_that_prometheus_does_not_confirm_makes_no_repair_fail(
    strange, ahead
):
    village = Village()
    village.prometheus.strange = frozenset({"Zzz"} if strange else ())
    async with village.armed():
        village.fail()
        await asyncio.sleep(3)
        began = village.clock.wall() + ahead
        village.alertmanagers.stuck.append(alert("Zzz", began=began, heal="none"))
        village.alertmanagers.of_groups.append(
            alert("Zzz", "", began=began, heal="none", group="web")
        )
        await asyncio.sleep(25)
    assert village.written(ie.VerificationEnded)[0].reason == "proved"


@pytest.mark.parametrize(
    ("group", "severity", "window", "reason"),
    [
        ("web", "critical", 0.0, "new_alarm"),
        ("web", "warning", 0.0, "proved"),
        ("control", "critical", 0.0, "proved"),
        ("web", "critical", 300.0, "proved"),  # it would fire for that long whatever helped
    ],
)
async def test_a_new_critical_alert_about_a_group_that_lost_something_makes_a_repair_fail(
    group, severity, window, reason
):
    village = Village()
    village.prometheus.windows["PoolWithoutMembers"] = window
    village.prometheus.lingering["PoolWithoutMembers"] = math.inf
    async with village.armed():
        village.fail()
        await asyncio.sleep(3)
        labels = {"group": group, "severity": severity}
        village.alertmanagers.of_groups.append(
            alert("PoolWithoutMembers", "", began=village.clock.wall(), heal="none", **labels)
        )
        await asyncio.sleep(25)
    assert village.written(ie.VerificationEnded)[0].reason == reason


async def test_prometheus_away_at_the_end_of_an_action_proves_nothing_until_it_is_back():
    village = Village()
    village.gates.pause = asyncio.Event()
    async with village.armed():
        village.fail()
        await asyncio.sleep(3)
        village.prometheus.silent = True
        village.gates.pause.set()
        await asyncio.sleep(10)
        assert village.incident().state is State.VERIFYING
        village.prometheus.silent = False
        await asyncio.sleep(10)
    assert village.incident().outcome == "healed"


@pytest.mark.parametrize("reason", ["config_check", "start_failed"])
async def test_what_the_gate_says_is_what_the_attempt_says(reason):
    outcome = Outcome.REFUSED if reason == "config_check" else Outcome.FAILED
    village = Village()
    village.gates.ended, village.gates.cures = Ended(outcome, reason, "nginx: [emerg]"), False
    async with village.armed():
        village.fail()
        await asyncio.sleep(4)
    first = village.incident().attempts[0]
    assert (first.outcome, first.reason, first.detail) == (outcome, reason, "nginx: [emerg]")


async def test_a_refusal_for_good_goes_to_a_person_at_once():
    village = Village()
    refused = Ended(Outcome.REFUSED, "config_check", "nginx: [emerg] no port")
    village.gates.ended, village.gates.cures = refused, False
    async with village.armed():
        village.fail()
        await asyncio.sleep(60)
    assert village.incident().state is State.ESCALATED
    assert village.incident().escalation == "config_check"
    assert len(village.gates.orders) == 1


async def test_two_members_that_fail_alike_are_repaired_one_after_the_other():
    village = Village()
    async with village.armed():
        village.fail("web1/nginx")
        village.fail("web2/nginx")
        await asyncio.sleep(40)
    second = [order.node for order in village.gates.orders].index("web2")
    assert second == 1
    proved = village.diary.index("journal VerificationEnded")
    assert proved < village.diary.index("gate web2 service.restart nginx.service")
    assert {one.outcome for one in village.journal.board.incidents.values()} == {"healed"}


# --- How long it took -----------------------------------------------------------------------


def counted(village: Village) -> dict[str, float]:
    """How often this life of the healer counted each step of a heal."""
    return {
        sample.labels["step"]: sample.value
        for family in village.metrics.time_to.collect()
        for sample in family.samples
        if sample.name.endswith("_count")
    }


async def test_each_step_of_a_heal_is_counted_once_however_often_the_healer_is_killed():
    village = Village(simple(soak=30.0))
    async with village.armed():
        village.fail()
        await asyncio.sleep(12)
        assert village.incident().state is State.VERIFYING
        assert counted(village) == {"detect": 1, "decide": 1, "act": 1, "serve": 0, "redundancy": 0}
    async with village.alive():
        await asyncio.sleep(40)
        assert village.incident().outcome == "healed"
        assert counted(village) == {"detect": 0, "decide": 0, "act": 0, "serve": 1, "redundancy": 1}
    async with village.alive():
        await asyncio.sleep(10)
        assert sum(counted(village).values()) == 0


async def test_what_serves_again_did_so_when_the_soak_began():
    village = Village(simple(soak=20.0))
    async with village.armed():
        village.fail()
        await asyncio.sleep(60)
    (proof,) = village.written(ie.VerificationEnded)
    closed = village.incident().changed_at
    assert proof.served_at is not None
    assert 20 <= closed - proof.served_at < 25


async def test_what_fired_before_anybody_looked_is_no_measure_of_detecting():
    village = Village()
    village.fail()
    async with village.armed():
        await asyncio.sleep(10)
        assert village.hold() == "pre_existing"
        assert counted(village)["detect"] == 0
