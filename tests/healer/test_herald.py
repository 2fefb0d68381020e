"""Who is told, when and how often, where an Alertmanager hears it."""

import asyncio

import pytest

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.storm import Storm, Weather
from healer.core.verdict import CLUSTER_WIDE, hold
from healer.herald import ANNOUNCE_AFTER, REPEAT
from tests.healer.core.world import alert
from tests.healer.telling import held, names, sees_all, telling
from tests.healer.village import Village

pytestmark = pytest.mark.looptime(start=0)


@pytest.fixture
def village() -> Village:
    """A healer that sees everything and has nothing to tell."""
    return sees_all()


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


async def test_what_was_a_persons_from_the_start_is_not_told_a_second_time(village):
    died = alert("NodeDown", "web1", heal="none")
    await village.journal.write(
        ie.IncidentOpened("1", alert(), "restart-service", "d1"),
        ie.CauseReplaced("1", died, "none"),
        ie.IncidentEscalated("1", "for_a_person", "NodeDown has no ladder"),
    )
    await telling(village, 10)
    assert names(village) == []


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
