"""What people do on the pages: by a form that needs no script, once, as themselves, and only if they may."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.attempt import Outcome
from healer.core.ladder import Mode
from healer.core.states import State
from healer.errors import Refused
from healer.web.doing import MOST_BYTES
from tests.healer.core.world import topology
from tests.healer.fakes import FakeStore
from tests.healer.web.house import HOSTILE, House
from tests.healer.web.people import (
    ALICE,
    BOB,
    OLGA,
    Browser,
    Form,
    browsing,
    forms,
    house_that_asks,
    known,
    users_file,
)
from tests.healer.web.test_pages import reads

ME = "alice (web)"
APPROVE, DENY, ADOPT = "Approve service.restart", "Deny: it is mine", "Put it into Hale's hands"
RETRY, CLOSE = "Try it again", "Close it"


@pytest.fixture
async def house(tmp_path: Path) -> House:
    return await house_that_asks(tmp_path)


def last(house: House) -> ev.Event:
    return house.store.records[-1].event


def kinds(house: House) -> list[str]:
    return [type(one.event).__name__ for one in house.store.records]


async def test_a_yes_is_journalled_with_who_said_it_and_the_healer_looks_at_once(
    house: House,
) -> None:
    async with browsing(house, ALICE) as (alice,):
        code, page = await alice.press("/incidents/1", APPROVE)
    assert code == 303
    given = last(house)
    assert isinstance(given, ie.ApprovalGiven)
    assert (given.incident, given.rung, given.by) == ("1", 0, ME)
    assert "Incident 1: yes to service.restart (rung 1) on web1/nginx, once, good until" in reads(
        page
    )
    assert house.wakes


async def test_a_no_and_an_adoption(house: House) -> None:
    async with browsing(house, ALICE) as (alice,):
        code, page = await alice.press("/incidents/1", DENY)
        assert (code, last(house)) == (303, ie.ApprovalDenied("1", 0, ME))
        assert "needs a person" in reads(page)
        assert set(forms(page)) == {ADOPT, CLOSE}
        code, page = await alice.press("/incidents/1", ADOPT)
        assert (code, last(house)) == (303, ie.IncidentAdopted("1", ME))
        assert house.journal.board.incidents["1"].state is State.OPEN
        assert "adopted by alice (web)" in reads(page)


async def test_what_failed_is_tried_again_and_what_was_settled_by_hand_is_closed(
    house: House,
) -> None:
    await house.tried("1", 1, Outcome.FAILED, "start_failed")
    await house.journal.write(ie.IncidentEscalated("1", "ladder_exhausted", "1 tried"))
    async with browsing(house, ALICE) as (alice,):
        assert set(forms(await alice.open("/incidents/1"))) == {RETRY, CLOSE}
        code, page = await alice.press("/incidents/1", RETRY)
        assert (code, last(house)) == (303, ie.IncidentRetried("1", ME))
        assert "tried again by the word of alice (web)" in reads(page)
        code, page = await alice.press("/incidents/1", CLOSE, reason="replaced the disk")
    assert code == 303
    settled, closed = (one.event for one in house.store.records[-2:])
    assert settled == ie.IncidentSettled("1", ME, "replaced the disk")
    assert closed == ie.IncidentClosed("1", "by_hand", f"{ME}: replaced the disk")
    assert "Incident 1: closed; what still fires is not touched until it was seen clear." in reads(
        page
    )
    assert forms(page) == {}


async def test_a_freeze_and_its_end(house: House) -> None:
    async with browsing(house, ALICE) as (alice,):
        code, page = await alice.press("/stop", "Freeze Hale", reason="moving rack b")
        assert (code, last(house)) == (303, ev.Frozen("moving rack b", ME))
        assert "Frozen by alice (web): moving rack b" in reads(page)
        assert "Frozen: nothing is begun until unfreeze." in reads(page)
        assert "Nothing is done: person" in reads(await alice.open("/"))
        code, page = await alice.press("/stop", "Unfreeze")
        assert (code, last(house)) == (303, ev.Unfrozen(ME))
        assert "Frozen by" not in reads(page)


async def test_what_an_owner_froze_only_an_owner_lets_go_on(house: House) -> None:
    async with browsing(house, ALICE, OLGA) as (alice, olga):
        await alice.press("/stop", "Freeze Hale", reason="smoke")
        before = forms(await alice.open("/stop"))["Unfreeze"]
        await olga.press("/stop", "Freeze for another reason", reason="smoke")
        await alice.press("/stop", "Freeze for another reason", reason="smoke")
        assert last(house) == ev.Frozen("smoke", ME)
        page = await alice.open("/stop")
        assert "Unfreeze" not in forms(page)
        assert "An owner froze it: an owner lets it go on" in reads(page)
        code, page = await alice.send(before)
        assert (code, "not_owner" in page) == (409, True)
        code, page = await olga.press("/stop", "Unfreeze")
    assert (code, last(house)) == (303, ev.Unfrozen("olga (web)"))


async def test_only_an_owner_has_cluster_yml_read_anew(house: House) -> None:
    async with browsing(house, ALICE, OLGA) as (alice, olga):
        for browser, code, word in ((alice, 403, "not_owner"), (olga, 200, "read anew")):
            response = await browser.session.post("/-/reload", json={})
            assert (response.status, word in await response.text()) == (code, True)
        evil = {"Origin": "http://evil.example"}
        assert (await olga.session.post("/-/reload", json={}, headers=evil)).status == 403
        assert (await olga.session.post("/-/reload", data={"x": "y"})).status == 415
    assert house.reloads == ["olga (web)"]


async def test_a_rung_for_owners_is_approved_by_an_owner(tmp_path: Path) -> None:
    plain = topology(mode=Mode.APPROVE)
    ladder = plain.ladders["restart-service"]
    rungs = (replace(ladder.rungs[0], approve=True, by_owner=True), *ladder.rungs[1:])
    given = replace(plain, ladders={ladder.name: replace(ladder, rungs=rungs)})
    house = House(Mode.APPROVE, given, users=users_file(tmp_path), check=known)
    await house.arm()
    await house.open(house.trouble())
    await house.asked()
    with pytest.raises(Refused, match="not_owner"):
        await house.desk.operators.approve("1", ME)
    async with browsing(house, ALICE, OLGA) as (alice, olga):
        page = await alice.open("/incidents/1")
        assert APPROVE not in forms(page)
        assert "asks an owner" in reads(page)
        code, _ = await olga.press("/incidents/1", APPROVE)
    given_ = last(house)
    assert isinstance(given_, ie.ApprovalGiven)
    assert (code, given_.by) == (303, "olga (web)")


async def test_a_hold_and_its_release(house: House) -> None:
    async with browsing(house, ALICE) as (alice,):
        assert 'href="/stop?node=web1"' in await alice.open("/incidents/1")
        page = await alice.open("/stop?node=web2")
        assert forms(page)["Hold this node"].fields["node"] == "web2"
        code, page = await alice.press("/stop?node=web2", "Hold this node", reason="new fan")
        until = house.clock.wall() + 7200
        assert (code, last(house)) == (303, ev.NodeHeld("web2", "new fan", ME, until))
        assert "new fan" in reads(await alice.open("/"))
        code, _ = await alice.press(
            "/stop", "Hold this node", reason="x", node="web3", **{"for": ""}
        )
        assert (code, last(house)) == (303, ev.NodeHeld("web3", "x", ME, None))
        code, page = await alice.press("/stop", "Release web2")
        assert (code, last(house)) == (303, ev.NodeReleased("web2", ME))
        assert set(forms(page)) >= {"Release web3", "Hold this node"}
        assert "Release web2" not in forms(page)


async def test_a_page_that_is_read_again_says_it_once_more_and_does_nothing_again(
    house: House,
) -> None:
    async with browsing(house, ALICE, BOB) as (alice, bob):
        response = await alice.session.post(
            "/do/freeze",
            data={**forms(await alice.open("/stop"))["Freeze Hale"].fields, "reason": "rack b"},
            allow_redirects=False,
        )
        there, before = response.headers["Location"], len(house.store.records)
        assert "Frozen: nothing is begun" in await alice.open(there)
        assert "Frozen: nothing is begun" in await alice.open(there)
        assert "Frozen: nothing is begun" not in await bob.open(there), "it was said to alice"
        house.clock.pass_by(61)
        assert "Frozen: nothing is begun" not in await alice.open(there)
    assert len(house.store.records) == before


# --- Two who look at the same page ----------------------------------------------------------


async def test_a_double_click_says_yes_once(house: House) -> None:
    async with browsing(house, ALICE) as (alice,):
        form = forms(await alice.open("/incidents/1"))[APPROVE]
        answers = await asyncio.gather(alice.send(form), alice.send(form), alice.send(form))
    assert sorted(code for code, _ in answers) == [303, 409, 409]
    assert kinds(house).count("ApprovalGiven") == 1
    said = next(page for code, page in answers if code == 409)
    assert "alice (web) said yes to exactly this already" in reads(said)


async def test_what_stands_on_an_old_page_is_refused_when_it_is_not_so_any_more(
    house: House,
) -> None:
    async with browsing(house, ALICE) as (alice,):
        old = forms(await alice.open("/incidents/1"))
        await alice.send(old[DENY])
        code, page = await alice.send(old[APPROVE])
        assert (code, "changed_since" in reads(page)) == (409, True), "it waits for nothing now"
        await alice.press("/incidents/1", ADOPT)
        await house.held(reason="approval_needed")
        before = len(house.store.records)
        code, page = await alice.send(old[APPROVE])
        assert (code, "changed_since" in reads(page)) == (409, True)
        code, page = await alice.send(old[DENY])
        assert (code, "changed_since" in reads(page)) == (409, True)
        assert "Nothing was changed." in reads(page)
        assert 'href="/incidents/1"' in page, "the way back to how it is now"
    assert len(house.store.records) == before


async def test_an_unfreeze_ends_only_what_was_seen(house: House) -> None:
    async with browsing(house, ALICE) as (alice,):
        _, page = await alice.press("/stop", "Freeze Hale", reason="moving rack b")
        await house.journal.write(ev.Frozen("smoke in rack c", "root"))
        code, page = await alice.send(forms(page)["Unfreeze"])
    assert code == 409
    assert "smoke in rack c (by root)" in reads(page)
    assert len(house.journal.board.freezes) == 2


async def test_a_release_ends_only_what_was_seen(house: House) -> None:
    async with browsing(house, ALICE) as (alice,):
        _, page = await alice.press("/stop", "Hold this node", reason="fan", node="web1")
        await house.journal.write(ev.NodeHeld("web1", "I am inside it", "root", None))
        code, page = await alice.send(forms(page)["Release web1"])
    assert code == 409
    assert "I am inside it (by root)" in reads(page)


class SlowStore(FakeStore):
    """A store whose disk takes its time, as one that is written by everybody does."""

    async def append(self, events: Sequence[ev.Event], *, closing: bool = False) -> list[ev.Record]:
        await asyncio.sleep(0.1)
        return await super().append(events, closing=closing)


@pytest.mark.parametrize(
    ("first", "typed", "button", "word"),
    [
        ("Freeze Hale", {"reason": "moving rack b"}, "Unfreeze", ev.Frozen("smoke", "root")),
        (
            "Hold this node",
            {"reason": "fan", "node": "web1"},
            "Release web1",
            ev.NodeHeld("web1", "smoke", "root", None),
        ),
    ],
)
async def test_what_is_stopped_while_somebody_lets_it_go_on_stays_stopped(
    first: str, typed: dict[str, str], button: str, word: ev.Event, house: House
) -> None:
    async with browsing(house, ALICE) as (alice,):
        _, page = await alice.press("/stop", first, **typed)
        house.journal.store = SlowStore(house.clock, records=house.store.records)
        stopping = asyncio.create_task(house.journal.write(word))
        await asyncio.sleep(0.02)
        code, page = await alice.send(forms(page)[button])
        await stopping
    assert code == 409
    assert "smoke (by root)" in reads(page)
    assert last(house) == word


async def test_an_incident_that_closed_meanwhile_takes_no_answer(house: House) -> None:
    async with browsing(house, ALICE) as (alice,):
        form = forms(await alice.open("/incidents/1"))[APPROVE]
        await house.journal.write(ie.IncidentClosed("1", "cleared", "gone"))
        code, _ = await alice.send(form)
        page = await alice.open("/incidents/1")
    assert code == 409
    assert "<form" not in page


# --- Forms that are none --------------------------------------------------------------------


async def post(alice: Browser, data: bytes, **headers: str) -> int:
    sent = {"Content-Type": "application/x-www-form-urlencoded"} | headers
    response = await alice.session.post("/do/freeze", data=data, headers=sent)
    return response.status


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Content-Encoding": "gzip"}, 400),
        ({"Origin": "http://[evil"}, 403),
        ({"Origin": "http://[::1]x"}, 403),
        ({"Origin": ""}, 403),
    ],
)
async def test_headers_that_make_no_sense_are_no_bug_of_ours(
    headers: dict[str, str], code: int, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    async with browsing(house, ALICE) as (alice,):
        assert await post(alice, b"reason=x", **headers) == code
    assert not caplog.records


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", 403),  # a form like any other, without a token
        (b"&&&", 400),
        (b"reason", 400),
        (b"reason=a&reason=b", 400),
        (b"reason=%ff", 400),
        ("reason=\u00fc".encode(), 400),
        (b"&".join(b"f%d=x" % number for number in range(11)), 400),
        (b"reason=" + b"x" * MOST_BYTES, 413),
        (b"reason=x", 403),
    ],
)
async def test_what_no_page_of_ours_sends_is_refused(data: bytes, code: int, house: House) -> None:
    async with browsing(house, ALICE) as (alice,):
        assert await post(alice, data) == code
    assert not house.journal.board.freezes


@pytest.mark.parametrize("type_", ["application/json", "text/plain", "multipart/form-data"])
async def test_a_form_of_another_kind_is_refused(type_: str, house: House) -> None:
    async with browsing(house, ALICE) as (alice,):
        assert await post(alice, b"reason=x", **{"Content-Type": type_}) == 415


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201, "two\nlines", "\x1b[2J", "\u202e"])
async def test_a_reason_is_one_printable_line(reason: str, house: House) -> None:
    async with browsing(house, ALICE) as (alice,):
        code, _ = await alice.press("/stop", "Hold this node", reason=reason)
    assert code == 400
    assert not house.journal.board.holds


async def test_an_unknown_command_or_node_is_refused(house: House) -> None:
    async with browsing(house, ALICE) as (alice,):
        code, _ = await alice.send(Form("/do/explain", {"target": "web1"}))
        assert code == 404
        code, page = await alice.press("/stop", "Hold this node", node="web9", reason="x")
        assert (code, "unknown_node" in reads(page)) == (409, True)


async def test_hostile_words_of_a_person_change_no_page(house: House) -> None:
    hostile = HOSTILE.replace("\x1b", "").replace("\u202e", "").replace("\n", " ")
    async with browsing(house, ALICE) as (alice,):
        code, page = await alice.press("/stop", "Freeze Hale", reason=hostile)
        assert code == 303
        assert "<script>alert('x')</script>" in reads(page)
        await alice.press("/stop", "Hold this node", reason=hostile)
        for path in ("/", "/stop", "/incidents/1"):
            reads(await alice.open(path))


async def test_a_journal_without_room_says_that_nothing_was_done(house: House) -> None:
    async with browsing(house, ALICE) as (alice,):
        house.store.full = True
        code, page = await alice.press("/stop", "Freeze Hale", reason="x")
    assert (code, "store_full" in reads(page)) == (503, True)
