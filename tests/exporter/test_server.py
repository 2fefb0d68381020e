"""The exporter over HTTP, on a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from exporter.collector import OnScrape
from exporter.config import Config
from exporter.scrape import Scraper
from exporter.server import application
from tests.exporter.fakes import still_clock

PLAIN = {"Accept-Encoding": "identity"}


class Source(OnScrape):
    """Serves its own name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def collect(self) -> bytes:
        return f"x_{self.name} 1\n".encode()


class Large(OnScrape):
    """Serves more than sockets hold."""

    name = "large"

    def collect(self) -> bytes:
        return b'x_large{a="%b"} 1\n' % (b"a" * 1000) * 10_000


@asynccontextmanager
async def served(
    path: str = "/metrics", most: int = 40
) -> AsyncIterator[tuple[ClientSession, str]]:
    scraper = Scraper([Source("stat"), Source("uname")], bytes, still_clock())
    app = application(scraper, path, config=lambda: Config("first", "<web1>"))
    async with (
        TestServer(app, host="127.0.0.1") as server,
        ClientSession(headers=PLAIN, auto_decompress=False) as session,
    ):
        yield session, str(server.make_url("")).rstrip("/")


async def test_metrics_are_text_that_prometheus_reads() -> None:
    async with served() as (session, base), session.get(f"{base}/metrics") as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert (await answer.text()).startswith("x_stat 1\nx_uname 1\n# HELP hale_collector_state")


async def test_gzip_is_used_when_it_is_asked_for_and_only_then() -> None:
    async with served() as (session, base):
        url = f"{base}/metrics"
        async with session.get(url, headers={"Accept-Encoding": "gzip;q=1.0,*;q=0.1"}) as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            assert (await answer.read()).startswith(b"\x1f\x8b")
        async with session.get(url) as answer:
            assert "Content-Encoding" not in answer.headers


async def test_openmetrics_is_given_to_who_asks_for_it() -> None:
    accept = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
    async with served() as (session, base):
        async with session.get(f"{base}/metrics", headers=accept) as answer:
            assert answer.headers["Content-Type"] == (
                "application/openmetrics-text; version=1.0.0; charset=utf-8"
            )
            assert answer.headers["Vary"] == "Accept, Accept-Encoding"
            assert (await answer.text()).endswith("\n# EOF\n")
        async with session.get(f"{base}/metrics") as answer:
            assert "# EOF" not in await answer.text()


async def test_head_has_the_headers_alone() -> None:
    async with served() as (session, base):
        async with session.get(f"{base}/metrics") as answer:
            length = len(await answer.read())
        async with session.head(f"{base}/metrics") as answer:
            assert (answer.status, await answer.read()) == (200, b"")
            assert int(answer.headers["Content-Length"]) == length


async def test_a_scrape_leaves_out_what_does_not_fit_into_its_time() -> None:
    async with served() as (session, base):
        url, header = f"{base}/metrics", "X-Prometheus-Scrape-Timeout-Seconds"
        async with session.get(url, headers={header: "0"}) as answer:
            body = await answer.text()
            assert "x_stat" not in body
            assert 'hale_collector_state{collector="stat",state="timed_out"} 1' in body
        async with session.get(url, headers={header: "10"}) as answer:
            assert "x_stat 1" in await answer.text()
        async with session.get(url, headers={header: "soon"}) as answer:
            assert (answer.status, "'soon'" in await answer.text()) == (400, True)


async def test_more_scrapes_than_there_is_room_for_are_told_to_come_again() -> None:
    """One client takes nothing of its answer, so its scrape stays under way."""
    scraper = Scraper([Large()], bytes, still_clock())
    async with TestServer(application(scraper, "/metrics", most_requests=1)) as server:
        with socket.socket() as lazy:
            lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            lazy.connect((server.host, server.port))
            lazy.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            url = server.make_url("/metrics")
            async with ClientSession() as session, asyncio.timeout(20):
                while True:
                    async with session.head(url) as answer:
                        if answer.status == 503:
                            break
                        await asyncio.sleep(0.02)
                lazy.close()
                while True:
                    async with session.get(url) as answer:
                        told = await answer.text()
                        if answer.status == 200:
                            break
                        assert "Limit of concurrent requests reached (1)" in told


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("collect[]=stat", {"x_stat"}),
        ("collect[]=stat&collect[]=uname", {"x_stat", "x_uname"}),
        ("exclude[]=stat", {"x_uname"}),
        ("exclude[]=stat&exclude[]=nope", {"x_uname"}),
        ("debug=1", {"x_stat", "x_uname"}),
    ],
)
async def test_a_scrape_may_choose_its_collectors(query: str, found: set[str]) -> None:
    async with served() as (session, base), session.get(f"{base}/metrics?{query}") as answer:
        rows = (await answer.text()).splitlines()
        assert {row.split()[0] for row in rows if row.startswith("x_")} == found


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("collect[]=stat&exclude[]=uname", "not allowed"),
        ("collect[]=nope", "no collector nope here. Enabled: stat, uname"),
        ("name[]=x_stat", "cannot choose by name[]. Known: collect[], exclude[]"),
    ],
)
async def test_a_choice_that_cannot_be_is_refused(query: str, told: str) -> None:
    async with served() as (session, base), session.get(f"{base}/metrics?{query}") as answer:
        assert answer.status == 400
        assert told in await answer.text()


async def test_what_is_not_there_is_told_in_a_line() -> None:
    async with served("/other") as (session, base):
        async with session.get(f"{base}/-/healthy") as answer:
            assert await answer.text() == "Healthy\n"
        async with session.get(f"{base}/metrics") as answer:
            assert answer.status == 404
            assert await answer.text() == "404: nothing is here. There is: /, /other, /-/healthy\n"
        async with session.post(f"{base}/other") as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "GET,HEAD")
            assert answer.content_type == "text/plain"


async def test_the_page_for_people_says_what_this_is_and_how_each_collector_fares() -> None:
    async with served("/other") as (session, base):
        async with session.get(f"{base}/other?collect[]=stat"):
            pass
        async with session.get(f"{base}/") as answer:
            shown = await answer.text()
    assert '<a class="button" href="/other">Metrics</a>' in shown
    assert "<h1>&lt;web1&gt;</h1>" in shown
    assert "of the cluster first" in shown
    assert "1 ok, 1 not run before the first scrape." in shown
    assert (
        '<a href="/other?collect[]=stat">stat</a></td><td role="cell" data-head="State"><span class="pill ok"'
        in shown
    )


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/nowhere"])
async def test_every_answer_is_cautious(path: str) -> None:
    async with served() as (session, base), session.get(f"{base}{path}") as answer:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "default-src 'none'; style-src 'sha256-" in answer.headers["Content-Security-Policy"]


async def test_metrics_may_be_all_there_is() -> None:
    async with served("/") as (session, base), session.get(f"{base}/") as answer:
        assert (await answer.text()).startswith("x_stat 1")
