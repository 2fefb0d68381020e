"""A roll goes on past a node that cluster.yml has no more; on virtual time."""

import asyncio
from dataclasses import replace

import pytest

from healer.core.attempt import Outcome
from healer.core.order import Ended
from healer.core.roll import RollState
from healer.core.roll_events import RollMove
from healer.core.topology import Topology
from healer.core.upkeep import Phase
from healer.text import roll
from healer.upkeep_views import roll_view
from tests.healer.rolls import patched, state, topology, village

pytestmark = pytest.mark.looptime(start=0)


def without_web2() -> Topology:
    whole = topology(floor=1)
    nodes = {name: one for name, one in whole.nodes.items() if name != "web2"}
    web = replace(whole.groups["web"], nodes=("web1", "web3"))
    return replace(whole, nodes=nodes, groups={**whole.groups, "web": web})


async def test_a_node_that_left_cluster_yml_before_its_turn_is_passed_over():
    made = village(floor=1)
    async with made.armed():
        await made.roller.begin("web", "root", soak=10.0)
        await asyncio.sleep(20)
    async with made.alive(without_web2()):
        await asyncio.sleep(400)
        shown = roll(roll_view(made.journal.board.planned.rolls["1"], made.watch, made.topology))
    assert patched(made) == ["web1", "web3"]
    over = made.journal.board.planned.rolls["1"]
    assert (over.state, over.why) == (RollState.OVER, "left")
    assert shown == (
        "web over: 2 of 3 done; left the group: web2; left: web2 left web before; every other node is patched"
    )


@pytest.mark.parametrize(
    ("at", "refused"),
    [
        (Phase.TAKING, "pool.drain"),
        (Phase.PATCHING, "node.patch"),
        (Phase.REBOOTING, "node.reboot"),
        (Phase.PROVING, None),
    ],
)
async def test_a_roll_whose_node_left_while_it_was_away_stops_and_can_go_on(at, refused):
    made = village(floor=1)
    if at is Phase.REBOOTING:
        made.gates.ended = Ended(Outcome.DONE, "patched_needs_reboot", "")
    if refused is not None:
        made.gates.refuse[refused] = "spacing"
    async with made.armed():
        await made.roller.begin("web", "root", canary="web2", soak=10.0)
        async with asyncio.timeout(60):
            while (
                not made.journal.board.planned.kept_away
                or made.journal.board.planned.kept_away[0].phase is not at
            ):
                await asyncio.sleep(0.2)
    made.gates.refuse.clear()
    async with made.alive(without_web2()):
        await asyncio.sleep(60)
        stopped = made.journal.board.planned.rolls["1"]
        assert (stopped.state, stopped.why) == (RollState.STOPPED, "left")
        assert "cluster.yml has no web2 any more" in stopped.detail
        assert made.journal.board.planned.kept_away == []
        made.gates.ended = Ended(Outcome.DONE, "patched", "")
        await made.roller.move("web", RollMove.GO_ON, "root")
        await asyncio.sleep(400)
    assert made.journal.board.planned.rolls["1"].why == "left"
    assert [node for node in patched(made) if node != "web2"] == ["web1", "web3"]


async def test_an_alert_stops_the_roll_also_once_its_canary_left_the_group():
    made = village(floor=1)
    made.gates.refuse["node.patch"] = "spacing"
    async with made.armed():
        await made.roller.begin("web", "root", canary="web2", soak=60.0)
        await asyncio.sleep(20)
    made.gates.refuse.clear()
    async with made.alive(without_web2()):
        await asyncio.sleep(30)
        assert (state(made), made.journal.board.planned.kept_away) == (RollState.STOPPED, [])
        await made.roller.move("web", RollMove.GO_ON, "root")
        async with asyncio.timeout(120):
            while made.watch.roll_waits != {"1": "soaking"}:
                await asyncio.sleep(1)
        made.gates.cures = False
        made.fail("web1/nginx", severity="critical")
        await asyncio.sleep(20)
    stopped = made.journal.board.planned.rolls["1"]
    assert (stopped.state, stopped.why) == (RollState.STOPPED, "alerts_fire")
    assert [node for node in patched(made) if node != "web2"] == ["web1"]
