"""Who sees what, over a real socket: nothing of the cluster without signing in, where people sign in at all."""

from pathlib import Path

import pytest

from healer.web.fleet_lock import PATHS
from healer.web.server import public_app
from tests.healer.core.world import alert
from tests.healer.web.house import House, message
from tests.healer.web.people import ALICE, BOB, Person, browsing, house_with_users, users_file
from tests.healer.web.test_pages import reads

OPEN = ("/metrics", "/-/healthy", "/-/ready", "/runbooks/", "/runbooks/ServiceDown")
SHUT = (
    *("/", "/incidents", "/incidents/1", "/incidents/99", "/guards", "/refused", "/refused/x"),
    *(
        "/stop",
        "/events",
        "/marks",
        "/maintenance",
        "/nodes/web1",
        "/nodes/x",
        "/groups/web",
        "/api/v1/marks",
        "/ladders",
        "/api/v1/ladders",
        "/api/v1/incidents",
        "/api/v1/incidents/1",
        "/api/v1/guards",
    ),
    *("/api/v1/groups", "/api/v1/status", "/api/v1/nothing", "/nothing", "/do/freeze"),
    *("/history", "/api/v1/history", "/history?text=web1"),
    *("/Metrics", "/metrics/", "/static/", "/static/../api/v1/status"),
    "/-/reload",
    *("/webhook/../incidents", "/-/healthy/", "/runbooks/../incidents", "/runbooks//incidents"),
)


@pytest.fixture
async def house(tmp_path: Path) -> House:
    found = house_with_users(tmp_path)
    await found.arm()
    await found.open(found.trouble())
    await found.held()
    return found


async def test_without_signing_in_only_what_programs_need_and_runbooks_are_read(
    house: House,
) -> None:
    async with browsing(house, None) as (nobody,):
        for path in OPEN:
            assert (await nobody.session.get(path)).status == 200, path
        for path in SHUT:
            response = await nobody.session.get(path)
            assert response.status == 401, path
            assert "web1" not in (await response.text()).replace(path, "what was asked for"), path


async def test_every_path_is_either_open_on_purpose_or_shut(house: House) -> None:
    named = {
        resource.canonical
        for resource in public_app(house.desk).router.resources()
        if not resource.canonical.startswith("/static")
    }
    known = {*OPEN, *PATHS, "/runbooks/{alert}", "/webhook", *SHUT, "/do/{command}"}
    shut = {
        "/{rest}",
        "/incidents/{incident}",
        "/refused/{fingerprint}",
        "/nodes/{node}",
        "/groups/{group}",
        "/api/v1/incidents/{incident}",
    }
    assert named <= known | shut, "a new path has to be added above"


async def test_the_webhook_takes_alerts_as_ever(house: House) -> None:
    async with browsing(house, None) as (nobody,):
        response = await nobody.session.post("/webhook", json=message(alert()))
        assert response.status == 202


@pytest.mark.parametrize("person", [ALICE, BOB])
async def test_whoever_signs_in_reads_all_of_it(person: Person, house: House) -> None:
    async with browsing(house, person) as (browser,):
        for path in ("/", "/incidents/1", "/guards", "/refused", "/stop", "/api/v1/status"):
            assert (await browser.session.get(path)).status == 200, path
        page = reads(await browser.open("/incidents"))
    assert person.name in page
    assert "web1/nginx" in page


async def test_a_runbook_shows_how_things_are_only_to_those_who_sign_in(house: House) -> None:
    async with browsing(house, None, BOB) as (nobody, bob):
        for path in ("/runbooks/ServiceDown", "/runbooks/"):
            open_, whole = reads(await nobody.open(path)), reads(await bob.open(path))
            assert "web1" not in open_
            assert "1 open" in whole or "web1/nginx" in whole
        assert "Sign in to see what there is of it now." in reads(
            await nobody.open("/runbooks/ServiceDown")
        )


async def test_a_wrong_password_shows_no_more_than_none(tmp_path: Path) -> None:
    house = House(users=users_file(tmp_path))  # with scrypt as it is
    wrong = Person("bob", "the wrong password")
    async with browsing(house, wrong) as (browser,):
        response = await browser.session.get("/incidents")
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith('Basic realm="Hale first"')
        assert "no user of that name with that password" in await response.text()
        open_ = await browser.session.get("/runbooks/ServiceDown")
        assert (open_.status, "web1" in await open_.text()) == (200, False)
        told = await browser.session.get("/api/v1/status")
        assert (told.status, (await told.json())["reason"]) == (401, "wrong_password")


async def test_the_way_in_leads_to_what_was_asked_for_and_nowhere_else(house: House) -> None:
    async with browsing(house, None) as (nobody,):
        for path, way in (
            ("/history?text=a%26b", 'href="/history?text=a%26b"'),
            ("/x%22%3E%3Cscript%3E", 'href="/x%22%3E%3Cscript%3E"'),
        ):
            assert way in await (await nobody.session.get(path)).text()
        response = await nobody.session.get(f"{nobody.origin}//evil.example/")
        assert (response.status, 'href="//' in await response.text()) == (401, False)
        response = await nobody.session.post("/do/freeze", data={"reason": "x"})
        assert (response.status, 'href="/incidents"' in await response.text()) == (401, True)


async def test_after_too_many_wrong_passwords_it_says_when_to_come_again(house: House) -> None:
    async with browsing(house, Person("bob", "the wrong password")) as (browser,):
        for _ in range(5):
            assert (await browser.session.get("/incidents")).status == 401
        response = await browser.session.get("/incidents")
    assert response.status == 429
    assert 0 < int(response.headers["Retry-After"]) <= 12


@pytest.mark.parametrize(
    "sent",
    [
        "Basic",
        "Basic !!!",
        "Basic YWxpY2U=",  # no colon
        "Basic //79/Q==",  # no UTF-8
        "Bearer YWxpY2U6eA==",
        "Basic " + "QUFB" * 1500,
        "Digest username=alice",
        "Basic \xff\xfe",
    ],
)
async def test_what_is_no_name_with_a_password_costs_no_check(sent: str, house: House) -> None:
    async with browsing(house, None) as (browser,):
        for _ in range(10):
            response = await browser.session.get("/incidents", headers={"Authorization": sent})
            assert response.status == 401
        assert "Sign in with your name" in await response.text()


async def test_without_users_everybody_reads_and_nobody_is_asked() -> None:
    house = House()
    await house.arm()
    async with browsing(house, None, ALICE) as (nobody, alice):
        for browser in (nobody, alice):
            page = await browser.open("/stop")
            assert "<form" not in page
            assert "cluster.yml names no healer.users" in page


async def test_every_answer_says_what_a_browser_may_do_with_it(house: House) -> None:
    async with browsing(house, ALICE, None) as browsers:
        for browser in browsers:
            for path in (*OPEN, *SHUT[:8]):
                if path == "/events":
                    continue
                found = (await browser.session.get(path)).headers
                policy = found["Content-Security-Policy"]
                assert "default-src 'none'" in policy
                assert "form-action 'self'" in policy
                assert "frame-ancestors 'none'" in policy
                assert "unsafe" not in policy
                assert found["X-Content-Type-Options"] == "nosniff"
                assert found["Cache-Control"] == "no-store"


# --- Where nobody signs in ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("127.0.0.1:9595", 200),
        ("[::1]:9595", 200),
        ("localhost", 200),
        ("mon1:9595", 200),
        ("HALE.example", 200),
        ("evil.example", 421),
        ("mon1.evil.example:9595", 421),
        ("10.0.0.1.evil.example", 421),
        ("[evil", 421),
        ("", 421),
    ],
)
async def test_a_strangers_name_that_was_made_to_lead_here_reads_nothing(
    host: str, code: int
) -> None:
    house = House()
    await house.open(house.trouble())
    async with browsing(house, None) as (nobody,):
        for path, kind in (
            ("/incidents", "text/html"),
            ("/api/v1/incidents", "application/json"),
        ):
            response = await nobody.session.get(path, headers={"Host": host})
            assert (response.status, response.content_type) == (code, kind)
            assert ("web1" in await response.text()) == (code == 200)
        assert (await nobody.session.get("/metrics", headers={"Host": host})).status == 200
