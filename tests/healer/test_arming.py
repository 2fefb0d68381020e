"""What is not the healer's to touch: in explain mode everything, else what failed before, and what was made up."""

import asyncio
from dataclasses import replace

import pytest

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.alert import Target
from healer.core.decision import Hold
from healer.core.guards import GUARDS
from healer.core.ladder import Mode
from healer.supposing import Cause, explain
from tests.healer.core.world import alert
from tests.healer.village import Village, simple

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
        target = Target("web2", "nginx")
        cause = Cause("ServiceDown", "restart-service", "critical")
        explained = await explain(village.gatherer, village.watch, target, cause, "restart-service")
    (held,) = village.written(ie.IncidentHeld)
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
    assert {one.hold.reason for one in village.written(ie.IncidentHeld)} == {"pre_existing"}


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


async def test_a_forged_earlier_start_only_makes_it_a_persons_who_may_hand_it_over():
    village = Village()
    async with village.armed():
        fired = village.fail()
        forged = replace(fired, began_at=fired.began_at - 86400)
        village.alertmanagers.alerts[:] = [forged]
        await asyncio.sleep(60)
        assert (village.hold(), village.gates.orders) == ("pre_existing", [])
        assert "is said to have failed already" in village.incident().hold.sentence
        await village.operators.adopt("1", "ann")
        await asyncio.sleep(30)
    assert village.incident().outcome == "healed"


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


async def test_what_was_not_seen_clear_is_still_old_though_nobody_saw_it_at_the_next_arming():
    village = Village(simple(web=4))
    old = village.fail("web1/nginx")
    async with village.alive():
        await asyncio.sleep(20)
        village.vanish("web1")
        village.alertmanagers.alerts.clear()
        await village.operators.freeze("moving rack b", "ann")
        await village.operators.unfreeze("ann")
        await asyncio.sleep(20)
        village.cluster.dark.clear()
        assert [len(one.pre_existing) for one in village.written(ev.Armed)] == [1, 1]
        village.fail("web1/nginx")  # its alert begins anew
        await asyncio.sleep(60)
        assert village.gates.orders == []
        village.mend("web1/nginx")
        await asyncio.sleep(60)
        assert old.fingerprint not in village.journal.board.pre_existing


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


async def test_an_alert_that_asks_for_a_ladder_that_nobody_wrote_is_refused_and_pages_as_any_other():
    village = Village()
    async with village.armed():
        village.fail(heal="format-disks")
        await asyncio.sleep(10)
    assert village.journal.board.incidents == {}
    assert [one.reason for one, _ in village.journal.board.refused.values()] == ["unknown_ladder"]
    assert village.gates.orders == []
