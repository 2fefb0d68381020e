"""All that keeps the healer from acting: modes, arming, people, and whatever it cannot see."""

import asyncio

import pytest

from healer.core import events as ev
from healer.core.alert import Target
from healer.core.decide import Hold
from healer.core.guards import GUARDS
from healer.core.incident import State
from healer.core.ladder import Mode
from healer.errors import LeaseLost, Refused
from tests.healer.core.world import alert
from tests.healer.village import ARMED, Village, simple

pytestmark = pytest.mark.looptime(start=0)


# --- Explain --------------------------------------------------------------------------------


async def test_explain_mode_says_hello_and_sends_no_verb():
    village = Village(simple(mode=Mode.EXPLAIN))
    async with village.armed():
        village.fail()
        await asyncio.sleep(60)
    assert ("web1", ("nginx.service",)) in village.gates.looks
    assert village.gates.orders == []
    assert not [line for line in village.diary if line.startswith(("gate", "settle"))]
    assert village.hold() == "explain_mode"


async def test_explain_mode_says_of_every_guard_what_it_had_and_what_it_needed():
    village = Village(simple(mode=Mode.EXPLAIN))
    async with village.armed():
        village.fail()
        await asyncio.sleep(5)
        explained = await village.operators.explain(
            Target("web2", "nginx"), "restart-service", "ServiceDown"
        )
    (held,) = village.written(ev.IncidentHeld)
    assert isinstance(explained.decision, Hold)
    for verdicts in held.verdicts, explained.decision.verdicts:
        assert [one.guard for one in verdicts] == [guard.name for guard in GUARDS]
        assert all(one.have and one.need for one in verdicts)


# --- Arming ---------------------------------------------------------------------------------


def old_failures(village: Village, number: int) -> None:
    for index in range(1, number + 1):
        village.fail(f"web{index}/nginx")


async def test_ten_old_failures_are_explained_and_not_touched():
    village = Village(simple(web=12))
    old_failures(village, 10)
    async with village.alive():
        await asyncio.sleep(120)
    assert village.gates.orders == []
    assert len(village.journal.board.open) == 10
    assert {one.hold.reason for one in village.written(ev.IncidentHeld)} == {"pre_existing"}


@pytest.mark.parametrize("number", [1, 7])
async def test_the_one_that_a_person_adopts_is_healed_and_the_other_nine_stay_untouched(number):
    village = Village(simple(web=12))
    old_failures(village, 10)
    async with village.alive():
        await asyncio.sleep(20)
        mine = next(one for one in village.journal.board.open if one.id == str(number))
        await village.operators.adopt(mine.id, "ann")
        await asyncio.sleep(60)
    assert [order.node for order in village.gates.orders] == [mine.target.node]
    assert village.incident(number).outcome == "healed"
    assert len(village.cluster.down) == 9


async def test_what_was_seen_clear_since_is_ours_when_it_fails_again():
    village = Village()
    old_failures(village, 1)
    async with village.alive():
        await asyncio.sleep(10)
        village.mend()
        await asyncio.sleep(10)
        assert village.written(ev.SeenClear)
        village.fail()
        await asyncio.sleep(20)
    assert len(village.gates.orders) == 1


async def test_a_switch_to_act_touches_nothing_that_already_fails():
    village = Village(simple(mode=Mode.EXPLAIN))
    async with village.armed():
        village.fail()
        await asyncio.sleep(10)
    async with village.alive(simple(mode=Mode.ACT)):
        await asyncio.sleep(60)
    assert (village.gates.orders, village.hold()) == ([], "pre_existing")


async def test_a_restart_under_the_same_modes_forgets_no_arming():
    village = Village()
    async with village.armed():
        pass
    village.fail()
    async with village.alive():
        await asyncio.sleep(20)
    assert village.incident().outcome == "healed"


async def test_after_an_hour_of_blindness_what_it_finds_is_pre_existing():
    village = Village()
    async with village.armed():
        pass
    await asyncio.sleep(1000)
    village.fail()
    await asyncio.sleep(3000)
    async with village.alive():
        await asyncio.sleep(60)
    assert (village.gates.orders, village.hold()) == ([], "pre_existing")


async def test_it_is_not_armed_before_prometheus_told_what_is_pending():
    village = Village()
    village.prometheus.silent = True
    async with village.alive():
        await asyncio.sleep(10)
        village.fail()
        await asyncio.sleep(10)
        assert village.journal.board.armed_at is None
        village.prometheus.silent = False
        await asyncio.sleep(60)
    assert (village.gates.orders, village.hold()) == ([], "pre_existing")


# --- Forged alerts --------------------------------------------------------------------------


async def test_a_forged_alert_about_a_service_that_is_up_starts_nothing():
    village = Village()
    async with village.armed():
        village.alertmanagers.stuck.append(alert(began=village.clock.wall()))
        await asyncio.sleep(120)
    assert village.gates.orders == []
    assert village.hold() is None
    assert village.incident().outcome == "not_true"


@pytest.mark.parametrize(
    ("forged", "reason"),
    [
        (alert(at="web9/nginx"), "unknown_target"),
        (alert(at="web1/postgres"), "unknown_target"),
        (alert(cluster="other"), "other_cluster"),
        (alert(group="control"), "impossible_labels"),
    ],
    ids=["unknown node", "unknown service", "other cluster", "labels of another node"],
)
async def test_an_alert_that_can_never_be_meant_is_refused_once_with_its_reason(forged, reason):
    village = Village()
    async with village.armed():
        village.alertmanagers.stuck.append(forged)
        await asyncio.sleep(120)
    (refused,) = village.written(ev.AlertRefused)
    assert (refused.alert, refused.reason) == (forged, reason)
    assert reason in refused.sentence
    assert village.kinds == ["AlertRefused"]


async def test_an_alert_that_asks_for_a_ladder_that_nobody_wrote_goes_to_a_person():
    village = Village()
    async with village.armed():
        village.fail(heal="format-disks")
        await asyncio.sleep(10)
    assert village.incident().escalation == "no_ladder"
    assert village.gates.orders == []


# --- What it cannot see ---------------------------------------------------------------------


@pytest.mark.parametrize(("fast", "reason"), [(False, "no_evidence"), (True, "minority")])
async def test_without_prometheus_nothing_is_done_even_where_the_gate_confirms(fast, reason):
    village = Village(simple(fast=fast))
    async with village.armed():
        village.prometheus.silent = True
        village.fail()
        await asyncio.sleep(60)
        assert (village.gates.orders, village.hold()) == ([], reason)
        village.prometheus.silent = False
        await asyncio.sleep(20)
    assert village.incident().outcome == "healed"


async def test_one_alertmanager_of_two_is_not_enough_to_act():
    village = Village()
    async with village.armed():
        village.alertmanagers.one_away = True
        village.fail()
        await asyncio.sleep(60)
        assert (village.gates.orders, village.hold()) == ([], "alertmanager_silent")
        village.alertmanagers.one_away = False
        await asyncio.sleep(20)
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
    assert [type(one).__name__ for one in village.written(ev.ActionEnded)] == ["ActionEnded"]
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
    with pytest.raises(ExceptionGroup) as ended:
        async with village.armed():
            village.store.lost = True
            village.fail()
            await asyncio.sleep(20)
    assert ended.group_contains(LeaseLost)
    assert village.gates.orders == []


# --- People ---------------------------------------------------------------------------------


async def test_a_freeze_lets_what_runs_end_and_starts_nothing_more():
    village = Village()
    village.gates.pause = asyncio.Event()
    async with village.armed():
        village.fail("web1/nginx")
        await asyncio.sleep(3)
        await village.operators.freeze("moving rack b", "ann")
        village.gates.pause.set()
        village.fail("web2/nginx")
        await asyncio.sleep(60)
    assert village.incident(1).outcome == "healed"
    assert (len(village.gates.orders), village.hold(2)) == (1, "frozen")


async def test_what_fires_when_people_unfreeze_is_pre_existing():
    village = Village()
    async with village.armed():
        await village.operators.freeze("moving rack b", "ann")
        village.fail("web1/nginx")
        await asyncio.sleep(10)
        await village.operators.unfreeze("ann")
        await asyncio.sleep(30)
        assert (village.gates.orders, village.hold(1)) == ([], "pre_existing")
        assert len(village.written(ev.Armed)) == 2
        village.fail("web2/nginx")
        await village.operators.adopt("1", "ann")
        await asyncio.sleep(60)
    assert {order.node for order in village.gates.orders} == {"web1", "web2"}


async def test_a_person_is_asked_where_the_mode_asks_and_their_yes_acts():
    village = Village(simple(mode=Mode.APPROVE))
    async with village.armed():
        village.fail()
        await asyncio.sleep(30)
        assert (village.gates.orders, village.hold()) == ([], "approval_needed")
        await village.operators.approve("1", "ann")
        await asyncio.sleep(20)
    assert village.incident().outcome == "healed"


async def test_a_yes_is_void_when_the_unit_is_another_than_the_person_saw():
    village = Village(simple(mode=Mode.APPROVE))
    async with village.armed():
        village.fail()
        await asyncio.sleep(4.5)  # between two looks, so that the yes comes first
        await village.operators.approve("1", "ann")
        village.gates.invocation = "i2"
        await asyncio.sleep(60)
    assert (village.gates.orders, village.hold()) == ([], "approval_needed")


async def test_a_yes_lapses():
    village = Village(simple(mode=Mode.APPROVE))
    async with village.armed():
        village.fail()
        await asyncio.sleep(5)
        village.gates.holds = ("a person looks",)
        await village.operators.approve("1", "ann")
        await asyncio.sleep(901)
        village.gates.holds = ()
        await asyncio.sleep(30)
    assert (village.gates.orders, village.hold()) == ([], "approval_needed")


async def test_a_no_gives_the_incident_to_a_person():
    village = Village(simple(mode=Mode.APPROVE))
    async with village.armed():
        village.fail()
        await asyncio.sleep(5)
        await village.operators.deny("1", "ann")
        await asyncio.sleep(30)
        assert (village.incident().state, village.incident().escalation) == (
            State.ESCALATED,
            "denied",
        )
        with pytest.raises(Refused, match="nothing_to_approve"):
            await village.operators.approve("1", "ann")
    assert village.gates.orders == []


async def test_an_escalated_incident_that_a_person_mends_closes_by_itself():
    village = Village(simple(mode=Mode.APPROVE))
    async with village.armed():
        village.fail()
        await asyncio.sleep(ARMED)
        await village.operators.deny("1", "ann")
        village.mend()
        await asyncio.sleep(20)
    assert village.incident().outcome == "cleared"
