"""Requests on a real socket, and what is lost when."""

import asyncio
import io
import json
from dataclasses import asdict

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from lab.load import Outage, Request, generate, lost_by_second, outages, parse_line, tide
from tests.lab.drills.stories import BEGAN, URL, requests


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        pytest.param("", [], id="no request"),
        pytest.param(".....", [], id="all answered"),
        pytest.param("..xx.....", [(0.2, 0.4, 2)], id="lost and back"),
        pytest.param("..xx....", [(0.2, None, 2)], id="not steady yet"),
        pytest.param("xxx", [(0.0, None, 3)], id="never back"),
        pytest.param("x..x.....", [(0.0, 0.4, 2)], id="one answer in between is no recovery"),
        pytest.param("x.....x.....", [(0.0, 0.1, 1), (0.6, 0.7, 1)], id="two outages"),
    ],
)
def test_when_a_service_was_lost_and_back(
    pattern: str, found: list[tuple[float, float | None, int]]
) -> None:
    """It is back with the first of five answered requests in a row."""
    seen = [
        (
            pytest.approx(outage.lost - BEGAN),
            None if outage.back is None else pytest.approx(outage.back - BEGAN),
            outage.requests,
        )
        for outage in outages(requests(pattern))
    ]
    assert seen == found


def test_each_url_has_its_own_outages() -> None:
    """One that serves does not end the outage of another."""
    other = requests("xx.....", start=0.05, url="http://other/")
    found = outages([*requests("......."), *other])
    assert [outage.url for outage in found] == ["http://other/"]


@given(st.text(alphabet=".x", max_size=60), st.randoms())
def test_the_order_of_the_lines_does_not_matter(pattern: str, random: object) -> None:
    """Requests end in another order than they began, and every lost one is counted once."""
    made = requests(pattern)
    mixed = list(made)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert outages(mixed) == outages(made)
    assert sum(outage.requests for outage in outages(made)) == pattern.count("x")
    assert all(isinstance(outage, Outage) for outage in outages(made))


def test_requests_are_counted_by_second() -> None:
    """Those before and after the window do not count."""
    made = requests("x" * 5 + "." * 10 + "x" * 10, start=-0.5)
    assert lost_by_second(made, BEGAN, BEGAN + 1.0) == [(10, 0), (0, 10)]


def test_a_line_cut_off_is_skipped() -> None:
    """The load may be writing while it is read."""
    line = json.dumps(asdict(requests(".")[0]))
    assert parse_line(line) == requests(".")[0]
    assert parse_line(line[:-5]) is None
    assert parse_line("null") is None


@pytest.mark.parametrize(
    ("after", "rate"), [(0.0, 4.0), (15.0, 22.0), (30.0, 40.0), (45.0, 22.0), (60.0, 4.0)]
)
def test_a_tide_rises_from_a_tenth_and_falls_again(after: float, rate: float) -> None:
    """Each period once, from low to low."""
    assert tide(40.0, 60.0, after) == pytest.approx(rate)
    assert tide(40.0, 0.0, after) == 40.0


async def test_requests_go_out_and_their_ends_are_written() -> None:
    """Answered, refused by status, and never answered."""

    async def fine(request: web.Request) -> web.Response:
        return web.Response(text="fine")

    async def broken(request: web.Request) -> web.Response:
        raise web.HTTPBadGateway

    app = web.Application()
    app.router.add_get("/fine", fine)
    app.router.add_get("/broken", broken)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    urls = [f"http://127.0.0.1:{port}/fine", f"http://127.0.0.1:{port}/broken"]
    found = await _until(urls, runner, want=2)
    assert {(request.url, request.ok, request.status) for request in found} >= {
        (urls[0], True, 200),
        (urls[1], False, 502),
    }
    after = await _until(urls[:1], None, want=1)
    assert (after[0].ok, after[0].status) == (False, 0)


async def _until(urls: list[str], runner: web.AppRunner | None, want: int) -> list[Request]:
    """Let the load run until so many requests have ended; then stop it and the server."""

    class Out(io.StringIO):
        enough = asyncio.Event()

        def flush(self) -> None:
            if self.getvalue().count("\n") >= want:
                self.enough.set()

    out = Out()
    task = asyncio.create_task(generate(urls, 50.0, out))
    async with asyncio.timeout(20):
        await out.enough.wait()
    task.cancel()
    await asyncio.wait([task])
    if runner is not None:
        await runner.cleanup()
    found = [parse_line(line) for line in out.getvalue().splitlines()]
    assert all(found), URL
    return [request for request in found if request]
