"""Who is told, when, how often, and what happens where nobody can be told."""

import asyncio
from collections import Counter

import pytest

from healer.adapters.second_path import MOST_TEXT
from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.order import Sight
from healer.core.storm import Storm, Weather
from healer.core.verdict import CLUSTER_WIDE, hold
from healer.errors import Unreachable
from healer.herald import ANNOUNCE_AFTER, REPEAT
from tests.healer.core.world import alert
from tests.healer.fakes import NOW
from tests.healer.pager import FakeSecondPath
from tests.healer.village import Village, simple

pytestmark = pytest.mark.looptime(start=0)


def names(village: Village, *, over: bool = False) -> list[str]:
    """Return the alerts that were posted, or those that were posted as over."""
    return [
        dict(one.labels)["alertname"] for one in village.alertmanagers.posted if one.over == over
    ]


async def telling(village: Village, seconds: float) -> None:
    """Tell every two seconds, as the engine does."""
    async with asyncio.TaskGroup() as tasks:
        calling = tasks.create_task(village.herald.keep_calling())
        for _ in range(int(seconds / 2)):
            await village.herald.tell("first")
            await asyncio.sleep(2)
        calling.cancel()


async def held(
    village: Village,
    *,
    passing: bool = False,
    at: str = "web1/nginx",
    reason: str = "capacity",
    **labels: str,
) -> None:
    number = str(village.journal.board.opened + 1)
    said = hold("capacity", reason, have=0, need=1, sentence="web is short.", passing=passing)
    await village.journal.write(
        ie.IncidentOpened(number, alert(at=at, **labels), "restart-service", "d1"),
        ie.IncidentHeld(number, said, ()),
    )


@pytest.fixture
def village() -> Village:
    """A healer that sees everything and has nothing to tell."""
    made = Village()
    made.watch.sight = Sight((), (), silent=(), watchdog_at=NOW)
    return made


# --- What is told ---------------------------------------------------------------------------


async def test_where_all_is_well_nobody_hears_anything(village):
    await telling(village, 60)
    assert village.alertmanagers.posted == village.second_path.calls == []


async def test_a_hold_that_ends_by_itself_calls_nobody(village):
    await held(village, passing=True)
    await telling(village, 60)
    assert village.alertmanagers.posted == []


async def test_an_explanation_is_told_once_no_deeper_cause_has_come(village):
    await held(village, reason="explain_mode")
    await telling(village, 8)
    assert village.alertmanagers.posted == []
    await telling(village, 8)
    (told,) = village.alertmanagers.posted
    assert dict(told.annotations)["summary"].endswith("explain_mode")


async def test_an_explanation_that_a_deeper_cause_overtakes_is_never_told(village):
    await held(village, reason="explain_mode", at="web1/shop")
    await telling(village, 8)
    cause = alert(at="web1/nginx")
    await village.journal.write(
        ie.CauseReplaced("1", cause, "restart-service"),
        ie.IncidentHeld(
            "1", hold("cause", "others_unknown", have=0, need=1, sentence="", passing=True), ()
        ),
    )
    await telling(village, 60)
    assert village.alertmanagers.posted == []


async def test_a_hold_that_needs_a_person_is_told_at_once(village):
    await held(village)
    await village.herald.tell("first")
    (told,) = village.alertmanagers.posted
    text = dict(told.annotations)
    assert text["summary"] == "Hale will not act on web1/nginx (ServiceDown): capacity"
    assert text["description"] == "web is short. Incident 1."
    assert text["incident_url"] == "http://mon1:9595/incidents/1"


async def test_an_escalation_says_why_and_what_was_found(village):
    await held(village)
    await village.journal.write(ie.IncidentEscalated("1", "config_check", "nginx: [emerg]"))
    await village.herald.tell("first")
    (told,) = village.alertmanagers.posted
    text = dict(told.annotations)
    assert text["summary"] == "Hale needs a person for web1/nginx (ServiceDown): config_check"
    assert text["description"].startswith("nginx: [emerg]")
    assert text["runbook_url"] == "http://mon1:9595/runbooks/HealerEscalation"


async def test_what_still_holds_is_posted_again_every_half_minute(village):
    await held(village)
    await telling(village, 3 * REPEAT)
    assert names(village) == ["HealerHolds"] * 3


async def test_what_no_longer_holds_is_posted_once_as_over(village):
    await held(village)
    await telling(village, 4)
    await village.journal.write(ie.IncidentClosed("1", "cleared", ""))
    await telling(village, 60)
    assert names(village) == ["HealerHolds"]
    assert names(village, over=True) == ["HealerHolds"]


async def test_a_hold_that_turns_into_an_escalation_ends_the_one_and_begins_the_other(village):
    await held(village)
    await telling(village, 4)
    await village.journal.write(ie.IncidentEscalated("1", "denied", "ann"))
    await telling(village, 4)
    assert names(village) == ["HealerHolds", "HealerEscalation"]
    assert names(village, over=True) == ["HealerHolds"]


async def test_each_incident_has_its_own_alert(village):
    await held(village, at="web1/nginx")
    await held(village, at="web2/nginx")
    await village.herald.tell("first")
    about = [dict(one.labels)["node"] for one in village.alertmanagers.posted]
    assert sorted(about) == ["web1", "web2"]


async def test_two_full_disks_of_a_node_are_two_alerts_and_each_ends_by_itself(village):
    await held(village, at="web1", mountpoint="/data")
    await held(village, at="web1", mountpoint="/srv")
    await telling(village, 4)
    about = [dict(one.labels)["mountpoint"] for one in village.alertmanagers.posted]
    assert sorted(about) == ["/data", "/srv"]
    await village.journal.write(ie.IncidentEscalated("1", "ladder_exhausted", "1 tried"))
    await village.journal.write(ie.IncidentClosed("2", "cleared", ""))
    await telling(village, 4)
    news = [dict(one.labels) | {"over": one.over} for one in village.alertmanagers.posted[2:]]
    assert [(one["alertname"], one["mountpoint"], one["over"]) for one in news] == [
        ("HealerEscalation", "/data", False),
        ("HealerHolds", "/data", True),
        ("HealerHolds", "/srv", True),
    ]


async def test_two_incidents_about_one_target_are_one_alert_until_both_are_over(village):
    await held(village)
    await held(village)
    await telling(village, 4)
    await village.journal.write(ie.IncidentClosed("1", "cleared", ""))
    await telling(village, 4)
    assert (names(village), names(village, over=True)) == (["HealerHolds"], [])
    await village.journal.write(ie.IncidentClosed("2", "cleared", ""))
    await telling(village, 4)
    assert names(village, over=True) == ["HealerHolds"]


# --- Blindness ------------------------------------------------------------------------------


async def test_a_full_disk_is_told_at_once(village):
    village.watch.storing = False
    await village.herald.tell("first")
    assert names(village) == ["HealerFrozen"]


async def test_a_watchdog_that_is_missed_is_told_after_a_minute(village):
    await asyncio.sleep(200)
    await telling(village, 60)
    assert names(village) == []
    await telling(village, 4)
    assert names(village) == ["HealerFrozen"]


async def test_a_prometheus_that_does_not_answer_is_told_when_that_lasts(village):
    village.watch.minority = True
    await telling(village, 30)
    assert names(village) == []
    await telling(village, 4)
    assert names(village) == ["HealerFrozen"]


async def test_a_storm_is_told_at_once_and_names_who_vanished(village):
    village.watch.weather = Weather(0.0, {}, Storm(("lb1", "web1", "web2"), 2))
    await village.herald.tell("first")
    (told,) = village.alertmanagers.posted
    text = dict(told.annotations)
    assert text["summary"] == "Hale's healer of first does nothing: storm"
    assert text["description"].endswith("Vanished together: lb1, web1, web2.")


@pytest.mark.parametrize("reason", sorted(CLUSTER_WIDE))
async def test_what_stops_the_whole_cluster_is_not_told_by_each_incident_too(village, reason):
    assert reason in ANNOUNCE_AFTER  # else nobody would hear of it at all
    await held(village, reason=reason)
    await telling(village, 60)
    assert names(village) == []


async def test_who_was_told_before_all_stood_still_is_not_told_twice(village):
    await held(village)
    await telling(village, 4)
    storm = hold("no_storm", "storm", have="", need="", sentence="")
    await village.journal.write(ie.IncidentHeld("1", storm, ()))
    await telling(village, 4)
    short = hold("capacity", "capacity", have=0, need=1, sentence="")
    await village.journal.write(ie.IncidentHeld("1", short, ()))
    await telling(village, 4)
    assert (names(village), names(village, over=True)) == (["HealerHolds"], [])


async def test_a_freeze_by_a_person_calls_nobody(village):
    await village.journal.write(ev.Frozen("moving rack b", "ann"))
    await telling(village, 60)
    assert names(village) == []


async def test_two_reasons_for_blindness_are_one_alert_that_names_both(village):
    village.watch.storing = False
    village.watch.sight = None
    await telling(village, 34)
    assert names(village) == ["HealerFrozen"] * 2
    text = dict(village.alertmanagers.posted[-1].annotations)
    assert text["summary"].endswith("does nothing: store, alertmanager_silent")


# --- Nobody can be told ---------------------------------------------------------------------


async def test_the_second_path_is_called_once_for_each_alert(village):
    village.alertmanagers.silent = True
    await held(village, at="web1/nginx")
    await telling(village, 30)
    await held(village, at="web2/nginx")
    await telling(village, 120)
    subjects = Counter(subject for subject, _ in village.second_path.calls)
    assert subjects == {
        "Hale will not act on web1/nginx (ServiceDown): capacity": 1,
        "Hale will not act on web2/nginx (ServiceDown): capacity": 1,
    }


async def test_the_second_path_says_where_to_look(village):
    village.alertmanagers.silent = True
    await held(village)
    await telling(village, 2)
    ((_, text),) = village.second_path.calls
    assert text == "web is short. Incident 1.\nhttp://mon1:9595/incidents"


async def test_a_call_that_failed_is_tried_again(village):
    village.alertmanagers.silent = village.second_path.broken = True
    await held(village)
    await telling(village, 10)
    village.second_path.broken = False
    await telling(village, 60)
    assert len(village.second_path.calls) == 1


class SlowPath(FakeSecondPath):
    """Takes as long as one call may."""

    async def call(self, subject: str, text: str) -> None:
        await asyncio.sleep(29)
        await super().call(subject, text)


async def test_what_many_need_is_one_call_which_names_each_of_them(village):
    village.alertmanagers.silent = True
    for number in range(1, 10):
        await held(village, at=f"web{number}/nginx")
    await telling(village, 60)
    ((subject, text),) = village.second_path.calls
    assert subject.startswith("9 alerts, the first: Hale will not act on web1/nginx")
    assert [f"web{number}/nginx" in text for number in range(1, 10)] == [True] * 9
    assert text.endswith("http://mon1:9595/incidents")


async def test_what_one_call_does_not_hold_is_said_in_the_next_and_nobody_is_left_out(village):
    village.alertmanagers.silent = True
    for number in range(1, 151):
        await held(village, at=f"web{number}/nginx", reason="capacity")
    await telling(village, 20)
    told = [text for _, text in village.second_path.calls]
    assert len(told) > 1
    assert max(map(len, told)) < MOST_TEXT
    for number in range(1, 151):
        assert sum(f" web{number}/nginx " in text for text in told) == 1


async def test_a_second_path_that_is_slow_keeps_no_look_waiting():
    village = Village(simple(web=9))
    village.second_path = SlowPath(village.diary)
    stuck = 0.0
    async with village.armed():
        village.gates.holds = ("hold",)
        for number in range(1, 10):
            village.fail(f"web{number}/nginx")
        await asyncio.sleep(1)

        async def refuse(alerts):
            raise Unreachable("alertmanager: connection refused")

        village.alertmanagers.post = refuse
        for _ in range(200):
            await asyncio.sleep(1)
            stuck = max(stuck, village.engine.stuck_seconds())
    assert stuck < 2
    said = "".join(text + subject for subject, text in village.second_path.calls)
    assert all(f"web{number}/nginx" in said for number in range(1, 10))
    assert len(village.second_path.calls) <= 3


async def test_a_call_under_way_is_not_made_again_and_what_comes_meanwhile_is_said_next():
    village = Village()
    village.second_path = SlowPath(village.diary)
    village._put_together()
    village.watch.sight = Sight((), (), silent=(), watchdog_at=NOW)
    village.alertmanagers.silent = True
    await held(village, at="web1/nginx")
    async with asyncio.TaskGroup() as tasks:
        other = tasks.create_task(held_later(village))
        await telling(village, 100)
        await other
    assert [subject for subject, _ in village.second_path.calls] == [
        "Hale will not act on web1/nginx (ServiceDown): capacity",
        "Hale will not act on web2/nginx (ServiceDown): capacity",
    ]


async def held_later(village: Village) -> None:
    await asyncio.sleep(5)
    await held(village, at="web2/nginx")


async def test_when_alertmanager_is_back_it_hears_what_still_holds(village):
    village.alertmanagers.silent = True
    await held(village)
    await telling(village, 10)
    village.alertmanagers.silent = False
    await telling(village, 4)
    assert names(village) == ["HealerHolds"]


async def test_what_ended_while_alertmanager_was_away_is_posted_as_over_when_it_is_back(village):
    await held(village)
    await telling(village, 4)
    village.alertmanagers.silent = True
    await village.journal.write(ie.IncidentClosed("1", "cleared", ""))
    await telling(village, 10)
    village.alertmanagers.silent = False
    await telling(village, 4)
    assert names(village, over=True) == ["HealerHolds"]


async def test_an_alertmanager_that_is_away_for_long_is_told_once_and_again_the_next_time():
    village = Village()
    async with village.armed():
        for times in 1, 2:
            village.alertmanagers.silent = True
            await asyncio.sleep(8)
            assert len(village.second_path.calls) == times - 1
            await asyncio.sleep(200)
            assert len(village.second_path.calls) == times
            village.alertmanagers.silent = False
            await asyncio.sleep(20)
    subject, _ = village.second_path.calls[0]
    assert subject == "Hale's healer of first does nothing: alertmanager_silent"


# --- The daily test -------------------------------------------------------------------------


async def test_the_second_path_is_tested_once_a_day_however_often_the_healer_starts(village):
    for _ in range(3 * 24):
        # A life of an hour; each start would be a call, if the last test were not journalled.
        task = asyncio.create_task(village.herald.keep_tested())
        await asyncio.sleep(3600)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [subject for subject, _ in village.second_path.calls] == ["test"] * 3


async def test_a_test_that_fails_is_counted_and_journalled(village):
    village.second_path.broken = True
    task = asyncio.create_task(village.herald.keep_tested())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert 'healer_second_path_total{outcome="failed"} 1.0' in village.metrics.exposition().decode()
    assert village.store.records[-1].event == ev.SecondPathTested(False)


async def test_what_was_a_persons_from_the_start_is_not_told_a_second_time(village):
    died = alert("NodeDown", "web1", heal="none")
    await village.journal.write(
        ie.IncidentOpened("1", alert(), "restart-service", "d1"),
        ie.CauseReplaced("1", died, "none"),
        ie.IncidentEscalated("1", "for_a_person", "NodeDown has no ladder"),
    )
    await telling(village, 10)
    assert names(village) == []
