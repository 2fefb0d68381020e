"""Whose forms are refused: of who may not, and of other people's pages."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from healer.web.doing import OFFERED
from tests.healer.web.house import House
from tests.healer.web.people import (
    ALICE,
    BOB,
    Form,
    browsing,
    forms,
    house_that_asks,
)
from tests.healer.web.test_pages import reads

APPROVE = "Approve service.restart"


@pytest.fixture
async def house(tmp_path: Path) -> House:
    return await house_that_asks(tmp_path)


def kinds(house: House) -> list[str]:
    return [type(one.event).__name__ for one in house.store.records]


async def test_a_viewer_sees_no_form_and_what_a_viewer_sends_is_refused(house: House) -> None:
    before = kinds(house)
    async with browsing(house, ALICE, BOB) as (alice, bob):
        for path in ("/incidents/1", "/stop", "/"):
            assert "<form" not in await bob.open(path)
        for button, form in forms(await alice.open("/incidents/1")).items():
            code, page = await bob.send(form)
            assert (code, "bob is a viewer" in reads(page)) == (403, True), button
        for command in OFFERED:
            code, _ = await bob.send(Form(f"/do/{command}", {"reason": "x", "incident": "1"}))
            assert code == 403
    assert kinds(house) == before


@pytest.mark.parametrize("become", ["role: viewer", "gone"])
async def test_a_form_on_its_way_is_refused_when_its_sender_is_no_operator_any_more(
    become: str, house: House
) -> None:
    path = house.users
    assert path is not None
    async with browsing(house, ALICE) as (alice,):
        form = forms(await alice.open("/stop"))["Freeze Hale"]

        async def slowly() -> AsyncIterator[bytes]:
            yield f"token={form.fields['token']}".encode()
            await asyncio.sleep(0.2)
            text = path.read_text()
            gone = text.replace("alice:", "alina:")
            path.write_text(gone if become == "gone" else text.replace("role: operator", become))
            house.clock.pass_by(5.0)
            yield b"&reason=one+last+word"

        headers = {"Origin": alice.origin, "Content-Type": "application/x-www-form-urlencoded"}
        response = await alice.session.post(form.action, data=slowly(), headers=headers)
        assert (response.status, "not_operator" in await response.text()) == (403, True)
    assert not house.journal.board.freezes


async def test_whoever_does_not_sign_in_is_refused(house: House) -> None:
    async with browsing(house, ALICE, None) as (alice, nobody):
        form = forms(await alice.open("/stop"))["Freeze Hale"]
        code, _ = await nobody.send(form, reason="x")
    assert code == 401
    assert not house.journal.board.freezes


async def test_without_users_every_form_is_refused() -> None:
    house = House()
    async with browsing(house, None) as (nobody,):
        for command in OFFERED:
            code, page = await nobody.send(Form(f"/do/{command}", {"reason": "x"}))
            assert (code, "nobody_signs_in" in reads(page)) == (403, True)
    assert not house.store.records


async def test_a_commands_address_that_is_opened_says_that_nothing_was_done(house: House) -> None:
    """It stands in the browser of whoever was refused a command, and comes back with their tabs."""
    async with browsing(house, ALICE) as (alice,):
        response = await alice.session.get("/do/freeze")
        page = reads(await response.text())
    assert (response.status, response.headers["Allow"]) == (405, "POST")
    assert "Nothing was changed." in page


async def test_no_path_changes_anything_by_get(house: House) -> None:
    before = len(house.store.records)
    async with browsing(house, ALICE) as (alice,):
        form = forms(await alice.open("/incidents/1"))[APPROVE]
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"):
            response = await alice.session.request(method, form.action, params=form.fields)
            assert response.status == 405, method
            response = await alice.session.request(
                method, "/api/v1/approve", params={"incident": "1"}
            )
            assert response.status == 404, method
    assert len(house.store.records) == before


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, "another site"),
        ({"Sec-Fetch-Site": "same-site"}, "a neighbour below the same domain"),
        ({"Sec-Fetch-Site": "none"}, "nobody's page"),
        ({"Origin": "https://evil.example"}, "an old browser at another site"),
        ({"Origin": "null"}, "a page in a sandbox"),
        ({"Origin": "http://127.0.0.1:1"}, "another port of the same host"),
        ({"Origin": ""}, "an origin that is none"),
    ],
)
async def test_a_form_that_another_site_sends_is_refused_even_with_a_good_token(
    headers: dict[str, str], why: str, house: House
) -> None:
    before = len(house.store.records)
    async with browsing(house, ALICE) as (alice,):
        form = forms(await alice.open("/incidents/1"))[APPROVE]
        code, page = await alice.send(form, headers)
    assert (code, "cross_site" in reads(page)) == (403, True), why
    assert len(house.store.records) == before


async def test_a_proxy_before_us_may_have_the_name_that_people_know(house: House) -> None:
    async with browsing(house, ALICE) as (alice,):
        form = forms(await alice.open("/incidents/1"))[APPROVE]
        code, _ = await alice.send(form, {"Origin": "https://hale.example"})
    assert code == 303


@pytest.mark.parametrize(
    "change",
    [
        {"token": ""},
        {"token": "x"},
        {"token": "\u00fc" * 32},
        {"incident": "2"},
        {"seen": "0123456789abcdef"},
        {"seen": ""},
    ],
)
async def test_a_token_is_good_for_the_form_that_it_stands_in_and_no_other(
    change: dict[str, str], house: House
) -> None:
    before = len(house.store.records)
    async with browsing(house, ALICE) as (alice,):
        form = forms(await alice.open("/incidents/1"))[APPROVE]
        code, page = await alice.send(replace(form, fields={**form.fields, **change}))
        assert (code, "stale_form" in reads(page)) == (403, True)
        code, _ = await alice.send(replace(form, action="/do/deny"))
        assert code == 403
    assert len(house.store.records) == before


async def test_a_token_of_one_user_is_none_of_another(house: House, tmp_path: Path) -> None:
    path = house.users
    assert path is not None
    path.write_text(path.read_text().replace("role: viewer", "role: operator"))
    async with browsing(house, ALICE, BOB) as (alice, bob):
        form = forms(await alice.open("/incidents/1"))[APPROVE]
        code, page = await bob.send(form)
    assert (code, "stale_form" in reads(page)) == (403, True)


async def test_a_form_from_a_former_life_of_the_healer_is_refused(house: House) -> None:
    async with browsing(house, ALICE) as (alice,):
        form = forms(await alice.open("/incidents/1"))[APPROVE]
    async with browsing(house, ALICE) as (alice,):
        code, page = await alice.send(form)
    assert (code, "open the page again" in reads(page)) == (403, True)
