"""A stolen viewer's session: everything that it could be tried for, on every path."""

from pathlib import Path

import pytest

from healer.web.commands import COMMANDS
from healer.web.server import public_app
from tests.healer.web.house import House
from tests.healer.web.people import ALICE, BOB, browsing, forms, house_with_users

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
FORM = {"incident": "1", "node": "web1", "reason": "mine", "for": "2h", "seen": "", "token": ""}


@pytest.fixture
async def house(tmp_path: Path) -> House:
    found = house_with_users(tmp_path)
    await found.arm()
    await found.open(found.trouble())
    await found.held()
    return found


async def test_a_viewers_session_changes_nothing_on_any_path_by_any_method(house: House) -> None:
    before = len(house.store.records)
    paths = {one.canonical for one in public_app(house.desk).router.resources()}
    assert "/do/{command}" in paths
    tried = {path.replace("{incident}", "1").replace("{command}", "freeze") for path in paths}
    tried |= {f"/do/{command}" for command in COMMANDS}
    async with browsing(house, BOB) as (thief,):
        sent = {"Origin": thief.origin, "Sec-Fetch-Site": "same-origin"}
        for path in sorted(tried - {"/webhook", "/events"}):
            for method in METHODS:
                async with thief.session.request(
                    method, path, data=FORM, headers=sent, allow_redirects=False
                ) as answer:
                    assert answer.status < 500, (method, path)
                    assert answer.status != 303, (method, path)
    assert len(house.store.records) == before
    assert not house.wakes


async def test_an_operators_form_that_a_viewer_found_is_worth_nothing(house: House) -> None:
    """A page that an operator left open, or sent to a colleague."""
    async with browsing(house, ALICE, BOB) as (operator, thief):
        theirs = forms(await operator.open("/incidents/1")) | forms(await operator.open("/stop"))
        assert theirs
        before = len(house.store.records)
        for form in theirs.values():
            code, _ = await thief.send(form, reason="mine", node="web1")
            assert code == 403, form
        assert len(house.store.records) == before
        freeze = next(form for form in theirs.values() if form.action == "/do/freeze")
        code, _ = await operator.send(freeze, reason="a test")
        assert code == 303, "the thief used nothing of it up"
