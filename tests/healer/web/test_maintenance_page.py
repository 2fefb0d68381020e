"""The page of the upkeep: who is out of service, for whom, until when, and where each node of a roll is."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from healer import looking
from healer.core import roll_events as re
from healer.core.alert import Target
from healer.core.look import Look
from healer.core.picture import NodeHealth
from healer.core.roll import RollState
from healer.core.roll_events import RollMove
from healer.core.upkeep_events import Kind, Move
from healer.web import upkeep_site
from healer.web.lately import KEEP
from healer.web.live import Live
from tests.healer.web.house import HOSTILE, House
from tests.healer.web.people import ALICE, BOB, browsing, forms
from tests.healer.web.screens import busy
from tests.healer.web.test_pages import reads
from tests.healer.web.upkeep_states import (
    big,
    house_of,
    roll_failed,
    take,
    upkept,
    upkept_hostile,
    upkept_many,
)


async def seen(house: House, path: str = "/maintenance") -> str:
    """Return what alice reads on a page."""
    async with browsing(house, ALICE) as (alice,):
        return reads(await alice.open(path))


async def test_where_nothing_is_out_of_service_it_says_so(tmp_path: Path) -> None:
    page = await seen(await house_of(tmp_path, big()))
    assert "No node is out of service, and nothing is rolled." in page


async def test_who_has_a_node_why_until_when_and_what_holds_it(tmp_path: Path) -> None:
    page = await seen(await upkept(tmp_path))
    people = page[page.index("Nodes in maintenance") : page.index("Reboot locks")]
    assert "web8 out of service for 41 s new fan by carol (web)" in people
    assert "should be back 2027-01-15 10:10:03Z" in people
    assert "web9" in page[page.index("Reboot locks") : page.index("Roll 1 of web")]


async def test_which_node_waits_for_a_reboot_lock_and_why(tmp_path: Path) -> None:
    page = await seen(await upkept(tmp_path))
    waits = page[page.index("Waiting for a reboot lock") : page.index("Roll 1 of web")]
    assert "web10 30 s 30 s ago locked_nearby A node close by is away. Has web9" in waits


async def test_what_each_node_still_needs_that_hale_took_something_from(tmp_path: Path) -> None:
    house = await busy(tmp_path)
    page = await seen(house)
    assert "web3 yes you: admit it on its page" in page[page.index("To come back") :]
    house.cluster.down |= {Target("web3", "nginx"), Target("web3", "app")}
    house.clock.pass_by(KEEP)
    page = await seen(house)
    assert "web3 not yet not_serving nginx: it serves, and 1 more does not serve" in page


async def test_a_node_that_nobody_hears_of_is_named_and_not_asked(tmp_path: Path) -> None:
    house = await house_of(tmp_path, big())
    gone = NodeHealth(scraped=False, reached=False)
    house.prometheus.hears = {"web2": gone}
    house.watch.look_at_nodes(await house.gatherer.picture(), house.topology)
    house.gates.looks.clear()
    page = await seen(house)
    assert "web2 not yet to be heard of, or to be asked again nobody hears of it" in page
    assert house.gates.looks == []


async def hang(node: str, names: Sequence[str]) -> Look:
    """Never say what a gate looks at."""
    raise await asyncio.get_running_loop().create_future()


async def test_a_gate_that_hangs_does_not_keep_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await busy(tmp_path)
    monkeypatch.setattr(upkeep_site, "ASK_SECONDS", 0.05)
    house.gates.look = hang  # type: ignore[method-assign]
    page = await seen(house)
    assert "it was not known in time" in page


async def test_of_a_gate_that_hangs_it_says_so_and_of_the_others_all_that_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await busy(tmp_path)
    monkeypatch.setattr(looking, "GATE_SECONDS", 0.05)
    answers = house.gates.look

    async def one_hangs(node: str, names: Sequence[str]) -> Look:
        return await (hang if node == "web3" else answers)(node, names)

    house.gates.look = one_hangs  # type: ignore[method-assign]
    page = await seen(house)
    assert "gate_silent" in page
    assert "the gate of web3 did not answer within 0.05 s" in page
    assert "it was not known in time" not in page


@pytest.mark.parametrize("path", ["/maintenance", "/nodes/web3", "/groups/web"])
async def test_prometheus_is_asked_once_however_many_nodes_a_page_is_about(
    tmp_path: Path, path: str
) -> None:
    house = await (house_of(tmp_path, big()) if "groups" in path else busy(tmp_path))
    async with browsing(house, ALICE) as (alice,):
        house.prometheus.pictures.clear()
        await alice.open(path)
    assert len(house.prometheus.pictures) == 1


async def test_each_node_of_a_roll_stands_in_its_turn_with_where_it_is(tmp_path: Path) -> None:
    page = await seen(await upkept(tmp_path))
    roll = page[page.index("Roll 1 of web") :]
    assert "rolling waits for the nodes that are away" in roll
    for line in (
        *("1 web3 done", "2 web1 soaking", "3 web2 rebooting", "4 web4 draining", "5 web5 waiting"),
        *("patched 2 of 7", "canary web3", "at once 2", "soak 5 min", "hours night"),
        "waits for capacity web cannot spare web1 now.",
    ):
        assert line in roll, line


async def test_a_node_that_failed_stands_above_its_roll_with_the_reason(tmp_path: Path) -> None:
    page = await seen(await roll_failed(tmp_path))
    left = page[page.index("Left by a roll") : page.index("Roll 1 of web")]
    assert "web2 failed, and waits for you" in left
    assert "patch_failed patch-node: E: dpkg was interrupted, status 100" in left
    assert "overdue for 1 h 58 min" in page
    assert "stopped patch_failed web2: patch-node" in page[page.index("Roll 1 of web") :]


async def test_a_roll_that_is_over_stays_for_a_while(tmp_path: Path) -> None:
    house = await roll_failed(tmp_path)
    await house.journal.write(re.RollMoved("1", RollMove.END, "by_hand", "by root"))
    page = await seen(house)
    assert "over by_hand by root" in page
    assert "3 web3 not reached" in page
    assert "web2 failed, and waits for you" in page


async def test_the_first_page_names_what_is_out_of_service(tmp_path: Path) -> None:
    page = await seen(await upkept(tmp_path), "/")
    assert "roll 1 of web rolling: 2 of 7 done" in page
    assert "web8 out of service, by carol (web)" in page


async def test_of_a_great_many_those_stand_there_that_something_goes_on_with(
    tmp_path: Path,
) -> None:
    page = await seen(await upkept_many(tmp_path, 500))
    for number in range(61, 81):
        assert f"{number} web{number} patching" in page
    assert "81 web81 waiting" in page
    assert "479 web479 waiting" not in page
    assert "370 more are in /api/v1/status." in page
    assert "more wait or are done" in page


async def test_hostile_words_are_text(tmp_path: Path) -> None:
    page = await seen(await upkept_hostile(tmp_path))
    assert HOSTILE[:20] in page
    assert "\\u202e" in page
    assert "\x1b" not in page


@pytest.mark.parametrize("held", [True, False])
async def test_a_node_is_given_back_while_its_boot_is_held_and_not_once_it_has_begun(
    tmp_path: Path, held: bool
) -> None:
    house = await upkept(tmp_path)
    if held:
        house.watch.upkeep_held["3"] = house.refusal("capacity")
    page = await seen(house, "/nodes/web2")
    assert "rebooting" in page
    assert ("Give web2 back" in page) is held


async def test_whoever_looks_is_told_when_what_holds_an_upkeep_is_another(tmp_path: Path) -> None:
    house = await upkept(tmp_path)
    live = Live(house.watch)
    before = live.revision
    house.watch.upkeep_held["4"] = house.refusal("quorum")
    between = live.revision
    house.watch.roll_waits["1"] = "soaking"
    assert len({before, between, live.revision}) == 3


async def test_a_roll_is_stopped_resumed_and_ended(tmp_path: Path) -> None:
    house = await upkept(tmp_path)

    def state() -> RollState:
        return house.journal.board.planned.rolls["1"].state

    async with browsing(house, ALICE) as (alice,):
        code, page = await alice.press("/maintenance", "Stop roll 1")
        assert (code, state()) == (303, RollState.STOPPED)
        assert house.journal.board.planned.rolls["1"].detail == "by alice (web)"
        assert "Stop roll 1" not in forms(page)
        code, _ = await alice.press("/maintenance", "Resume roll 1")
        assert (code, state()) == (303, RollState.ROLLING)
        code, page = await alice.press("/groups/web", "End roll 1")
        assert (code, state()) == (303, RollState.OVER)
    assert "End roll 1" not in forms(page)


async def test_a_button_of_a_roll_does_nothing_to_the_next_one(tmp_path: Path) -> None:
    house = await roll_failed(tmp_path)
    async with browsing(house, ALICE) as (alice,):
        form = forms(await alice.open("/maintenance"))["End roll 1"]
        await house.journal.write(re.RollMoved("1", RollMove.END, "by_hand", "by root"))
        await house.journal.write(re.RollBegan("2", "web", ("web1",), 1, 300.0, (), "root"))
        code, page = await alice.send(form)
    assert (code, "changed_since" in page) == (409, True)
    assert house.journal.board.planned.rolls["2"].open


async def test_a_failed_node_has_to_be_given_back_before_its_roll_goes_on(tmp_path: Path) -> None:
    async with browsing(await roll_failed(tmp_path), ALICE) as (alice,):
        code, page = await alice.press("/maintenance", "Resume roll 1")
    assert (code, "nodes_stopped" in page) == (409, True)


async def test_a_viewer_sees_all_of_it(tmp_path: Path) -> None:
    house = await house_of(tmp_path, big())
    await take(house, 1, "web1", Move.TAKEN, kind=Kind.PERSON, reason="new fan")
    async with browsing(house, BOB) as (bob,):
        page = await bob.open("/maintenance")
    assert "new fan" in reads(page)
    assert "<form" not in page
    assert "hale-healer maintenance end web1" in reads(page)
