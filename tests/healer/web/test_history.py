"""What is over, and the ladders: shown whole, searched without a script, and harmless whatever is asked."""

import asyncio
from dataclasses import replace
from urllib.parse import quote

import pytest

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.board import KEEP_CLOSED
from healer.core.ladder import When
from healer.past import PAGE
from healer.web.rules import healed_by
from healer.web.runbooks import runbooks
from tests.healer.core.world import topology
from tests.healer.web.house import HOSTILE, House
from tests.healer.web.test_pages import see

DAY = 86400.0


async def over(house: House, number: int, at: str, outcome: str = "cleared", **labels: str) -> None:
    await house.open(house.trouble(at=at, **labels), str(number))
    house.clock.pass_by(60)
    await house.journal.write(ie.IncidentClosed(str(number), outcome, f"said of {number}"))


@pytest.fixture
async def house() -> House:
    """Three incidents that are over, a day apart, and one that is not."""
    found = House()
    await found.arm()
    await over(found, 1, "web1/nginx", "healed")
    found.clock.pass_by(DAY)
    await over(found, 2, "web2/app", name="ProbeSlow")
    found.clock.pass_by(DAY)
    await over(found, 3, "web2/nginx", "by_hand")
    await found.open(found.trouble(at="web3/nginx"), "4")
    return found


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ("", "3 2 1"),
        ("text=NGINX", "3 1"),
        ("text=said+3", "3"),
        ("text=probeslow", "2"),
        ("text=web9", ""),
        ("node=web2", "3 2"),
        ("node=web2&service=nginx", "3"),
        ("outcome=healed", "1"),
        ("since=2027-01-16", "3 2"),
        ("until=2027-01-16", "2 1"),
        ("since=2027-01-16&until=2027-01-16", "2"),
        ("since=2027-01-16T00:00:00Z", "3 2"),
        ("since=", "3 2 1"),
        ("page=2", ""),
        ("unknown=x", "3 2 1"),
    ],
)
async def test_what_is_over_is_found(asked: str, ids: str, house: House) -> None:
    async with house.public() as session:
        answer = await (await session.get(f"/api/v1/history?{asked}")).json()
        page = await see(session, f"/history?{asked}")
    assert [one["id"] for one in answer["incidents"]] == ids.split()
    for number in "123":
        assert (f"said of {number}" in page) == (number in ids)
    assert f"{answer['found']} of 3 that are over" in page


@pytest.mark.parametrize(
    "asked",
    ["since=tomorrow", "until=2027-02-30", "page=0", "page=x", "page=99999999", "since=0000"],
)
async def test_what_makes_no_sense_is_named(asked: str, house: House) -> None:
    async with house.public() as session:
        page = await see(session, f"/history?{asked}", 400)
        answer = await session.get(f"/api/v1/history?{asked}")
        assert (answer.status, (await answer.json())["reason"]) == (400, "malformed")
    assert f"{asked.partition('=')[0]}: " in page
    assert "Search" in page, "the form is still there"


async def test_a_hostile_search_is_shown_as_it_was_typed(house: House) -> None:
    async with house.public() as session:
        page = await see(session, f"/history?text={quote(HOSTILE)}&node={quote(HOSTILE)}")
    assert "None is like that." in page


async def test_a_long_history_is_paged_and_the_search_goes_along() -> None:
    house = House()
    await house.arm()
    for number in range(1, PAGE + 11):
        await over(house, number, "web1/nginx" if number > 5 else "web2/nginx")
    async with house.public() as session:
        first = await see(session, "/history?node=web1&text=said")
        html = await (await session.get("/history?node=web1&text=said")).text()
        second = await see(session, "/history?node=web1&text=said&page=2")
    assert "55 of 60 that are over" in first
    assert "page 1 of 2" in first
    assert 'href="/history?text=said&amp;node=web1&amp;page=2"' in html
    assert second.count("said of ") == 5


async def test_a_field_for_a_day_has_a_day_or_nothing(house: House) -> None:
    async with house.public() as session:
        for since, shown in (("2027-01-16T08:00:00Z", "2027-01-16"), ("tomorrow", "")):
            html = await (await session.get(f"/history?since={since}")).text()
            value = f' value="{shown}"' if shown else ""
            assert f'<input type="date" id="by-since" name="since"{value} autocomplete' in html


async def test_what_the_board_has_forgotten_is_read_from_the_journal() -> None:
    house = House()
    await house.arm()
    for number in range(1, KEEP_CLOSED + 3):
        await over(house, number, "web1/nginx")
    assert "1" not in house.journal.board.incidents
    async with house.public() as session:
        assert "said of 1" in await see(session, "/incidents/1")
        answer = await (await session.get("/api/v1/incidents/1")).json()
        assert (answer["outcome"], answer["state"]) == ("cleared", "closed")
        assert len(answer["timeline"]) == 2
        for strange in ("0", "999", "1e3", "\u0661"):
            await see(session, f"/incidents/{quote(strange)}", 404)
        await asyncio.gather(*(see(session, f"/incidents/{one}") for one in "123"))


async def test_every_ladder_is_shown_with_its_rungs_and_the_alerts_that_name_it(
    house: House,
) -> None:
    async with house.public() as session:
        page = await see(session, "/ladders")
        answer = await (await session.get("/api/v1/ladders")).json()
    (restart,) = (one for one in answer["ladders"] if one["ladder"] == "restart-service")
    assert "ServiceDown" in restart["alerts"]
    assert restart["open"] == 1
    assert [rung["action"] for rung in restart["rungs"]] == ["service.restart", "person.call"]
    assert "hale_service_up is 1 within 20 s, for 3 s" in page
    assert "1 open incident climbs it" in page
    assert "2, 5 s apart" in page


async def test_a_rungs_conditions_and_growing_waits_are_said() -> None:
    plain = topology()
    ladder = plain.ladders["restart-service"]
    when = When(failures=("oom", "disk"), groups=("web",))
    rungs = (replace(ladder.rungs[0], when=when, backoff=2.0, approve=True), *ladder.rungs[1:])
    house = House(given=replace(plain, ladders={ladder.name: replace(ladder, rungs=rungs)}))
    async with house.public() as session:
        page = await see(session, "/ladders")
    assert "once a person agrees, only failure oom or disk, only group web" in page
    assert "2, 5 s apart, each wait 2 times longer" in page


def test_every_alert_of_the_packaged_rules_that_names_a_ladder_has_a_runbook() -> None:
    named = {alert for alerts in healed_by().values() for alert in alerts}
    assert named <= set(runbooks())
    assert "restart-service" in healed_by()


async def test_the_page_of_the_guards_says_whom_each_of_them_holds_now(house: House) -> None:
    await house.held("4")
    async with house.public() as session:
        page = await see(session, "/guards")
    assert "incident 4: capacity" in page


async def test_the_page_of_the_guards_says_without_an_incident_what_needs_no_target() -> None:
    empty = House()
    await empty.journal.write(ev.Frozen("moving rack b", "alice"))
    async with empty.public() as session:
        page = await see(session, "/guards")
    assert "A person froze Hale." in page
    assert "allows: cluster 0/20" in page
    assert page.count("depends on the target") == 13
