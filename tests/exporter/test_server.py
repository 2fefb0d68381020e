"""The exporter over HTTP, on a real socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from exporter.collector import OnScrape
from exporter.scrape import Scraper
from exporter.server import application, wants_gzip
from tests.exporter.fakes import still_clock

PLAIN = {"Accept-Encoding": "identity"}


class Source(OnScrape):
    """Serves its own name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def collect(self) -> bytes:
        return f"x_{self.name} 1\n".encode()


@asynccontextmanager
async def served(path: str = "/metrics") -> AsyncIterator[tuple[ClientSession, str]]:
    scraper = Scraper([Source("stat"), Source("uname")], bytes, still_clock())
    async with (
        TestServer(application(scraper, path), host="127.0.0.1") as server,
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


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("collect[]=stat", {"x_stat"}),
        ("collect[]=stat&collect[]=uname", {"x_stat", "x_uname"}),
        ("exclude[]=stat", {"x_uname"}),
        ("exclude[]=stat&exclude[]=nope", {"x_uname"}),
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
    ],
)
async def test_a_choice_that_cannot_be_is_refused(query: str, told: str) -> None:
    async with served() as (session, base), session.get(f"{base}/metrics?{query}") as answer:
        assert answer.status == 400
        assert told in await answer.text()


async def test_the_page_for_people_links_the_metrics_and_health_is_plain() -> None:
    async with served("/other") as (session, base):
        async with session.get(f"{base}/") as answer:
            assert '<a href="/other">' in await answer.text()
        async with session.get(f"{base}/-/healthy") as answer:
            assert await answer.text() == "Healthy\n"
        async with session.get(f"{base}/metrics") as answer:
            assert answer.status == 404
        async with session.post(f"{base}/other") as answer:
            assert answer.status == 405


async def test_metrics_may_be_all_there_is() -> None:
    async with served("/") as (session, base), session.get(f"{base}/") as answer:
        assert (await answer.text()).startswith("x_stat 1")


@pytest.mark.parametrize(
    ("header", "wanted"),
    [("", False), ("gzip", True), ("deflate, GZIP;q=0.5", True), ("gzip;q=0", False), ("*", True)],
)
def test_accept_encoding(header: str, wanted: bool) -> None:
    assert wants_gzip(header) is wanted
