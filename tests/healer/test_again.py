"""A person has what failed tried again, or ends what they settled by hand."""

import asyncio
from dataclasses import replace

import pytest

from healer.core import incident_events as ie
from healer.core.alert import Alert, Target
from healer.core.order import Ended, Outcome
from healer.core.states import State
from healer.errors import Refused
from tests.healer.core.world import alert
from tests.healer.tier import tier
from tests.healer.village import TOLD, Village, simple

pytestmark = pytest.mark.looptime(start=0)


def exhausted(**numbers: float) -> Village:
    """A village in which no restart helps."""
    village = Village(simple(**numbers))
    village.gates.cures = False
    return village


def tries(village: Village) -> int:
    return village.diary.count(TOLD)


async def test_what_failed_is_tried_again_from_the_first_rung():
    village = exhausted()
    async with village.armed():
        village.fail()
        await asyncio.sleep(120)
        assert (village.incident().state, tries(village)) == (State.ESCALATED, 2)
        village.gates.cures = True
        await village.operators.retry("1", "ann")
        await asyncio.sleep(30)
    assert (village.incident().outcome, tries(village)) == ("healed", 3)
    assert village.incident().adopted_by is None


async def test_the_guards_are_asked_as_ever_and_count_what_was_done_before():
    village = exhausted(budget_node=2)
    async with village.armed():
        village.fail()
        await asyncio.sleep(120)
        await village.operators.retry("1", "ann")
        await asyncio.sleep(60)
        assert (village.hold(), tries(village)) == ("budget", 2)
        with pytest.raises(Refused, match="not_retryable"):
            await village.operators.retry("1", "ann")


async def test_three_that_did_not_help_are_tried_again_by_a_persons_will_alone():
    village = exhausted(flapping=9)
    async with village.armed():
        village.fail()
        await asyncio.sleep(120)
        await village.operators.retry("1", "ann")
        await asyncio.sleep(120)
        assert (village.incident().state, tries(village)) == (State.ESCALATED, 4)
        assert len(village.written(ie.IncidentRetried)) == 1


async def test_a_no_and_what_was_never_tried_are_not_retried_but_adopted():
    village = Village(simple())
    async with village.armed():
        await village.operators.hold("web1", "a fan", "ann", None)
        village.fail()
        await asyncio.sleep(10)
        with pytest.raises(Refused, match="adopt gives it to Hale"):
            await village.operators.retry("1", "ann")
    assert village.written(ie.IncidentRetried) == []


async def test_a_second_retry_finds_it_changed():
    village = exhausted()
    async with village.armed():
        village.fail()
        await asyncio.sleep(120)
        await asyncio.gather(
            village.operators.retry("1", "ann"),
            *(refused(village.operators.retry("1", "bob")) for _ in range(2)),
        )
    assert len(village.written(ie.IncidentRetried)) == 1


async def refused(word) -> None:
    with pytest.raises(Refused, match="not_retryable"):
        await word


async def closed_by_hand(village: Village) -> None:
    """Let all be tried in vain, and a person close it while it goes on."""
    village.fail()
    await asyncio.sleep(120)
    assert await village.operators.close("1", "it may stay down today", "ann")


async def test_what_still_fires_after_a_closing_by_hand_is_explained_and_not_touched():
    village = exhausted()
    async with village.armed():
        await closed_by_hand(village)
        village.gates.cures = True
        before = len(village.alertmanagers.posted)
        await asyncio.sleep(3600)
        assert (village.incident().outcome, tries(village)) == ("by_hand", 2)
        assert village.hold(2) == "closed_by_hand"
        # Who closed it knows of it: what called them has ended, and nothing calls anew.
        assert [one.over for one in village.alertmanagers.posted[before:]] == [True]
        village.mend()
        await asyncio.sleep(60)
        assert village.incident(2).outcome in ("cleared", "not_true")
        village.fail()
        await asyncio.sleep(60)
    assert (village.incident(3).outcome, tries(village)) == ("healed", 3)


def again(village: Village) -> Alert:
    """The alert of web1's nginx once more, with a label that says nothing of it: Alertmanager has it as another."""
    one = alert(began=village.clock.wall())
    return replace(one, fingerprint="another", labels=(*one.labels, ("note", "x")))


async def test_a_label_more_makes_no_news_of_what_a_person_closed():
    village = exhausted()
    async with village.armed():
        await closed_by_hand(village)
        village.gates.cures = True
        village.alertmanagers.stuck.append(again(village))
        await asyncio.sleep(3600)
        assert tries(village) == 2
        assert {one.hold.reason for one in village.journal.board.open} == {"closed_by_hand"}
        await village.operators.adopt(village.journal.board.open[0].id, "ann")
        await asyncio.sleep(120)
    assert tries(village) == 3


async def test_a_label_more_makes_no_news_of_what_was_about_to_fire_at_arming():
    village = Village(simple())
    village.cluster.down.add(Target("web1", "nginx"))
    village.prometheus.fires = (alert(began=village.clock.wall()),)
    async with village.armed():
        village.alertmanagers.stuck.append(again(village))
        await asyncio.sleep(600)
        assert (village.gates.orders, village.hold()) == ([], "pre_existing")


async def test_a_closing_by_hand_outlives_the_healer():
    village = exhausted()
    async with village.armed():
        await closed_by_hand(village)
    village.gates.cures = True
    async with village.alive():
        await asyncio.sleep(600)
        assert (village.hold(2), tries(village)) == ("closed_by_hand", 2)
        await village.operators.adopt("2", "ann")
        await asyncio.sleep(60)
    assert (village.incident(2).outcome, tries(village)) == ("healed", 3)


async def test_what_a_person_closed_keeps_no_member_that_fails_alike_waiting():
    village = exhausted()
    async with village.armed():
        await closed_by_hand(village)
        await asyncio.sleep(
            700
        )  # past the window in which the first counts as a canary that failed
        assert village.hold(2) == "closed_by_hand"
        village.gates.cures = True
        village.fail("web2/nginx")
        await asyncio.sleep(60)
    assert village.incident(3).outcome == "healed"


async def test_what_runs_is_not_closed_before_its_end_and_its_proof():
    village = Village()
    village.gates.pause = asyncio.Event()
    async with village.armed():
        village.fail()
        await asyncio.sleep(3)
        with pytest.raises(Refused, match=r"not_closable.*wait for the end"):
            await village.operators.close("1", "done", "ann")
        village.gates.pause.set()
        await asyncio.sleep(30)
        with pytest.raises(Refused, match="not_closable: incident 1 is closed"):
            await village.operators.close("1", "done", "ann")


def drained() -> Village:
    """A tier in which nginx cannot be restarted, since its configuration is broken."""
    village = Village(tier())
    village.gates.refuse["service.restart"] = "config_check"
    return village


async def test_marks_are_not_given_back_to_a_trouble_that_is_still_there():
    village = drained()
    async with village.armed():
        village.fail()
        await asyncio.sleep(30)
        with pytest.raises(
            Refused, match=r"marks_stand: pool.drain of web/web1 at lb1.*still true"
        ):
            await village.operators.close("1", "done", "ann")
        assert len(village.cluster.drained) == 2
    assert village.written(ie.IncidentSettled) == []


async def test_marks_are_given_back_before_what_a_person_settled_is_over():
    village = drained()
    async with village.armed():
        village.fail()
        await asyncio.sleep(30)
        village.gates.stuck = {("lb1", "web/web1")}
        village.mend()
        await asyncio.sleep(300)
        assert village.incident().escalation == "not_returned"
        village.gates.stuck = set()
        assert not await village.operators.close("1", "restarted haproxy", "ann")
        await asyncio.sleep(30)
    assert (village.cluster.drained, village.incident().outcome) == (set(), "by_hand")


async def test_a_no_stays_a_no():
    village = exhausted()
    village.gates.ended = Ended(Outcome.FAILED, "start_failed", "")
    async with village.armed():
        village.fail()
        await asyncio.sleep(120)
        await village.journal.write(
            ie.IncidentAdopted("1", "ann"), ie.ApprovalDenied("1", 0, "ann")
        )
        with pytest.raises(Refused, match="denied"):
            await village.operators.retry("1", "bob")
