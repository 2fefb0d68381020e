"""A node that a roll took and has not patched is given back; on virtual time."""

import asyncio

import pytest

from healer.core.order import Ended, Order
from healer.core.roll import RollState
from healer.core.roll_events import RollMove
from healer.core.upkeep_steps import HELD_SECONDS
from healer.errors import Refused
from healer.upkeep_views import roll_view
from tests.healer.rolls import patched, state, village
from tests.healer.village import Village

pytestmark = pytest.mark.looptime(start=0)


def dies_once_web1_is_drained(made: Village) -> None:
    """Have web2 lose its power in the moment in which the roll's first node is away."""
    act = made.gates.act

    async def after(order: Order) -> Ended:
        ended = await act(order)
        if (order.verb, order.node) == ("pool.drain", "lb2"):
            made.gates.act = act
            made.vanish("web2")
        return ended

    made.gates.act = after


def as_before(made: Village) -> bool:
    """Whether web1 is unpatched, in service and locked by nobody."""
    free = made.cluster.drained == set() and made.gates.marks["web1"] == ()
    return free and made.journal.board.planned.kept_away == [] and patched(made) == []


async def test_a_node_that_is_drained_and_not_patched_is_given_back_at_a_persons_word():
    made = village()
    dies_once_web1_is_drained(made)
    async with made.armed():
        await made.roller.begin("web", "root", soak=5.0)
        await asyncio.sleep(60)
        assert made.watch.upkeep_held["1"].reason == "capacity"
        await made.upkeeper.end("web1", "root")
        await asyncio.sleep(20)
        assert as_before(made)
        assert state(made) is RollState.STOPPED


@pytest.mark.parametrize("move", [RollMove.STOP, RollMove.END])
async def test_a_roll_that_is_stopped_or_ended_gives_back_what_it_has_not_patched(move):
    made = village()
    dies_once_web1_is_drained(made)
    async with made.armed():
        await made.roller.begin("web", "root", soak=5.0)
        await asyncio.sleep(60)
        assert made.cluster.drained
        await made.roller.move("web", move, "root")
        await asyncio.sleep(20)
        assert as_before(made)
        assert made.journal.board.planned.upkeeps["1"].failed == "roll_stopped"


async def test_a_hold_that_lasts_before_the_patch_gives_the_node_back_and_stops_the_roll():
    made = village()
    dies_once_web1_is_drained(made)
    async with made.armed():
        await made.roller.begin("web", "root", soak=5.0)
        await asyncio.sleep(HELD_SECONDS - 30)
        assert made.cluster.drained, "a moment's hold is waited for"
        await asyncio.sleep(120)
        assert as_before(made)
        stopped = made.journal.board.planned.rolls["1"]
        assert (stopped.state, stopped.why) == (RollState.STOPPED, "capacity")
        assert "web1: not patched" in stopped.detail
        made.cluster.dark.clear()
        made.mend("web2")
        await asyncio.sleep(60)
        await made.roller.move("web", RollMove.GO_ON, "root")
        await asyncio.sleep(400)
    assert patched(made) == ["web1", "web2", "web3"]
    assert state(made) is RollState.OVER


async def test_a_patch_that_has_begun_is_not_ended_half_way():
    made = village()
    act, begun, goes_on = made.gates.act, asyncio.Event(), asyncio.Event()

    async def slow(order: Order) -> Ended:
        if order.verb == "node.patch":
            begun.set()
            await goes_on.wait()
        return await act(order)

    made.gates.act = slow
    async with made.armed():
        await made.roller.begin("web", "root", soak=5.0)
        await begun.wait()
        await made.roller.move("web", RollMove.STOP, "root")
        with pytest.raises(Refused) as refused:
            await made.upkeeper.end("web1", "root")
        assert refused.value.reason == "at_work"
        assert "hale-healer maintenance end web1" in refused.value.detail
        goes_on.set()
        await asyncio.sleep(120)
    assert patched(made) == ["web1"]
    assert made.journal.board.planned.upkeeps["1"].why == "returned"


async def test_a_roll_is_gone_on_with_once_what_it_gives_back_is_back():
    made = village()
    dies_once_web1_is_drained(made)
    async with made.armed():
        await made.roller.begin("web", "root", soak=5.0)
        await asyncio.sleep(60)
        made.cluster.deaf.add("lb2")
        await made.roller.move("web", RollMove.STOP, "root")
        await asyncio.sleep(20)
        with pytest.raises(Refused, match="nodes_stopped"):
            await made.roller.move("web", RollMove.GO_ON, "root")
        made.cluster.deaf.clear()
        await asyncio.sleep(60)
        await made.roller.move("web", RollMove.GO_ON, "root")


async def test_a_node_that_a_person_ended_before_its_patch_is_not_done():
    made = village()
    made.silences.silent = True
    async with made.armed():
        await made.roller.begin("web", "root", soak=10.0)
        await asyncio.sleep(5)
        await made.upkeeper.end("web1", "root")
        made.silences.silent = False
        await asyncio.sleep(10)
        assert (state(made), made.journal.board.planned.kept_away) == (RollState.STOPPED, [])
        first = roll_view(made.journal.board.planned.rolls["1"], made.watch, made.topology)
        await made.roller.move("web", RollMove.GO_ON, "root")
        await asyncio.sleep(400)
    over = roll_view(made.journal.board.planned.rolls["1"], made.watch, made.topology)
    assert (first["done"], over["done"]) == ([], ["web1", "web2", "web3"])
