"""What happens where nobody can be told: the second path is called, and it is tested each day."""

import asyncio
from collections import Counter

import pytest

from healer.adapters.second_path import MOST_TEXT
from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.order import Sight
from healer.errors import Unreachable
from tests.healer.fakes import NOW
from tests.healer.pager import FakeSecondPath
from tests.healer.telling import held, names, sees_all, telling
from tests.healer.village import Village, simple

pytestmark = pytest.mark.looptime(start=0)


@pytest.fixture
def village() -> Village:
    """A healer that sees everything and has nothing to tell."""
    return sees_all()


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
