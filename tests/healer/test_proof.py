"""An incident ends by what was seen on fresh data, never by an alert's absence or a gate's word."""

import asyncio
import math
from dataclasses import replace

import pytest

from healer.core import events as ev
from healer.core.attempt import Outcome
from healer.core.order import Ended
from healer.core.states import State
from tests.healer.core.world import alert
from tests.healer.fakes import LoopClock
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
    proof = village.written(ev.VerificationEnded)[0]
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
    (proof,) = village.written(ev.VerificationEnded)
    assert proof.detail.endswith("held for 10 s")


async def test_a_service_that_does_not_answer_from_outside_is_not_healed():
    village = Village()
    village.probes.refuses = True
    async with village.armed():
        village.fail()
        await asyncio.sleep(30)
    assert village.written(ev.VerificationEnded)[0].reason == "outside_probe"


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
    assert village.written(ev.VerificationEnded)[0].reason == "new_alarm"


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
    assert village.written(ev.VerificationEnded)[0].reason == "proved"


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
    assert village.written(ev.VerificationEnded)[0].reason == reason


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


# --- Ends without an action -----------------------------------------------------------------


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
    assert len(village.written(ev.IncidentOpened)) == 1


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


# --- What looks back ------------------------------------------------------------------------


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
    (proof,) = village.written(ev.VerificationEnded)
    assert (proof.verified, len(village.gates.orders)) == (True, 1)
    assert village.incident().outcome == "healed"


async def test_an_alert_that_outlasts_its_window_is_new():
    village = Village()
    village.prometheus.windows["ErrorsHigh"] = 60.0
    async with village.armed():
        await failing_for(village, 80)
        assert village.written(ev.VerificationEnded) == []
        burn(village)
        await asyncio.sleep(15)
    (proof, *_) = village.written(ev.VerificationEnded)
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
    assert village.written(ev.VerificationEnded)[0].reason == "new_alarm"


async def test_a_series_that_is_recorded_over_a_window_is_waited_for_as_long():
    village = Village()
    village.gates.cures = False
    village.prometheus.windows["hale_service_up"] = 120.0
    async with village.armed():
        village.fail()
        await asyncio.sleep(140)
        assert village.written(ev.VerificationEnded) == []
        village.mend()
        await asyncio.sleep(10)
    (proof,) = village.written(ev.VerificationEnded)
    assert (proof.verified, len(village.gates.orders)) == (True, 1)


async def test_a_declared_window_counts_where_the_rule_says_nothing():
    village = Village(simple(lookback=120.0))
    village.gates.cures = False
    async with village.armed():
        village.fail()
        await asyncio.sleep(140)
        assert village.written(ev.VerificationEnded) == []
        await asyncio.sleep(20)
    assert village.written(ev.VerificationEnded)[0].reason == "still_bad"


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
        assert len(village.written(ev.IncidentOpened)) == 1
        await asyncio.sleep(40)
    assert len(village.written(ev.IncidentOpened)) == 2


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
    (proof,) = village.written(ev.VerificationEnded)
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


# --- Clocks that jump -----------------------------------------------------------------------


async def until_proved(village: Village) -> None:
    """Wait until an action has ended and its proof is looked for."""
    while "1" not in village.journal.board.incidents or not village.incident().attempts:
        await asyncio.sleep(0.25)
    while village.incident().state is not State.VERIFYING:
        await asyncio.sleep(0.25)


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
async def test_no_soak_is_jumped_over(jump):
    village = Village(simple(soak=30.0))
    village.cluster.clock = LoopClock()  # Prometheus is elsewhere
    async with village.armed():
        village.fail()
        await until_proved(village)
        await asyncio.sleep(4)
        village.clock.now += jump
        await asyncio.sleep(26)
        assert village.incident().state is State.VERIFYING
        # For a minute after the jump nothing is counted; then what is left of the soak.
        await asyncio.sleep(70)
    (proof,) = village.written(ev.VerificationEnded)
    assert proof.verified
    assert 29 <= float(proof.detail.split()[-2]) <= 34


async def test_a_proof_is_awaited_for_its_time_whatever_the_clock_says():
    village = Village()
    village.gates.cures = False
    async with village.armed():
        village.fail()
        await until_proved(village)
        await asyncio.sleep(1)
        village.clock.now += 600
        await asyncio.sleep(15)
        assert village.incident().state is State.VERIFYING
        await asyncio.sleep(70)
        assert village.written(ev.VerificationEnded)[0].reason == "still_bad"


async def test_a_clock_that_was_set_back_keeps_no_proof_and_no_try_waiting():
    village = Village()
    village.gates.cures = False
    village.cluster.clock = LoopClock()
    async with village.armed():
        village.fail()
        await until_proved(village)
        await asyncio.sleep(1)
        village.clock.now -= 7200
        await asyncio.sleep(95)
        assert village.written(ev.VerificationEnded)
        # It was armed anew, so what was tried before is not gone on with until a person says so.
        assert (len(village.gates.orders), village.hold()) == (1, "pre_existing")
        await village.operators.adopt("1", "ann")
        await asyncio.sleep(120)
    assert len(village.gates.orders) == 3
    assert village.incident().escalation == "ladder_exhausted"


async def test_a_gate_that_never_tells_is_asked_no_longer_than_its_deadline_though_the_clock_goes_back():
    village = Village()
    village.gates.mute = village.gates.running = True
    async with village.armed():
        village.fail()
        while not village.gates.orders:
            await asyncio.sleep(0.5)
        village.clock.now -= 86400
        await asyncio.sleep(45)
    (ended,) = village.written(ev.ActionEnded)
    assert (ended.outcome, ended.reason) == (Outcome.UNKNOWN, "gate_silent")


async def test_what_was_begun_in_a_former_life_has_waited_since_then():
    village = Village()
    village.gates.mute = village.gates.running = True
    async with village.armed():
        village.fail()
        while not village.gates.orders:
            await asyncio.sleep(0.5)
    await asyncio.sleep(20)
    async with village.alive():
        await asyncio.sleep(10)
        assert village.incident().state is State.ACTING
        await asyncio.sleep(10)
        assert village.written(ev.ActionEnded)
