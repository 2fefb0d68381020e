"""What a healer answers that does not lead, over real sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from healer.metrics import Metrics
from healer.web.server import control_app, open_doors, public_app
from healer.web.standby import Waiting, standby_app, standby_control
from tests.healer.web.house import House

THERE = "http://10.0.0.2:9595"


def waiting(leader: str | None = "mon2") -> Waiting:
    return Waiting("first", "mon1", Metrics("0.1.0"), {"mon2": THERE}.__getitem__, leader)


@asynccontextmanager
async def standing_by(
    one: Waiting, path: Path
) -> AsyncIterator[tuple[aiohttp.ClientSession, aiohttp.ClientSession]]:
    connector = aiohttp.UnixConnector(str(path))
    async with (
        open_doors(standby_app(one), "127.0.0.1:0", standby_control(one), path) as doors,
        aiohttp.ClientSession(f"http://127.0.0.1:{doors.port}") as session,
        aiohttp.ClientSession("http://healer", connector=connector) as control,
    ):
        yield session, control


async def test_it_is_ready_where_the_store_says_who_leads(tmp_path: Path) -> None:
    one = waiting()
    async with standing_by(one, tmp_path / "ctl.sock") as (session, _):
        answer = await session.get("/-/ready")
        told = {"node": "mon1", "role": "standby", "leader": "mon2"}
        assert (answer.status, await answer.json()) == (200, {"ready": True, "reasons": [], **told})
        one.leader = None
        answer = await session.get("/-/ready")
        assert (answer.status, (await answer.json())["reasons"]) == (503, ["store"])
        one.starting = True
        shown = await (await session.get("/-/ready")).json()
        assert (shown["reasons"], shown["role"], shown["leader"]) == (
            ["starting"],
            "starting",
            "mon1",
        )
        assert (await session.get("/-/healthy")).status == 200


async def test_what_only_the_leader_knows_is_answered_with_who_leads(tmp_path: Path) -> None:
    async with standing_by(waiting(), tmp_path / "ctl.sock") as (session, control):
        for client, ask in (
            (session, session.get("/api/v1/incidents?state=open")),
            (session, session.get("/events")),
            (session, session.post("/do/freeze", data={"reason": "x"})),
            (control, control.get("/api/v1/status")),
            (control, control.post("/api/v1/freeze", json={"reason": "x"})),
        ):
            answer = await ask
            shown = await answer.json()
            assert (answer.status, shown["reason"]) == (503, "standby"), client
            assert shown["detail"] == f"mon1 is a standby: mon2 leads. Ask there: {THERE}"


async def test_a_page_leads_to_the_same_page_of_the_one_that_leads(tmp_path: Path) -> None:
    hostile = "/incidents/<script>alert(1)</script>"
    async with standing_by(waiting(), tmp_path / "ctl.sock") as (session, _):
        answer = await session.get("/incidents/17")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert f'href="{THERE}/incidents/17"' in await answer.text()
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        text = await (await session.get(hostile)).text()
        assert "<script>alert" not in text
        assert "alert(1)" in text


async def test_the_pages_of_the_upkeep_lead_there_too(tmp_path: Path) -> None:
    async with standing_by(waiting(), tmp_path / "ctl.sock") as (session, _):
        for path in ("/maintenance", "/nodes/web1", "/groups/web"):
            answer = await session.get(path)
            assert (answer.status, f'href="{THERE}{path}"' in await answer.text()) == (503, True)
        assert (await session.post("/do/roll", data={"group": "web"})).status == 503


async def test_the_runbooks_are_read_on_a_standby_too(tmp_path: Path) -> None:
    """One of them is about nobody who leads, and then there is no other healer to read it at."""
    async with standing_by(waiting(None), tmp_path / "ctl.sock") as (session, control):
        text = await (await session.get("/runbooks/HealerNoLeader")).text()
        assert "What to do" in text
        assert "Sign in" not in text
        listed = await session.get("/runbooks/NoSuchAlert")
        assert (listed.status, "HealerNoLeader" in await listed.text()) == (404, True)
        assert (await session.get("/runbooks/")).status == 200
        assert (await control.get("/runbooks/")).status == 503


async def test_a_page_asks_again_until_somebody_leads(tmp_path: Path) -> None:
    one = waiting()
    async with standing_by(one, tmp_path / "ctl.sock") as (session, _):
        for one.leader, one.starting in (("mon2", False), (None, False), ("mon1", True)):
            text = await (await session.get("/guards")).text()
            assert '<meta http-equiv="refresh" content="15">' in text.replace("<noscript>", "!")
            assert ("Open this page at mon2" in text) == (one.leader == "mon2")


async def test_the_webhook_is_told_that_nothing_is_lost(tmp_path: Path) -> None:
    async with standing_by(waiting(), tmp_path / "ctl.sock") as (session, _):
        answer = await session.post("/webhook", data=b"x" * 1024)
        assert (answer.status, await answer.json()) == (200, {"standby": True, "leader": "mon2"})


async def test_the_doors_stay_open_while_a_standby_becomes_the_leader(tmp_path: Path) -> None:
    house, path, one = House(), tmp_path / "ctl.sock", waiting()
    connector = aiohttp.UnixConnector(str(path))
    async with open_doors(standby_app(one), "127.0.0.1:0", standby_control(one), path) as doors:
        url = f"http://127.0.0.1:{doors.port}"
        async with (
            aiohttp.ClientSession(url) as session,
            aiohttp.ClientSession("http://healer", connector=connector) as control,
        ):
            assert (await session.get("/api/v1/status")).status == 503
            assert (await control.get("/api/v1/status")).status == 503
            await doors.show(public_app(house.desk), control_app(house.desk))
            assert (await session.get("/api/v1/status")).status == 200
            assert (await control.get("/api/v1/status")).status == 200
