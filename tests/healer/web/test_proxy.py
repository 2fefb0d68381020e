"""A trusted reverse proxy says who asks; from anywhere else its headers count for nothing."""

import ipaddress
from collections.abc import Mapping
from pathlib import Path

import pytest
from multidict import CIMultiDict

from healer.adapters.proxies import Proxy
from healer.core import events as ev
from tests.healer.web.house import House
from tests.healer.web.people import ALICE, BOB, Person, browsing, forms, known, users_file
from tests.healer.web.test_pages import reads

HERE, ELSEWHERE = "127.0.0.0/8", "10.0.0.5/32"
USER, ROLE = "X-Forwarded-User", "X-Forwarded-Role"


def proxy(trusted: str = HERE, user: str = USER, role: str = "") -> Proxy:
    return Proxy((ipaddress.ip_network(trusted),), user, role)


async def behind(before: Proxy, folder: Path, *, users: bool = True) -> House:
    """Return a healer with an open incident behind a proxy."""
    file = users_file(folder) if users else None
    house = House(users=file, proxy=before, check=known)
    await house.arm()
    await house.open(house.trouble())
    return house


async def asked(
    house: House, headers: Mapping[str, str], person: Person | None = None
) -> tuple[int, str]:
    async with browsing(house, person) as (browser,):
        response = await browser.session.get("/incidents", headers=CIMultiDict(headers))
        text = await response.text()
        assert ("web1" in text) == (response.status == 200)
        return response.status, reads(text)


async def test_whom_the_proxy_let_in_has_the_role_that_the_file_gives(tmp_path: Path) -> None:
    house = await behind(proxy(), tmp_path)
    async with browsing(house, None) as (carol,):
        carol.session.headers.update({USER: "carol"})
        assert "carol operator" in reads(await carol.open("/incidents"))
        code, _ = await carol.press("/stop", "Freeze Hale", reason="smoke")
    assert (code, house.store.records[-1].event) == (303, ev.Frozen("smoke", "carol (web)"))


async def test_the_proxy_may_say_the_role_too_and_then_no_file_is_needed(tmp_path: Path) -> None:
    house = await behind(proxy(role=ROLE), tmp_path, users=False)
    assert "dora owner" in (await asked(house, {USER: "dora", ROLE: "owner"}))[1]
    code, page = await asked(house, {USER: "dora"})
    assert (code, "does not have the name" in page) == (403, True)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 403),
        ({USER: ""}, 403),
        ({USER: "eve"}, 403),
        ({USER: "eve\u00e9"}, 403),
        ({USER: "carol, alice"}, 403),
        ({USER: "carol", ROLE: "root"}, 403),
        ({USER: "carol", ROLE: ""}, 200),
    ],
)
async def test_what_the_proxy_says_is_one_known_name_and_one_role(
    headers: dict[str, str], code: int, tmp_path: Path
) -> None:
    house = await behind(proxy(role=ROLE), tmp_path)
    assert (await asked(house, headers))[0] == code


async def test_a_header_that_stands_there_twice_is_nobody(tmp_path: Path) -> None:
    house = await behind(proxy(), tmp_path)
    async with browsing(house, None) as (browser,):
        twice = CIMultiDict([(USER, "bob"), (USER, "alice")])
        assert (await browser.session.get("/incidents", headers=twice)).status == 403


async def test_from_any_other_address_the_headers_count_for_nothing(tmp_path: Path) -> None:
    house = await behind(proxy(ELSEWHERE, role=ROLE), tmp_path)
    told = {USER: "olga", ROLE: "owner", "X-Forwarded-For": "10.0.0.5"}
    assert (await asked(house, told))[0] == 401
    code, page = await asked(house, told, BOB)
    assert (code, "bob viewer" in page, "olga" in page) == (200, True, False)


async def test_from_the_proxy_a_password_counts_for_nothing(tmp_path: Path) -> None:
    house = await behind(proxy(), tmp_path)
    assert (await asked(house, {}, ALICE))[0] == 403
    code, page = await asked(house, {USER: "bob"}, ALICE)
    assert (code, "bob viewer" in page) == (200, True)


async def test_without_a_file_whoever_comes_around_the_proxy_is_sent_to_it(tmp_path: Path) -> None:
    house = await behind(proxy(ELSEWHERE, role=ROLE), tmp_path, users=False)
    code, page = await asked(house, {USER: "olga", ROLE: "owner"})
    assert (code, "Sign in at the proxy" in page) == (403, True)


async def test_a_form_is_still_for_its_user_alone_and_from_our_own_page(tmp_path: Path) -> None:
    house = await behind(proxy(), tmp_path)
    async with browsing(house, None, None) as (carol, alice):
        carol.session.headers.update({USER: "carol"})
        alice.session.headers.update({USER: "alice"})
        form = forms(await alice.open("/stop"))["Freeze Hale"]
        assert (await carol.send(form, reason="x"))[0] == 403
        evil = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
        assert (await alice.send(form, evil, reason="x"))[0] == 403
    assert house.journal.board.freezes == {}


async def test_who_guesses_through_a_proxy_makes_nobody_else_wait(tmp_path: Path) -> None:
    house = await behind(proxy(user=""), tmp_path)
    wrong = Person("alice", "the wrong password")
    for _ in range(5):
        assert (await asked(house, {"X-Forwarded-For": "192.0.2.1"}, wrong))[0] == 401
    assert (await asked(house, {"X-Forwarded-For": "192.0.2.1"}, wrong))[0] == 429
    assert (await asked(house, {"X-Forwarded-For": "192.0.2.9, 192.0.2.1"}, wrong))[0] == 429
    assert (await asked(house, {"X-Forwarded-For": "192.0.2.2"}, ALICE))[0] == 200


async def test_from_elsewhere_nobody_chooses_the_address_under_which_guesses_count(
    tmp_path: Path,
) -> None:
    house = await behind(proxy(ELSEWHERE, user=""), tmp_path)
    wrong = Person("alice", "the wrong password")
    codes = [
        (await asked(house, {"X-Forwarded-For": f"192.0.2.{place}"}, wrong))[0]
        for place in range(6)
    ]
    assert codes == [401] * 5 + [429]


@pytest.mark.parametrize(
    ("told", "client"),
    [
        ((), "10.0.0.5"),
        (("192.0.2.1",), "192.0.2.1"),
        (("192.0.2.1, 10.0.0.5",), "192.0.2.1"),
        (("evil", "2001:db8::1"), "2001:db8::1"),
        (("192.0.2.1, evil",), "10.0.0.5"),
        (("192.0.2.1, ",), "10.0.0.5"),
        (("10.0.0.5, 10.0.0.5",), "10.0.0.5"),
        (("::ffff:192.0.2.1",), "192.0.2.1"),
    ],
)
def test_the_address_behind_a_proxy_is_the_last_that_is_none_of_its_own(
    told: tuple[str, ...], client: str
) -> None:
    headers = CIMultiDict([("X-Forwarded-For", one) for one in told])
    assert proxy(ELSEWHERE).client(headers, "10.0.0.5") == client


def test_an_address_in_other_clothes_is_trusted_all_the_same_and_what_is_none_is_not() -> None:
    assert proxy(ELSEWHERE).trusts("::ffff:10.0.0.5")
    assert not proxy(ELSEWHERE).trusts("10.0.0.6")
    assert not proxy(ELSEWHERE).trusts("")


async def test_a_user_without_a_password_gets_in_by_no_password(tmp_path: Path) -> None:
    house = await behind(proxy(ELSEWHERE), tmp_path)
    for password in ("", "None", "carol the operator"):
        assert (await asked(house, {}, Person("carol", password)))[0] == 401
