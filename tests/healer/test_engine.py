"""A healer on virtual time, between stand-ins that share one diary: how it heals, and how it proves."""

import asyncio
from dataclasses import replace

import pytest

from healer.core import events as ev
from healer.core.incident import Outcome, State
from healer.core.order import Ended
from tests.healer.core.world import alert
from tests.healer.village import Village, simple

pytestmark = pytest.mark.looptime(start=0)

TOLD = "gate web1 service.restart nginx.service"

A_HEAL = [
    "IncidentOpened",
    "ActionIntended",
    "ActionEnded",
    "VerificationEnded",
    "IncidentClosed",
]


# --- One heal -------------------------------------------------------------------------------


async def test_a_dead_service_is_restarted_once_and_proved():
    village = Village()
    async with village.armed():
        village.fail()
        await asyncio.sleep(20)
    assert village.kinds == A_HEAL
    assert village.incident().outcome == "healed"
    assert [order.unit for order in village.gates.orders] == ["nginx.service"]


async def test_what_will_be_done_is_durable_before_the_gate_hears_of_it():
    village = Village()
    async with village.armed():
        village.fail()
        await asyncio.sleep(20)
    assert village.diary.index(TOLD) == village.diary.index("journal ActionIntended") + 1


async def test_ids_of_two_lives_never_meet():
    village = Village()
    for _ in range(2):
        async with village.armed():
            village.fail()
            await asyncio.sleep(20)
    assert [order.action_id for order in village.gates.orders] == ["1.2.1", "1.3.1"]


async def test_a_webhook_only_makes_the_next_look_come_sooner():
    village = Village()
    async with village.armed():
        await asyncio.sleep(0.5)  # in the middle between two looks
        village.fail()
        village.engine.wake()
        await asyncio.sleep(0.1)
        assert village.gates.orders


# --- The end of an action that was not heard ------------------------------------------------


async def test_an_unheard_end_is_asked_for_and_nothing_is_sent_twice():
    village = Village()
    village.gates.mute = True
    async with village.armed():
        village.fail()
        await asyncio.sleep(20)
    assert village.diary.count(TOLD) == 1
    assert village.diary.index("settle web1 1.2.1") > village.diary.index(TOLD)
    assert village.kinds == A_HEAL
    assert village.incident().outcome == "healed"


async def test_a_gate_that_still_works_is_asked_again_until_it_has_ended():
    village = Village()
    village.gates.mute = village.gates.running = True
    async with village.armed():
        village.fail()
        await asyncio.sleep(10)
        assert village.incident().state is State.ACTING
        village.gates.running = False
        await asyncio.sleep(10)
    assert village.diary.count(TOLD) == 1
    assert village.diary.count("settle web1 1.2.1") > 5
    assert village.incident().outcome == "healed"


async def test_a_gate_that_never_answers_again_makes_the_outcome_unknown_and_the_next_try_another_id():
    village = Village()
    village.gates.mute = village.gates.running = True
    village.gates.cures = False
    async with village.armed():
        village.fail()
        await asyncio.sleep(2)
        assert len(village.gates.orders) == 1
        village.cluster.deaf.add("web1")
        await asyncio.sleep(30)
        # Its deadline is over but for the grace: it still counts as under way.
        assert village.incident().state is State.ACTING
        await asyncio.sleep(8)
        assert village.incident().attempts[0].outcome is Outcome.UNKNOWN
        assert village.incident().state is State.VERIFYING
        await asyncio.sleep(20)
        assert village.incident().attempts[0].outcome is Outcome.NOT_VERIFIED
        village.cluster.deaf.clear()
        village.gates.mute = village.gates.running = False
        village.gates.cures = True
        await asyncio.sleep(20)
    assert [order.action_id for order in village.gates.orders] == ["1.2.1", "1.2.2"]
    assert village.incident().outcome == "healed"


async def test_a_request_that_never_left_costs_no_attempt():
    village = Village()
    async with village.armed():
        village.fail()
        village.cluster.deaf.add("web1")
        await asyncio.sleep(6)
        assert village.hold() == "gate_silent"
        village.cluster.deaf.clear()
        await asyncio.sleep(20)
    assert [one.outcome for one in village.incident().attempts] == [Outcome.VERIFIED]


async def test_the_next_life_asks_how_the_last_one_s_action_ended():
    village = Village()
    village.gates.pause = asyncio.Event()
    async with village.armed():
        village.fail()
        await asyncio.sleep(4)
        assert village.incident().state is State.ACTING
    village.mend()  # the gate went on without its healer
    village.gates.pause = None
    async with village.alive():
        await asyncio.sleep(20)
    assert village.diary.count(TOLD) == 1
    assert "settle web1 1.2.1" in village.diary
    assert village.kinds == A_HEAL


async def test_an_action_that_was_intended_and_never_sent_is_voided_and_tried_anew():
    village = Village()
    async with village.armed():
        village.fail()
        await asyncio.sleep(3)
    # As if the healer had died between the two: the journal has it, the gate does not.
    del village.store.records[-1:]
    village.gates.orders.clear()
    village.cluster.down.add(village.incident().target)
    assert isinstance(village.store.records[-1].event, ev.ActionIntended)
    async with village.alive():
        await asyncio.sleep(20)
    outcomes = [one.outcome for one in village.incident().attempts]
    assert outcomes == [Outcome.NOT_SENT, Outcome.VERIFIED]
    assert [order.action_id for order in village.gates.orders] == ["1.3.1"]


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


async def test_a_new_critical_alert_in_the_footprint_makes_a_repair_fail():
    village = Village()
    async with village.armed():
        village.fail()
        await asyncio.sleep(3)
        assert village.incident().state is State.VERIFYING
        began = village.clock.wall()
        village.alertmanagers.stuck.append(alert("ServiceSlow", began=began, heal="none"))
        await asyncio.sleep(25)
    assert village.written(ev.VerificationEnded)[0].reason == "new_alarm"


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
