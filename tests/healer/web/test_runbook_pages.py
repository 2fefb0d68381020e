"""The pages of the runbooks: everybody reads them, at night too."""

import pytest

from healer.core import events as ev
from healer.web.pages import runbook as runbook_page
from healer.web.runbooks import runbooks
from tests.healer.web.house import House
from tests.healer.web.test_pages import see


@pytest.mark.parametrize("name", sorted(runbooks()))
async def test_every_runbook_is_a_page(name: str) -> None:
    async with House().public() as session:
        page = await see(session, f"/runbooks/{name}")
    assert f"Runbook {name} · Hale" in page, "the tab"
    assert "What to do" in page
    assert "**" not in page
    assert "```" not in page


async def test_a_runbook_that_is_read_again_and_again_is_rendered_once() -> None:
    """Anybody may read it, as often as they like, and the healer has one thread for all that it does."""
    async with House().public() as session:
        await see(session, "/runbooks/ServiceDown")
        rendered = runbook_page._prose.cache_info().misses
        for _ in range(3):
            await see(session, "/runbooks/ServiceDown")
    assert runbook_page._prose.cache_info().misses == rendered


async def test_a_runbook_says_that_hale_is_frozen_whatever_it_is_about() -> None:
    house = House()
    await house.arm()
    await house.journal.write(ev.Frozen("moving rack b", "root"))
    async with house.public() as session:
        about = await see(session, "/runbooks/HealerFrozen")
        other = await see(session, "/runbooks/ServiceDown")
    for page in (about, other):
        assert "Nothing is done: person Frozen by root: moving rack b" in page
    assert "Nothing of this is open now." in other
    assert "Nothing of this is open now." not in about


async def test_an_unknown_runbook_lists_the_known_ones() -> None:
    async with House().public() as session:
        page = await see(session, "/runbooks/NoSuchAlert", 404)
        listed = await see(session, "/runbooks/")
    for name in runbooks():
        assert name in page
        assert name in listed


async def test_a_path_outside_the_runbooks_is_no_runbook() -> None:
    async with House().public() as session:
        for path in ("/runbooks/__init__", "/runbooks/..%2Fpyproject", "/runbooks/ServiceDown.md"):
            await see(session, path, 404)
