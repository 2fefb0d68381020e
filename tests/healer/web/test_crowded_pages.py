"""Pages with more than they can hold: what matters comes first, and the rest is counted."""

from healer.core import events as ev
from healer.core import incident_events as ie
from tests.healer.core.world import alert, topology
from tests.healer.web.house import HOSTILE, House
from tests.healer.web.test_pages import reads, see


async def test_a_refused_alert_has_a_page_with_the_reason() -> None:
    house = House()
    stranger = alert(at="web9/nginx", note=HOSTILE)
    await house.journal.write(ev.AlertRefused(stranger, "unknown_target", "no web9/nginx here."))
    async with house.public() as session:
        first = await session.get("/refused")
        html = await first.text()
        start = html.index("/refused/")
        path = html[start : html.index('"', start)]
        response = await session.get(path)
        page = reads(await response.text())
    assert response.status == 200
    assert "no web9/nginx here." in page
    assert "unknown_target" in page


async def test_a_thousand_refused_alerts_do_not_bury_the_page() -> None:
    house = House()
    for number in range(1100):
        stranger = alert(at=f"no{number}/nginx")
        await house.journal.write(ev.AlertRefused(stranger, "unknown_target", "not here."))
    async with house.public() as session:
        page = await see(session, "/")
        listed = await see(session, "/refused")
    assert "refused 1000 alerts" in page
    assert "unknown_target" not in page
    assert 0 < listed.count("unknown_target") <= 200


async def crowd(number: int) -> House:
    """A cluster of which so many nodes have an open incident; the first has as many symptoms."""
    house = House(given=topology(web=number))
    await house.arm()
    for place in range(1, number + 1):
        await house.open(house.trouble(at=f"web{place}/nginx"), str(place))
        symptom = house.trouble(name="Symptom", at=f"web{place}/app")
        await house.journal.write(ie.AlertJoined("1", symptom))
    return house


async def test_however_many_are_open_the_one_that_needs_a_person_comes_first() -> None:
    house = await crowd(130)
    await house.journal.write(ie.IncidentEscalated("1", "exhausted", "nothing helped"))
    async with house.public() as session:
        page = await see(session, "/incidents")
        guards = await see(session, "/guards")
        runbook = await see(session, "/runbooks/ServiceDown")
    assert "(130) 1 incident needs a person" in page
    assert "30 more are open" in page
    assert "110 more of it are open" in runbook
    for shown in (page, guards, runbook):
        assert "web1/nginx" in shown
        assert shown.index("web1/nginx") < shown.index("web130/nginx")


async def test_what_a_page_cannot_hold_is_counted_and_not_shown() -> None:
    """A page is made between two beats of the healer: a thousand alerts must not make it late."""
    house = await crowd(130)
    async with house.public() as session:
        guards = await see(session, "/guards")
        one = await see(session, "/incidents/1")
    assert guards.count("they were not asked yet") == 100
    assert "30 more are open: /api/v1/guards has them all." in guards
    assert one.count(", a symptom") == 100
    assert "30 more symptoms are in /api/v1/incidents/1." in one
