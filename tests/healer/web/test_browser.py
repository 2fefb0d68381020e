"""The pages in Debian's Chromium: to be read by day and by night, on a desk and on a phone, with scripts and without.

Each page is photographed into build/screenshots, so that people can look at what they are about to give to others.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Route

from healer.core import events as ev
from healer.core.alert import Alert
from healer.core.incident import Outcome
from tests.healer.core.world import alert
from tests.healer.web.assistive import unnamed, wrong_for_assistive
from tests.healer.web.house import HOSTILE, House
from tests.healer.web.looks import CUT_OFF, SCROLLS, wrong_with
from tests.healer.web.people import ALICE, BOB, Person
from tests.healer.web.screens import DESK, NOWHERE, PHONE, at, busy, chromium, screen

pytestmark = pytest.mark.asyncio(loop_scope="module")

HERE = Path(__file__).parents[3]
SHOTS, DOCS = HERE / "build/screenshots", HERE / "docs"

SOON = 10_000
"""Milliseconds: well before the 15 s after which a page is read again even if nobody says that it should be."""

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

PAGES = {
    "incidents": "/incidents",
    "approve": "/incidents/3",
    "mitigated": "/incidents/2",
    "escalated": "/incidents/4",
    "healed": "/incidents/1",
    "guards": "/guards",
    "ladders": "/ladders",
    "history": "/history",
    "marks": "/marks",
    "stop": "/stop?node=web1",
    "runbooks": "/runbooks/",
    "runbook": "/runbooks/ServiceDown",
    "refused": "/refused",
    "refused-one": "/refused/ServiceDown:web9%2Fnginx:first",
    "nowhere": NOWHERE,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all: each window has a profile of its own."""
    async with chromium() as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def house(tmp_path: Path) -> House:
    return await busy(tmp_path)


# --- How they look --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "size", "scripts"),
    [("desk", DESK, True), ("phone", PHONE, True), ("phone-without-scripts", PHONE, False)],
    ids=["on a desk", "on a phone", "on a phone without scripts"],
)
async def test_every_page_can_be_read_and_touched_by_day_and_by_night(
    browser: Browser, house: House, kind: str, size: tuple[int, int], scripts: bool
) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    wrong: dict[str, list[str]] = {}
    async with at(house) as base, screen(browser, base, size=size, scripts=scripts) as window:
        for name, path in PAGES.items():
            await window.open(path)
            for scheme in SCHEMES if scripts else SCHEMES[:1]:  # no script chooses colours
                shot = SHOTS / f"{kind}-{scheme}-{name}.png"
                await window.page.emulate_media(color_scheme=scheme)
                await window.page.screenshot(path=shot, full_page=True)
                wrong[shot.stem] = await wrong_with(window.page, finger=size == PHONE)
            assert await window.page.locator("h1").count() == 1
        assert window.complaints == []
    assert {name: found for name, found in wrong.items() if found} == {}


@pytest.mark.parametrize(
    ("name", "path", "size", "dark"),
    [("incidents", "/", DESK, False), ("incident-phone", "/incidents/3", PHONE, True)],
)
async def test_the_page_of_the_healer_has_pictures_of_its_pages(
    request: pytest.FixtureRequest,
    browser: Browser,
    house: House,
    name: str,
    path: str,
    size: tuple[int, int],
    dark: bool,
) -> None:
    picture = DOCS / f"pictures/{name}.png"
    async with at(house) as base, screen(browser, base, size=size, dark=dark) as window:
        await window.open(path)
        await window.page.get_by_text("live,").wait_for(timeout=SOON)
        taken = await window.page.screenshot()
    if request.config.getoption("--rewrite"):
        picture.parent.mkdir(exist_ok=True)
        picture.write_bytes(taken)
    assert picture.read_bytes()[:24] == taken[:24], "of the same size"
    assert f"](pictures/{name}.png)" in (DOCS / "healer.md").read_text()


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


TABLES = {"guards", "ladders", "history", "refused", "incidents"}
"""Pages that have a table whatever happens."""


@pytest.mark.parametrize("name", PAGES)
async def test_every_page_can_be_used_by_keyboard_and_heard(
    browser: Browser, house: House, name: str
) -> None:
    async with at(house) as base, screen(browser, base) as window:
        await window.open(PAGES[name])
        assert await wrong_for_assistive(window.page, table=name in TABLES) == []
        await window.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        assert await unnamed(window.page, table=name in TABLES) == []
        assert window.complaints == []


async def test_what_stands_in_the_way_of_some_is_found(browser: Browser, house: House) -> None:
    """Without this nobody would know whether the checks above can fail."""
    faults = """() => {
      const add = (tag, text, set) =>
        document.querySelector("main").append(Object.assign(document.createElement(tag), { textContent: text }, set));
      add("h5", "deep");
      add("button", "");
      add("button", "early", { tabIndex: 5 });
      add("button", "dim", { id: "dim" });
      document.getElementById("dim").style.outline = "none";
      document.querySelector("th").removeAttribute("scope");
      document.querySelector("nav").removeAttribute("aria-label");
      document.querySelector(".field label").htmlFor = "nowhere";
    }"""
    async with at(house) as base, screen(browser, base) as window:
        await window.open("/history")
        await window.page.evaluate(faults)
        found = " ".join(await wrong_for_assistive(window.page, table=True))
    for word in (
        *("h5 after h2", "no name: button", "tabindex 5", "no ring: BUTTON dim", "out of order"),
        *("without scope", "navigation without a name", "nothing has id nowhere"),
    ):
        assert word in found, found


async def test_what_lies_over_something_else_is_found(browser: Browser, house: House) -> None:
    async with at(house) as base, screen(browser, base) as window:
        await window.open("/history")
        await window.page.evaluate("document.getElementById('by-since').style.minWidth = '400px'")
        assert any("lies over" in one for one in await wrong_with(window.page, finger=False))


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
        await page.screenshot(path=SHOTS / f"phone-dark-frozen-{scripts}.png", full_page=True)
        await page.get_by_role("button", name="Unfreeze").tap()
        await page.get_by_text("Actions may go on").wait_for()
        await house.journal.write(ev.NodeHeld("web3", "x", "root", None))
        if scripts:
            await page.get_by_role("button", name="Release web3").wait_for(timeout=SOON)
            assert await page.get_by_text("Actions may go on").count() == 1, "it stays to be read"
        assert window.complaints == []
    told = [type(one.event) for one in house.store.records[-4:]]
    assert told == [ev.ApprovalGiven, ev.Frozen, ev.Unfrozen, ev.NodeHeld]


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
    assert adopted == ev.IncidentAdopted("4", "alice (web)")
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
        await other.page.screenshot(path=SHOTS / "desk-light-not-done.png", full_page=True)
        await other.page.get_by_role("link", name="Look at how it is now").click()
        assert "Put it into Hale's hands" in await other.text()
    kinds = [type(one.event) for one in house.store.records]
    assert (kinds.count(ev.ApprovalDenied), kinds.count(ev.ApprovalGiven)) == (1, 0)


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
    assert isinstance(house.store.records[-1].event, ev.ApprovalGiven)


async def test_a_viewer_has_nothing_to_press(browser: Browser, house: House) -> None:
    async with at(house) as base, screen(browser, base, BOB, PHONE) as window:
        for path in ("/incidents/3", "/stop", "/"):
            await window.open(path)
            assert await window.page.locator("button").count() == 0
        await window.open("/stop")
        await window.page.screenshot(path=SHOTS / "phone-light-viewer.png", full_page=True)
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
        await window.page.route("**/*", _without_asking)
        response = await window.page.goto(f"{base}/incidents")
        assert response is not None
        assert response.status == 401
        await window.page.screenshot(path=SHOTS / "phone-light-stranger.png", full_page=True)
        await window.page.get_by_role("link", name="all of them").tap()
        await window.page.get_by_role("link", name="ServiceDown").tap()
        assert "Sign in to see what there is of it now." in await window.text()
        assert "web1" not in await window.text()


async def _without_asking(route: Route) -> None:
    """Answer as the healer does, but without the header at which a browser opens its own dialog."""
    response = await route.fetch()
    headers = {
        name: value for name, value in response.headers.items() if name != "www-authenticate"
    }
    await route.fulfill(response=response, headers=headers)


# --- What happens by itself -----------------------------------------------------------------


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
        assert await page.evaluate("scrollY") == 200
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


# --- Those who mean harm --------------------------------------------------------------------


async def test_hostile_words_run_nothing_and_break_no_page(browser: Browser, house: House) -> None:
    words = HOSTILE + "x" * 500
    labels = dict(alert().labels) | {"service": words, words: words}
    harm = Alert("harm", words, tuple(sorted(labels.items())), house.clock.wall())
    await house.journal.write(
        ev.IncidentOpened("9", harm, words, "d1"),
        ev.IncidentEscalated("9", words, words),
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
