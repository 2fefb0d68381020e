"""A node is taken away and given back through balancers that are dead, held, away themselves or gone."""

import asyncio
from dataclasses import replace

import pytest

from healer.core import events as ev
from healer.core.topology import Topology
from healer.core.upkeep import Phase
from healer.errors import Refused
from tests.healer.tier import tier
from tests.healer.upkeeps import GIVEN_BACK, done, phase, start
from tests.healer.village import Village

pytestmark = pytest.mark.looptime(start=0)


async def test_a_balancer_that_nobody_hears_of_needs_no_drain():
    village = Village(tier())
    async with village.armed():
        village.vanish("lb2")
        await asyncio.sleep(3)
        await start(village, "web1")
        await asyncio.sleep(10)
        assert phase(village) is Phase.AWAY


async def test_one_that_is_back_while_the_node_is_away_sends_it_nothing():
    village = Village(tier())
    async with village.armed():
        village.vanish("lb2")
        await asyncio.sleep(30)
        await start(village, "web1")
        await asyncio.sleep(10)
        assert village.cluster.drained == {("lb1", "web/web1")}
        village.cluster.dark.clear()
        await asyncio.sleep(60)
        assert village.cluster.drained == {("lb1", "web/web1"), ("lb2", "web/web1")}
        assert phase(village) is Phase.AWAY
        await village.upkeeper.end("web1", "root")
        await asyncio.sleep(60)
        assert (village.cluster.drained, phase(village)) == (set(), Phase.OVER)


async def test_nothing_is_taken_away_through_a_balancer_that_a_person_holds():
    village = Village(tier())
    async with village.armed():
        await village.journal.write(ev.NodeHeld("lb2", "a fan", "ann", None))
        with pytest.raises(Refused, match="a fan") as refused:
            await start(village)
        assert refused.value.reason == "person_hold"
        await village.journal.write(ev.NodeReleased("lb2", "ann"))
        await start(village)


async def test_a_balancer_that_a_person_holds_later_is_not_acted_through_until_it_is_released():
    village = Village(tier())
    async with village.armed():
        await start(village)
        await asyncio.sleep(5)
        await village.journal.write(ev.NodeHeld("lb2", "a fan", "ann", None))
        await village.upkeeper.end("web1", "root")
        await asyncio.sleep(30)
        assert "gate lb2 pool.return web1 web" not in done(village)
        assert village.watch.upkeep_held["1"].reason == "person_hold"
        await village.journal.write(ev.NodeReleased("lb2", "ann"))
        await asyncio.sleep(10)
    assert done(village)[-4:] == GIVEN_BACK


async def test_nothing_is_taken_away_through_a_balancer_that_is_away_itself():
    village = Village(tier())
    async with village.armed():
        await start(village, "lb2")
        with pytest.raises(Refused, match="maintenance 1") as refused:
            await start(village)
    assert refused.value.reason == "node_locked"


async def test_what_was_taken_is_given_back_through_a_balancer_that_is_away_itself():
    village = Village(tier())
    async with village.armed():
        await start(village)
        await asyncio.sleep(5)
        await start(village, "lb2")
        await village.upkeeper.end("web1", "root")
        await asyncio.sleep(10)
        assert [phase(village, one) for one in (1, 2)] == [Phase.OVER, Phase.AWAY]


def without_lb2(whole: Topology) -> Topology:
    nodes = {name: one for name, one in whole.nodes.items() if name != "lb2"}
    lb = replace(whole.groups["lb"], nodes=("lb1",))
    return replace(whole, nodes=nodes, groups={**whole.groups, "lb": lb})


async def test_a_dead_balancer_keeps_no_live_one_from_taking_a_node_back():
    village = Village(tier())
    async with village.armed():
        await start(village)
        await asyncio.sleep(5)
        village.vanish("lb2")
        await asyncio.sleep(20)
        await village.upkeeper.end("web1", "root")
        await asyncio.sleep(120)
        assert village.cluster.drained == {("lb2", "web/web1")}
        assert village.gates.marks["web1"] != (), "the lock goes last"
        held = village.watch.upkeep_held["1"]
        assert (held.reason, "lb2" in held.have) == ("gate_silent", True)
        assert "`hale-gate marks` on lb2" in held.sentence
        village.cluster.dark.clear()
        await asyncio.sleep(60)
        assert (village.cluster.drained, village.gates.marks["web1"]) == (set(), ())
        assert phase(village) is Phase.OVER
        assert village.watch.upkeep_held == {}
    given_back = [one for one in village.gates.orders if one.verb == "pool.return"]
    assert [one.node for one in given_back] == ["lb1", "lb2"]
    owner = village.journal.board.planned.upkeeps["1"].owner
    assert {dict(one.args)["owner"] for one in given_back} == {owner}


async def test_a_balancer_that_refuses_is_named_and_a_healer_that_starts_anew_tries_it_again():
    village = Village(tier())
    village.gates.stuck.add(("lb2", "web/web1"))
    async with village.armed():
        await start(village)
        await asyncio.sleep(5)
        await village.upkeeper.end("web1", "root")
        await asyncio.sleep(60)
        assert village.cluster.drained == {("lb2", "web/web1")}
        assert village.watch.upkeep_held["1"].reason == "not_returned"
        assert "haproxy does not run" in village.watch.upkeep_held["1"].sentence
    village.gates.stuck.clear()
    async with village.alive():
        await asyncio.sleep(120)
        assert (village.cluster.drained, phase(village)) == (set(), Phase.OVER)


async def test_a_balancer_that_left_cluster_yml_keeps_no_node_and_what_it_has_is_told():
    village = Village(tier())
    async with village.armed():
        await start(village)
        await asyncio.sleep(5)
    async with village.alive(without_lb2(village.topology)):
        await asyncio.sleep(5)
        await village.upkeeper.end("web1", "root")
        await asyncio.sleep(60)
        over = village.journal.board.planned.upkeeps["1"]
        assert (over.phase, over.why) == (Phase.OVER, "left_behind")
        assert "on lb2: hale-gate return web/web1 --all" in over.detail
        assert ("lb1", "web/web1") not in village.cluster.drained
        assert village.gates.marks["web1"] == ()


@pytest.mark.parametrize("what", ["balancer", "pool"])
async def test_a_node_comes_back_though_what_it_was_taken_out_of_left_cluster_yml(what):
    village = Village(tier())
    async with village.armed():
        await start(village)
        await asyncio.sleep(5)
    whole = village.topology
    lb = replace(whole.groups["lb"], nodes=("lb1",))
    without = replace(whole, pools={})
    if what == "balancer":
        nodes = {name: one for name, one in whole.nodes.items() if name != "lb2"}
        without = replace(whole, nodes=nodes, groups={**whole.groups, "lb": lb})
    async with village.alive(without):
        await asyncio.sleep(3)
        await village.upkeeper.end("web1", "root")
        await asyncio.sleep(20)
        assert phase(village) is Phase.OVER
    over = village.journal.board.planned.upkeeps["1"]
    assert over.detail.startswith("cluster.yml changed; still there: pool.drain at lb")
    assert done(village)[-2:] == ["gate web1 node.unlock", "expire web1"]
