"""Open pages in Debian's Chromium: they follow what happens by themselves, and keep what a person does there."""

from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from healer.core import events as ev
from healer.core.attempt import Outcome
from tests.healer.web.house import House
from tests.healer.web.screens import SHOTS, SOON, at, busy, screen

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def house(tmp_path: Path) -> House:
    return await busy(tmp_path)


async def test_an_open_page_follows_what_happens_and_keeps_what_a_person_does_there(
    browser: Browser, house: House
) -> None:
    async with at(house) as base, screen(browser, base) as window:
        page = window.page
        await window.open("/incidents/3")
        await page.locator("#alerts summary").first.click()
        await page.evaluate("window.mine = true; scrollTo(0, 200)")
        await page.get_by_role("button", name="Deny").focus()
        await house.tried("3", 9, Outcome.DONE, "restarted")
        await page.get_by_text("being proved").first.wait_for(timeout=SOON)
        assert await page.evaluate("window.mine"), "it was not loaded anew"
        # A browser keeps what is looked at in its place, when what stands above it grows or shrinks by a line.
        assert 100 < await page.evaluate("scrollY") < 300
        assert await page.locator("details[open]").count() == 1
        assert "verifying" in await page.title()
        await page.get_by_text("live,").wait_for(timeout=SOON)
        assert window.complaints == []


async def test_a_runbook_follows_what_there_is_of_its_alert(browser: Browser, house: House) -> None:
    async with at(house) as base, screen(browser, base) as window:
        page = window.page
        await window.open("/incidents/3")  # a runbook asks nobody for a password
        await page.get_by_role("link", name="ServiceDown").click()
        await page.get_by_role("heading", name="What it means").wait_for()
        await page.evaluate("window.mine = true")
        assert (
            await page.locator("#present .card.held").get_by_role("link").inner_text()
            == "web1/nginx"
        )
        assert await page.locator("#present .card.verifying").count() == 0
        await house.tried("3", 9, Outcome.DONE, "restarted")
        now = page.locator("#present .card.verifying").get_by_role("link", name="web1/nginx")
        await now.wait_for(timeout=SOON)
        assert await page.evaluate("window.mine"), "it was not loaded anew"
        assert await page.get_by_text("What it means").count() == 1
        assert window.complaints == []


async def test_what_somebody_types_stays_while_the_page_follows(
    browser: Browser, house: House
) -> None:
    async with at(house) as base, screen(browser, base) as window:
        await window.open("/stop")
        why = window.page.get_by_label("Why")
        await why.first.fill("moving rack b, row")
        await house.journal.write(ev.Frozen("smoke in rack c", "root"))
        await window.page.get_by_text("smoke in rack c").first.wait_for(timeout=SOON)
        assert await why.first.input_value() == "moving rack b, row"
        assert await window.page.evaluate("document.activeElement.id") == "why-everywhere"


async def test_ages_go_on_by_the_healers_clock(browser: Browser, house: House) -> None:
    async with at(house) as base, screen(browser, base) as window:
        await window.open("/incidents")
        first = await window.page.locator("time.age").first.inner_text()
        assert first.endswith(" s"), "of 2027, whatever year the browser has"
        before = await window.page.evaluate("Date.now() / 1000")
        await window.page.wait_for_timeout(2100)
        later = await window.page.locator("time.age").first.inner_text()
        passed = await window.page.evaluate("Date.now() / 1000") - before
        assert 1 <= int(later.split()[0]) - int(first.split()[0]) <= passed + 2


async def test_a_page_says_when_it_is_not_live_any_more_and_when_it_is_again(
    browser: Browser, house: House
) -> None:
    async with screen(browser, "") as window:
        async with at(house) as base:
            await window.page.goto(f"{base}/incidents")
            await window.page.get_by_text("live,").wait_for(timeout=SOON)
        port = int(base.rpartition(":")[2])
        await window.page.get_by_text("not live: this is from").wait_for(timeout=30_000)
        await window.page.screenshot(path=SHOTS / "desk-light-lost.png")
        await house.journal.write(ev.Frozen("smoke in rack c", "root"))
        async with house.public(port=port):
            await window.page.get_by_text("smoke in rack c").first.wait_for(timeout=30_000)
            await window.page.locator("#live[data-state=live]").wait_for(timeout=SOON)
