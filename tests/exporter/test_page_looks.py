"""How the page looks and sounds in Debian's Chromium: by day and by night, on a desk and on a phone."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser

from exporter.collector import Absent, Background, Latest, Malformed, OnScrape, State
from exporter.config import Config
from exporter.scrape import Scraper
from exporter.server import application
from tests.exporter.fakes import EPOCH, still_clock
from tests.healer.web.assistive import unnamed
from tests.healer.web.looks import unreadable, wrong_with
from tests.healer.web.screens import DESK, PHONE, SHOTS, chromium, screen

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Source(OnScrape):
    """Fares as the test wants."""

    def __init__(self, name: str, error: Exception | None = None) -> None:
        self.name = name
        self.error = error

    def collect(self) -> bytes:
        if self.error is not None:
            raise self.error
        return b""


class Hung(Background):
    """Has not answered for a while."""

    name = "hung"

    async def run(self) -> None:
        raise AssertionError("the page runs nothing")

    async def settled(self) -> None:
        raise AssertionError("the page waits for nothing")

    def latest(self) -> Latest:
        return Latest(b"", State.TIMED_OUT, 5.0, EPOCH - 300)


SOURCES = (
    Source("cpu"),
    Source("a_collector_with_a_name_that_is_as_long_as_no_other"),
    Source("edac", Absent("not here")),
    Source("raid", Malformed("no sense")),
    Hung(),
)
CONFIG = Config("web-tier", "web1.a-long-name.of-a-node.in-a-data-centre.example.org")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    SHOTS.mkdir(parents=True, exist_ok=True)
    async with chromium() as found:
        yield found


async def test_the_page_can_be_read_used_and_heard(browser: Browser) -> None:
    scraper = Scraper(SOURCES, bytes, still_clock())
    scraper.scrape()
    app = application(scraper, "/metrics", config=lambda: CONFIG, clock=still_clock())
    wrong: dict[str, list[str]] = {}
    async with TestServer(app, host="127.0.0.1") as server:
        base = str(server.make_url("")).rstrip("/")
        async with screen(browser, base, None, PHONE, scripts=False) as window:
            await window.open("/")
            for kind, size in (("phone", PHONE), ("desk", DESK)):
                await window.resize(size)
                await window.page.emulate_media(color_scheme="dark")
                wrong[f"{kind} by night"] = await unreadable(window.page)
                await window.page.emulate_media(color_scheme="light")
                wrong[f"{kind} by day"] = await wrong_with(window.page, finger=kind == "phone")
                await window.photograph(f"exporter-{kind}")
                wrong[f"{kind} heard"] = await unnamed(window.page, table=True)
            # The style sheet is let in by its hash; a browser that refused it would say so.
            assert window.complaints == []
            ground = await window.page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert ground == "rgb(246, 247, 245)"
    told = {name: found for name, found in wrong.items() if found}
    assert told == {}, told
