"""How the pages look and sound in Debian's Chromium: by day and by night, on a desk and on a phone, in every state.

Each is photographed into build/screenshots, so that people can look at what they are about to give to others.
"""

import re
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from healer.web import site
from healer.web.standby import Waiting
from tests.healer.web.assistive import unnamed, wrong_for_assistive
from tests.healer.web.gallery import SCENES, Shot, served
from tests.healer.web.house import House
from tests.healer.web.looks import unreadable, wrong_with
from tests.healer.web.screens import DESK, PHONE, SOON, Screen, at, busy, screen

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOCS = Path(__file__).parents[3] / "docs"

SIZES = {"desk": DESK, "phone": PHONE}

SCHEMES: tuple[Literal["dark", "light"], ...] = ("dark", "light")


@pytest_asyncio.fixture(loop_scope="module")
async def house(tmp_path: Path) -> House:
    return await busy(tmp_path)


async def test_no_page_is_left_out() -> None:
    shots = [shot for scene in SCENES.values() for shot in scene.shots.values()]
    paths = {shot.path.partition("?")[0] for shot in shots}
    for route in site.routes():
        page = re.compile(re.sub(r"{\w+}", "[^/]+", route.path))
        assert any(page.fullmatch(path) for path in paths), page.pattern
    assert {shot.status for shot in shots} >= {200, 400, 401, 403, 404, 405, 409, 421, 429, 503}


@pytest.mark.parametrize("name", SCENES)
async def test_every_page_in_every_state_can_be_read_used_and_heard(
    browser: Browser, tmp_path: Path, name: str
) -> None:
    scene = SCENES[name]
    built = await scene.build(tmp_path)
    wrong: dict[str, list[str]] = {}
    async with (
        served(built, tmp_path) as base,
        screen(browser, base, scene.person, headers=scene.headers) as window,
    ):
        for shot_name, shot in scene.shots.items():
            await _arrive(window, shot, built)
            await _photograph(window, shot_name)
            wrong |= await _wrong(window, shot_name, table=shot.table)
        assert window.complaints == []
    assert {shot_name: found for shot_name, found in wrong.items() if found} == {}


async def test_every_page_can_be_read_and_touched_on_a_phone_without_scripts(
    browser: Browser, house: House
) -> None:
    wrong: dict[str, list[str]] = {}
    async with at(house) as base, screen(browser, base, size=PHONE, scripts=False) as window:
        for name, shot in SCENES["busy"].shots.items():
            if shot.status == 200:  # what is not there has no scripts anyway
                await window.open(shot.path)
                await window.photograph(f"phone-without-scripts-{name}")
                wrong[name] = await wrong_with(window.page, finger=True)
        assert window.complaints == []
    assert {name: found for name, found in wrong.items() if found} == {}


async def _arrive(window: Screen, shot: Shot, built: House | Waiting) -> None:
    if shot.meanwhile is not None:  # a page that follows would not offer the button any more
        await window.page.route("**/events?*", lambda route: route.fulfill(status=204))
    await window.open(shot.path, 200 if shot.press else shot.status)
    if shot.meanwhile is not None:
        assert isinstance(built, House)
        await shot.meanwhile(built)
    if shot.press:
        await window.press(shot.press, shot.status)


async def _photograph(window: Screen, name: str) -> None:
    for kind, size in SIZES.items():
        await window.resize(size)
        for scheme in SCHEMES:
            await window.page.emulate_media(color_scheme=scheme)
            await window.photograph(f"{kind}-{scheme}-{name}")


async def _wrong(window: Screen, name: str, *, table: bool) -> dict[str, list[str]]:
    """Return what is wrong with a page, by the name of the photograph; it is left unfolded, on a desk, by day.

    Day and night differ by their colours alone, so all but those is looked at by day.
    """
    page, wrong = window.page, dict[str, list[str]]()
    for kind, size in reversed(SIZES.items()):
        await window.resize(size)
        await page.emulate_media(color_scheme="dark")
        wrong[f"{kind}-dark-{name}"] = await unreadable(page)
        await page.emulate_media(color_scheme="light")
        wrong[f"{kind}-light-{name}"] = await wrong_with(page, finger=kind == "phone")
        if kind == "phone" and await page.locator("table").count():  # which is cards there
            wrong[f"phone-{name}"] = await unnamed(page, table=table)
    wrong[f"desk-{name}"] = await wrong_for_assistive(page, table=table)
    return wrong


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
