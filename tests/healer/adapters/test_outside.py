"""Probes and the second path against real sockets and processes."""

import asyncio
import json

import aiohttp
import pytest
from aiohttp import web

from healer.adapters.probes import HttpProbe, NetworkProbes, TcpProbe
from healer.adapters.second_path import ByCommand, ByUrl, PersonPath
from healer.core.alert import Target
from healer.errors import Unreachable
from tests.healer.adapters.served import served

NGINX = Target("web1", "nginx")


async def answer(request):
    if request.path == "/moved":
        raise web.HTTPFound("/fine")
    return web.Response(status=int(request.path[1:]) if request.path[1:].isdigit() else 200)


@pytest.mark.parametrize(
    ("path", "wanted", "serves"),
    [("/", 200, True), ("/500", 200, False), ("/404", 404, True), ("/moved", 200, False)],
)
async def test_a_service_serves_if_it_answers_with_the_wanted_status(path, wanted, serves):
    async with served(answer) as (port, session):
        probe = HttpProbe(f"http://127.0.0.1:{port}{path}", wanted, 5.0)
        assert await NetworkProbes({NGINX: probe}, session).serves(NGINX) is serves


async def test_a_port_that_accepts_serves_and_one_that_refuses_does_not():
    async with served(answer) as (port, session):
        for number, serves in ((port, True), (1, False)):
            probes = NetworkProbes({NGINX: TcpProbe("127.0.0.1", number, 5.0)}, session)
            assert await probes.serves(NGINX) is serves


async def test_a_service_that_says_nothing_in_time_does_not_serve():
    async def silent(request):
        await request.content.read()
        raise ConnectionResetError  # ends without an answer

    async with served(silent) as (port, session):
        probe = HttpProbe(f"http://127.0.0.1:{port}/", 200, 5.0)
        assert await NetworkProbes({NGINX: probe}, session).serves(NGINX) is False


async def test_without_a_probe_from_outside_nobody_can_say():
    async with aiohttp.ClientSession() as session:
        assert await NetworkProbes({}, session).serves(NGINX) is None


async def test_the_second_path_by_url_hands_over_one_object():
    got = []

    async def take(request):
        got.append(await request.json())
        return web.Response()

    async with served(take) as (port, session):
        path = PersonPath(ByUrl(f"http://127.0.0.1:{port}/page"), "first", session)
        await path.call("no Alertmanager", "x" * 20_000)
    assert got[0]["cluster"] == "first"
    assert (got[0]["subject"], len(got[0]["text"])) == ("no Alertmanager", 16 * 1024)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_a_pager_that_takes_the_call_in_its_own_way_has_taken_it(status):
    async def take(request):
        return web.Response(status=status)

    async with served(take) as (port, session):
        await PersonPath(ByUrl(f"http://127.0.0.1:{port}/"), "first", session).call("s", "t")


async def test_a_second_path_that_does_not_take_the_call_is_unreachable():
    async def refuse(request):
        return web.Response(status=500, text="out of paper")

    async with served(refuse) as (port, session):
        with pytest.raises(Unreachable, match=r"status 500.*out of paper"):
            await PersonPath(ByUrl(f"http://127.0.0.1:{port}/"), "first", session).call("s", "t")
    async with served(answer) as (port, session):
        with pytest.raises(Unreachable, match="status 302"):
            await PersonPath(ByUrl(f"http://127.0.0.1:{port}/moved"), "first", session).call(
                "s", "t"
            )
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1"):
            await PersonPath(ByUrl("http://127.0.0.1:1/"), "first", session).call("s", "t")


async def test_the_second_path_by_command_gets_the_object_on_standard_input(tmp_path):
    target = tmp_path / "page"
    command = ByCommand(("sh", "-c", f"cat > {target}"))
    async with aiohttp.ClientSession() as session:
        await PersonPath(command, "first", session).call("subject", "text")
    assert json.loads(target.read_text()) == {
        "cluster": "first",
        "subject": "subject",
        "text": "text",
    }


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("/nonexistent/pager",), "cannot be started"),
        (("sh", "-c", "exit 3"), "exit status 3, wanted 0"),
        (("sh", "-c", "sleep 60 & sleep 60"), "did not end within 0.2 s"),
    ],
)
async def test_a_command_that_fails_is_unreachable_and_leaves_nothing_behind(argv, why):
    async with aiohttp.ClientSession() as session:
        with pytest.raises(Unreachable, match=why):
            await PersonPath(ByCommand(argv), "first", session, timeout=0.2).call("s", "t")


async def test_what_a_command_leaves_to_be_done_when_it_has_ended_is_done(tmp_path):
    sent = tmp_path / "sent"
    command = ByCommand(("sh", "-c", f"(sleep 0.2; echo yes > {sent}.new; mv {sent}.new {sent}) &"))
    async with aiohttp.ClientSession() as session:
        await PersonPath(command, "first", session).call("s", "t")
    async with asyncio.timeout(20):
        while not sent.exists():
            await asyncio.sleep(0.01)
