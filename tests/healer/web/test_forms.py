"""What people do by pressing a button: only operators, only from our own pages, only as they saw it."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import aiohttp
import pytest

from healer.core import events as ev
from healer.core.incident import State
from healer.core.ladder import Mode
from tests.healer.web.house import House
from tests.healer.web.test_signing_in import ALICE, VIC, written


@pytest.fixture
async def house(tmp_path: Path) -> House:
    users = written(tmp_path / "users.yml", alice="operator", vic="viewer")
    made = House(mode=Mode.APPROVE, users=users)
    await made.arm()
    await made.open(made.trouble())
    await made.held(reason="approval_needed")
    return made


@pytest.fixture
async def session(house: House) -> AsyncIterator[aiohttp.ClientSession]:
    async with house.public() as session:
        yield session


async def form(session: aiohttp.ClientSession, path: str, command: str) -> dict[str, str]:
    """Return a form's fields as a browser would send them, hidden ones included."""
    page = await (await session.get(path, auth=ALICE)).text()
    (found,) = re.findall(rf'<form[^>]*action="/do/{command}"[^>]*>.*?</form>', page, re.DOTALL)
    inputs = re.findall(r"<input[^>]*>", found)
    fields = {}
    for one in inputs:
        name = re.search(r'name="([^"]*)"', one)
        value = re.search(r'value="([^"]*)"', one)
        if name and value:
            fields[name[1]] = unescape(value[1])
    return fields


async def press(session, command, fields, auth=ALICE, **headers) -> tuple[int, str]:
    answer = await session.post(
        f"/do/{command}", data=fields, auth=auth, headers=headers, allow_redirects=True
    )
    return answer.status, await answer.text()


def journalled(house: House, kind: type) -> list:
    return [one.event for one in house.store.records if isinstance(one.event, kind)]


async def test_an_operator_approves_by_a_button_and_the_journal_says_who(house, session):
    code, page = await press(session, "approve", await form(session, "/incidents/1", "approve"))
    assert code == 200
    assert "Incident 1: yes to rung 1 on web1/nginx" in unescape(page)
    (given,) = journalled(house, ev.ApprovalGiven)
    assert given.by == "alice (web)"


async def test_a_no_makes_it_a_persons(house, session):
    await press(session, "deny", await form(session, "/incidents/1", "deny"))
    assert house.journal.board.incidents["1"].state is State.ESCALATED


async def test_a_freeze_and_its_end(house, session):
    fields = await form(session, "/stop", "freeze") | {"reason": "moving rack b"}
    await press(session, "freeze", fields)
    assert [one.by for one in house.journal.board.freezes.values()] == ["alice (web)"]
    await press(session, "unfreeze", await form(session, "/stop", "unfreeze"))
    assert not house.journal.board.freezes


async def test_a_node_is_held_and_released(house, session):
    fields = await form(session, "/stop", "hold")
    await press(session, "hold", fields | {"node": "web1", "reason": "a fan", "for": "2h"})
    assert [one.node for one in house.journal.board.held(house.clock.wall())] == ["web1"]
    await press(session, "release", await form(session, "/stop", "release"))
    assert not house.journal.board.held(house.clock.wall())


async def test_reading_a_page_again_does_nothing_again(house, session):
    fields = await form(session, "/incidents/1", "approve")
    answer = await session.post("/do/approve", data=fields, auth=ALICE, allow_redirects=False)
    assert answer.status == 303
    await session.get(answer.headers["Location"], auth=ALICE)
    await session.get(answer.headers["Location"], auth=ALICE)
    assert len(journalled(house, ev.ApprovalGiven)) == 1


async def test_a_double_click_says_plainly_that_it_is_done_already(house, session):
    fields = await form(session, "/incidents/1", "deny")
    assert (await press(session, "deny", fields))[0] == 200
    code, page = await press(session, "deny", fields)
    assert code == 409
    assert len(journalled(house, ev.ApprovalDenied)) == 1
    assert "1" in page


async def test_what_changed_since_it_was_seen_is_not_agreed_to(house, session):
    """Another tab, an hour old: the rung that it showed is not the one that comes now."""
    fields = await form(session, "/incidents/1", "approve")
    await house.held(reason="capacity")
    code, _ = await press(session, "approve", fields)
    assert code == 409
    assert not journalled(house, ev.ApprovalGiven)


# --- Who must not ---------------------------------------------------------------------------


async def test_a_viewer_changes_nothing_even_with_an_operators_form(house, session):
    fields = await form(session, "/incidents/1", "approve")
    code, page = await press(session, "approve", fields, auth=VIC)
    assert (code, "not_operator" in page) == (403, True)
    assert not journalled(house, ev.ApprovalGiven)


async def test_nobody_at_all_changes_nothing(house, session):
    code, _ = await press(session, "freeze", {"reason": "x"}, auth=None)
    assert code == 401
    assert not house.journal.board.freezes


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_page_of_somebody_else_presses_nothing(house, session, headers):
    fields = await form(session, "/incidents/1", "approve")
    code, page = await press(session, "approve", fields, **headers)
    assert (code, "cross_site" in page) == (403, True)
    assert not journalled(house, ev.ApprovalGiven)


@pytest.mark.parametrize("token", ["", "x", "A" * 32])
async def test_a_form_that_we_did_not_make_is_not_obeyed(house, session, token):
    fields = await form(session, "/incidents/1", "approve") | {"token": token}
    code, _ = await press(session, "approve", fields)
    assert code == 403
    assert not journalled(house, ev.ApprovalGiven)


async def test_a_token_is_good_for_its_own_form_alone(house, session):
    fields = await form(session, "/incidents/1", "deny")
    code, _ = await press(session, "approve", fields)
    assert code == 403
    code, _ = await press(session, "deny", fields | {"incident": "2"})
    assert code == 403


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"a=" + b"x" * 20_000, 413),
        (b"&".join(b"a%d=1" % n for n in range(50)), 400),
        (b"reason=a&reason=b", 400),
        (b"\xff\xfe", 400),
        (b"", 403),
    ],
)
async def test_a_form_that_is_none_is_refused(house, session, body, code):
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await session.post("/do/freeze", data=body, headers=kind, auth=ALICE)
    assert answer.status in (code, 400)
    assert not house.journal.board.freezes


async def test_json_is_no_form(session):
    answer = await session.post("/do/freeze", json={"reason": "x"}, auth=ALICE)
    assert answer.status == 415


async def test_an_unknown_command_says_which_there_are(session):
    assert (await press(session, "reboot", {"a": "b"}))[0] == 404


@pytest.mark.parametrize("path", ["/do/freeze", "/do/approve", "/do/hold"])
async def test_reading_never_does_anything(house, session, path):
    assert (await session.get(path, auth=ALICE)).status in (404, 405)
    assert not house.journal.board.freezes


async def test_what_was_said_is_shown_to_whom_it_was_said_alone(house, session):
    fields = await form(session, "/stop", "freeze") | {"reason": "moving rack b"}
    answer = await session.post("/do/freeze", data=fields, auth=ALICE, allow_redirects=False)
    where = answer.headers["Location"]
    assert "Frozen" in await (await session.get(where, auth=ALICE)).text()
    assert "Frozen: nothing" not in await (await session.get(where, auth=VIC)).text()
    assert "<b>" not in await (await session.get("/stop?said=<b>x</b>", auth=ALICE)).text()
