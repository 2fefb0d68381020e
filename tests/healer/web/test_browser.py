"""People at the pages in Debian's Chromium: what they do there, and what those do who mean harm."""

from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.alert import Alert
from tests.healer.core.world import alert
from tests.healer.web.house import HOSTILE, House
from tests.healer.web.looks import CUT_OFF, SCROLLS
from tests.healer.web.people import ALICE, BOB, Person
from tests.healer.web.screens import DESK, PHONE, SHOTS, SOON, at, busy, screen

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def house(tmp_path: Path) -> House:
    return await busy(tmp_path)


async def test_an_incident_shows_what_every_guard_has_and_needs(
    browser: Browser, house: House
) -> None:
    held = house.journal.board.incidents["3"]
    async with at(house) as base, screen(browser, base) as window:
        await window.open("/incidents/3")
        rows = await window.page.locator("#guards tbody tr").all_inner_texts()
    told = [row.split("\t") for row in rows]
    assert [(row[0].strip(), row[2].strip(), row[3].strip()) for row in told] == [
        (one.guard, one.have or "-", one.need or "-") for one in held.verdicts
    ]
    assert {"capacity", "budget", "approved"} <= {row[0].strip() for row in told}


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_a_person_approves_and_freezes_from_a_phone(
    browser: Browser, house: House, scripts: bool
) -> None:
    async with (
        at(house) as base,
        screen(browser, base, size=PHONE, dark=True, scripts=scripts) as window,
    ):
        page = window.page
        await window.open("/")
        await page.get_by_role("link", name="web1/nginx").first.tap()
        await page.get_by_role("button", name="Approve service.restart").tap()
        said = page.locator("#outcome")
        assert "yes to service.restart (rung 1) on web1/nginx" in await said.inner_text()
        await page.get_by_role("link", name="Stop").tap()
        await page.get_by_label("Why").first.fill("smoke in rack c")
        await page.get_by_role("button", name="Freeze Hale").tap()
        await page.get_by_text("Frozen by alice (web): smoke in rack c").wait_for()
        await page.get_by_role("button", name="Unfreeze").tap()
        await page.get_by_text("Actions may go on").wait_for()
        await house.journal.write(ev.NodeHeld("web3", "x", "root", None))
        if scripts:
            await page.get_by_role("button", name="Release web3").wait_for(timeout=SOON)
            assert await page.get_by_text("Actions may go on").count() == 1, "it stays to be read"
        assert window.complaints == []
    told = [type(one.event) for one in house.store.records[-4:]]
    assert told == [ie.ApprovalGiven, ev.Frozen, ev.Unfrozen, ev.NodeHeld]


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_a_person_holds_a_node_and_puts_an_incident_into_hales_hands(
    browser: Browser, house: House, scripts: bool
) -> None:
    async with at(house) as base, screen(browser, base, size=PHONE, scripts=scripts) as window:
        page = window.page
        await window.open("/incidents/4")
        await page.get_by_role("button", name="Put it into Hale's hands").tap()
        await page.locator("#outcome").wait_for()
        await page.get_by_role("link", name="Hold web2").tap()
        assert await page.get_by_role("combobox", name="Node").input_value() == "web2"
        await page.locator("#why-node").fill("replacing a fan")
        await page.get_by_role("combobox", name="For").select_option("2h")
        await page.get_by_role("button", name="Hold this node").tap()
        await page.get_by_role("button", name="Release web2").tap()
        await page.locator("#outcome").wait_for()
        assert await page.get_by_role("button", name="Release web2").count() == 0
        assert window.complaints == []
    adopted, held, released = (one.event for one in house.store.records[-3:])
    assert adopted == ie.IncidentAdopted("4", "alice (web)")
    assert held == ev.NodeHeld("web2", "replacing a fan", "alice (web)", house.clock.wall() + 7200)
    assert released == ev.NodeReleased("web2", "alice (web)")


async def test_a_double_click_says_it_once_and_a_second_tab_learns_how_it_is_now(
    browser: Browser, house: House
) -> None:
    async with (
        at(house) as base,
        screen(browser, base) as one,
        screen(browser, base, scripts=False) as other,
    ):
        await one.open("/incidents/3")
        await other.open("/incidents/3")
        await one.page.get_by_role("button", name="Deny").dblclick()
        await one.page.locator("#outcome").wait_for()
        assert "needs a person" in await one.text()
        await other.page.get_by_role("button", name="Approve").click()
        assert "changed_since" in await other.text()
        assert "Nothing was changed." in await other.text()
        await other.page.get_by_role("link", name="Look at how it is now").click()
        assert "Put it into Hale's hands" in await other.text()
    kinds = [type(one.event) for one in house.store.records]
    assert (kinds.count(ie.ApprovalDenied), kinds.count(ie.ApprovalGiven)) == (1, 0)


async def test_the_pages_can_be_used_by_keyboard_alone(browser: Browser, house: House) -> None:
    async with at(house) as base, screen(browser, base) as window:
        keys = window.page.keyboard
        await window.open("/incidents/3")
        await keys.press("Tab")
        assert await window.page.evaluate("document.activeElement.textContent") == (
            "Skip to the content"
        )
        await keys.press("Enter")
        for _ in range(5):
            await keys.press("Tab")
            text = await window.page.evaluate("document.activeElement.textContent")
            if text.startswith("Approve"):
                break
        await keys.press("Enter")
        await window.page.locator("#outcome").wait_for()
    assert isinstance(house.store.records[-1].event, ie.ApprovalGiven)


async def test_a_viewer_has_nothing_to_press(browser: Browser, house: House) -> None:
    async with at(house) as base, screen(browser, base, BOB, PHONE) as window:
        for path in ("/incidents/3", "/stop", "/"):
            await window.open(path)
            assert await window.page.locator("button").count() == 0
        await window.open("/stop")
        assert "bob is a viewer" in await window.text()


@pytest.mark.parametrize(("person", "word"), [(ALICE, "stale_form"), (BOB, "not_operator")])
async def test_a_form_with_a_forged_token_changes_nothing(
    browser: Browser, house: House, person: Person, word: str
) -> None:
    before = len(house.store.records)
    async with at(house) as base, screen(browser, base, person) as window:
        await window.open("/stop")
        await window.page.evaluate(
            """() => {
              const form = document.createElement("form");
              Object.assign(form, { method: "post", action: "/do/freeze" });
              for (const [name, value] of [["token", "0".repeat(64)], ["reason", "x"]]) {
                form.append(Object.assign(document.createElement("input"), { name, value }));
              }
              document.body.append(form);
              form.submit();
            }"""
        )
        await window.page.get_by_role("heading", name="Not done").wait_for(timeout=SOON)
        assert word in await window.text()
    assert len(house.store.records) == before


async def test_whoever_is_not_signed_in_sees_the_way_in_and_the_runbooks(
    browser: Browser, house: House
) -> None:
    async with at(house) as base, screen(browser, base, None, PHONE) as window:
        await window.open("/incidents", 401)
        await window.page.get_by_role("link", name="The runbooks").tap()
        await window.page.get_by_role("link", name="ServiceDown").tap()
        assert "Sign in to see what there is of it now." in await window.text()
        assert "web1" not in await window.text()


# --- Those who mean harm --------------------------------------------------------------------


async def test_hostile_words_run_nothing_and_break_no_page(browser: Browser, house: House) -> None:
    words = HOSTILE + "x" * 500
    labels = dict(alert().labels) | {"service": words, words: words}
    harm = Alert("harm", words, tuple(sorted(labels.items())), house.clock.wall())
    await house.journal.write(
        ie.IncidentOpened("9", harm, words, "d1"),
        ie.IncidentEscalated("9", words, words),
        ev.AlertRefused(harm, words, words),
        ev.Frozen(words.replace("\n", ""), words),
    )
    async with at(house) as base:
        for size in (DESK, PHONE):
            async with screen(browser, base, size=size) as window:
                for path in ("/", "/refused", "/stop", "/runbooks/ServiceDown", "/incidents/9"):
                    await window.open(path)
                    assert await window.page.evaluate(CUT_OFF) == [], path
                    assert await window.page.evaluate(SCROLLS) == [], path
                    assert await window.page.locator("main script, main img").count() == 0
                await window.page.screenshot(path=SHOTS / f"{size[0]}-hostile.png")
                assert window.complaints == []


async def test_a_script_that_got_into_a_page_would_not_run(browser: Browser, house: House) -> None:
    async with at(house) as base, screen(browser, base) as window:
        await window.open("/incidents")
        await window.page.evaluate(
            """() => {
              const script = document.createElement("script");
              script.textContent = "window.ran = 1";
              document.body.append(script);
              document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.ran = 1'>");
              document.body.style.cssText = "";
              const far = document.createElement("script");
              far.src = "http://127.0.0.1:1/x.js";
              document.body.append(far);
            }"""
        )
        await window.page.wait_for_timeout(300)
        assert await window.page.evaluate("window.ran") is None
        assert any("Content Security Policy" in one for one in window.complaints)


async def test_a_page_of_another_site_changes_nothing_and_frames_nothing(
    browser: Browser, house: House, tmp_path: Path
) -> None:
    async with at(house) as base, screen(browser, base) as window:
        await window.open("/stop")  # so that this browser has the password
        before = len(house.store.records)
        evil = f"""<iframe src="{base}/stop"></iframe>
          <form id="f" method="post" action="{base}/do/freeze"><input name="reason" value="x"></form>
          <script>document.getElementById("f").submit()</script>"""
        await window.page.route(
            "http://evil.example/", lambda route: route.fulfill(body=evil, content_type="text/html")
        )
        await window.page.goto("http://evil.example/", wait_until="commit")
        await window.page.get_by_text("cross_site").wait_for(timeout=SOON)
        assert len(house.store.records) == before
