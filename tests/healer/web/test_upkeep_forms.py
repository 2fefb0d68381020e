"""What people do on the pages about maintenance: by a form, once, and only to what they saw."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from healer.core import upkeep_events as ue
from healer.core.upkeep import Phase
from healer.core.upkeep_events import Kind, Move
from healer.errors import Refused
from healer.instants import rfc3339
from healer.likeness import NOBODY
from healer.web.upkeep import end, start
from tests.healer.core.world import topology
from tests.healer.web.house import House
from tests.healer.web.people import ALICE, browsing, forms, house_that_asks
from tests.healer.web.test_pages import reads

ME = "alice (web)"


@pytest.fixture
async def house(tmp_path: Path) -> House:
    return await house_that_asks(tmp_path)


async def test_maintenance_and_its_end(house: House) -> None:
    async with browsing(house, ALICE) as (alice,), asyncio.TaskGroup() as tasks:
        upkeep = tasks.create_task(house.upkeep.run())
        assert "Give web1 back" not in forms(await alice.open("/maintenance"))
        code, page = await alice.press("/nodes/web1", "Start maintenance", reason="new fan")
        begun = house.journal.board.planned.upkeeps["1"]
        assert (code, begun.node, begun.by, begun.open) == (303, "web1", ME, True)
        assert "Give web1 back" in forms(page)
        code, _ = await alice.press("/nodes/web1", "Give web1 back")
        assert (code, house.journal.board.planned.upkeeps["1"].open) == (303, False)
        upkeep.cancel()


async def test_a_page_of_yesterday_does_not_give_back_what_somebody_else_has_today(
    house: House,
) -> None:
    async with browsing(house, ALICE) as (alice,):
        await _away(house, "1", "alice (web)")
        form = forms(await alice.open("/maintenance"))["Give web1 back"]
        for move in (Move.TAKEN, Move.END, Move.RETURNED):
            await house.journal.write(ue.UpkeepMoved("1", move, "done", "done"))
        await _away(house, "2", "carol, with both hands in it")
        code, page = await alice.send(form)
    assert (code, house.journal.board.planned.upkeeps["2"].phase) == (409, Phase.TAKING)
    assert "changed_since" in page
    assert "with both hands in it" in reads(page)


async def _away(house: House, upkeep: str, by: str) -> None:
    until = house.clock.wall() + 60
    await house.journal.write(ue.UpkeepBegan(upkeep, Kind.PERSON, "web1", "a fan", by, until, ""))


async def test_a_second_start_says_anew_until_when_and_tells_both(house: House) -> None:
    async with asyncio.TaskGroup() as tasks:
        upkeep = tasks.create_task(house.upkeep.run())
        await start(house.desk, "web1", "new fan", ME, 7200.0)
        before = house.journal.board.planned.upkeeps["1"]
        said = await start(house.desk, "web1", "", "bob (web)", 18000.0)
        after = house.journal.board.planned.upkeeps["1"]
        upkeep.cancel()
    assert after.until - before.until == pytest.approx(3 * 3600, abs=5)
    ahead = house.desk.watch.now.ahead
    was, now = (rfc3339(one.until + ahead) for one in (before, after))
    assert said["done"] == (
        f"web1 is out of service already (maintenance 1 by {ME}: new fan); it should be over by {now} now, "
        f"and by {was} before; its silence follows"
    )


async def test_maintenance_of_a_node_that_left_cluster_yml_is_ended_too() -> None:
    plain = topology()
    nodes = {name: one for name, one in plain.nodes.items() if name != "web1"}
    groups = {
        name: replace(one, nodes=tuple(node for node in one.nodes if node != "web1"))
        for name, one in plain.groups.items()
    }
    house = House(given=replace(plain, nodes=nodes, groups=groups))
    with pytest.raises(Refused, match="no node web1"):
        await end(house.desk, "web1", "root")
    began = ue.UpkeepBegan("1", Kind.PERSON, "web1", "a fan", "root", house.clock.wall() + 60, "")
    await house.journal.write(began)
    async with asyncio.TaskGroup() as tasks:
        upkeep = tasks.create_task(house.upkeep.run())
        said = await end(house.desk, "web1", "root")
        upkeep.cancel()
    assert said["done"] == "its maintenance is over: cluster.yml has no web1 any more"


async def test_who_is_not_done_in_time_says_anew_for_how_long(house: House) -> None:
    async with browsing(house, ALICE) as (alice,), asyncio.TaskGroup() as tasks:
        upkeep = tasks.create_task(house.upkeep.run())
        await alice.press("/nodes/web1", "Start maintenance", reason="new fan")
        before = house.journal.board.planned.upkeeps["1"].until
        button = "Say anew for how long, from now"
        code, page = await alice.press("/nodes/web1", button, **{"for": "1d"})
        after = house.journal.board.planned.upkeeps["1"].until
        upkeep.cancel()
    assert (code, "should be over by" in reads(page)) == (303, True)
    assert after - before == pytest.approx(22 * 3600, abs=5)


async def test_a_page_of_a_maintenance_that_is_over_takes_nothing_out_of_service(
    house: House,
) -> None:
    async with browsing(house, ALICE) as (alice,):
        await _away(house, "1", ME)
        form = forms(await alice.open("/nodes/web1"))["Say anew for how long, from now"]
        for move in (Move.TAKEN, Move.END, Move.RETURNED):
            await house.journal.write(ue.UpkeepMoved("1", move, "done", "done"))
        code, page = await alice.send(form)
    assert (code, list(house.journal.board.planned.upkeeps)) == (409, ["1"])
    assert "changed_since" in page
    assert "nobody has it out of service now" in reads(page)


async def test_a_page_of_a_node_that_nobody_had_does_not_shorten_what_somebody_began_since(
    house: House,
) -> None:
    async with browsing(house, ALICE) as (alice,):
        form = forms(await alice.open("/nodes/web1"))["Start maintenance"]
        await _away(house, "1", "bert, who swaps the board")
        before = house.journal.board.planned.upkeeps["1"]
        code, page = await alice.send(form, reason="clean dust")
    assert (code, house.journal.board.planned.upkeeps) == (409, {"1": before})
    assert "changed_since" in page
    assert "bert, who swaps the board" in reads(page)


@pytest.mark.parametrize("seen", [NOBODY, ""], ids=["on its page", "on the command line"])
async def test_of_two_who_start_at_once_the_second_hears_of_the_first(
    house: House, seen: str
) -> None:
    async with asyncio.TaskGroup() as tasks:
        upkeep = tasks.create_task(house.upkeep.run())
        first, second = await asyncio.gather(
            start(house.desk, "web1", "new board", "bert (web)", 28800.0, seen),
            start(house.desk, "web1", "clean dust", ME, 7200.0, seen),
            return_exceptions=True,
        )
        upkeep.cancel()
    assert isinstance(first, dict)
    assert list(house.journal.board.planned.upkeeps) == ["1"]
    if seen:
        assert isinstance(second, Refused)
        assert second.reason == "changed_since"
        assert "bert (web): new board" in second.detail
    else:
        assert isinstance(second, dict)
        assert "bert (web): new board" in str(second["done"])


async def test_a_reason_that_is_not_kept_is_said_to_be_so(house: House) -> None:
    await _away(house, "1", "bert")
    said = await start(house.desk, "web1", "clean dust", ME, 7200.0)
    same = await start(house.desk, "web1", "a fan", ME, 7200.0)
    assert house.journal.board.planned.upkeeps["1"].reason == "a fan"
    assert str(said["done"]).endswith(
        'its silence follows; its reason stays, and "clean dust" is written down nowhere'
    )
    assert str(same["done"]).endswith("its silence follows")
