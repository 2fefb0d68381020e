"""A group is patched node by node; on virtual time."""

import asyncio
from dataclasses import replace

import pytest

from healer.core.attempt import Outcome
from healer.core.ladder import Window
from healer.core.order import Ended, Order
from healer.core.roll import RollState
from healer.core.roll_events import RollMove
from healer.core.topology import Topology
from healer.core.upkeep import Phase
from healer.core.upkeep_steps import HELD_SECONDS
from healer.errors import Refused
from healer.text import roll
from healer.upkeep_views import roll_view
from tests.healer.core.world import alert
from tests.healer.tier import tier
from tests.healer.village import Village

pytestmark = pytest.mark.looptime(start=0)


def topology(floor: int = 2) -> Topology:
    night = Window("night", frozenset(range(7)), 22 * 60, 6 * 60)
    return replace(tier(floor=floor), patch_seconds=600.0, windows={"night": night})


def village(floor: int = 2) -> Village:
    made = Village(topology(floor))
    made.gates.ended = Ended(Outcome.DONE, "patched", "")
    return made


def patched(made: Village) -> list[str]:
    """Return the nodes that were patched, in order."""
    return [order.node for order in made.gates.orders if order.verb == "node.patch"]


def state(made: Village, number: int = 1) -> RollState:
    return made.journal.board.planned.rolls[str(number)].state


async def test_each_node_is_taken_patched_and_given_back_before_the_next_one_goes():
    made = village()
    async with made.armed():
        await made.roller.begin("web", "root", soak=30.0)
        await asyncio.sleep(400)
    assert patched(made) == ["web1", "web2", "web3"]
    assert state(made) is RollState.OVER
    turns = [one for one in made.diary if "node.lock" in one or "node.unlock" in one]
    assert turns == [
        f"gate web{number} node.{verb}" for number in (1, 2, 3) for verb in ("lock", "unlock")
    ]
    assert made.cluster.drained == set()
    assert made.silences.standing == {}


async def test_the_canary_goes_first_and_all_has_to_stay_well_after_it():
    made = village()
    async with made.armed():
        await made.roller.begin("web", "root", canary="web3", soak=100.0)
        await asyncio.sleep(60)
        assert patched(made) == ["web3"]
        assert made.watch.roll_waits == {"1": "soaking"}
        await asyncio.sleep(100)
        assert patched(made) == ["web3", "web1"]


async def test_a_few_go_together_after_the_canary_where_that_was_asked_for():
    made = village(floor=1)
    async with made.armed():
        await made.roller.begin("web", "root", at_once="70%", soak=10.0)
        await asyncio.sleep(50)
        assert patched(made) == ["web1", "web2", "web3"]
        away = [one.node for one in made.journal.board.planned.kept_away]
        assert away == ["web2", "web3"]


async def test_more_than_a_group_can_spare_never_go_together():
    made = village(floor=2)
    async with made.armed():
        await made.roller.begin("web", "root", at_once="3", soak=10.0)
        await asyncio.sleep(50)
        assert [one.node for one in made.journal.board.planned.kept_away] == ["web2"]
        assert "capacity" in made.watch.roll_waits["1"]


async def test_a_node_that_fails_stops_the_roll_and_stays_away():
    made = village()
    made.gates.ended = Ended(Outcome.DONE, "patched_needs_reboot", "")
    made.gates.refuse["node.reboot"] = "spacing"
    async with made.armed():
        await made.roller.begin("web", "root", soak=10.0)
        await asyncio.sleep(300)
        assert state(made) is RollState.STOPPED
        assert patched(made) == ["web1"]
        assert made.journal.board.planned.upkeeps["1"].phase is Phase.STOPPED
        with pytest.raises(Refused, match="nodes_stopped"):
            await made.roller.move("web", RollMove.GO_ON, "root")
        made.gates.refuse.clear()
        await made.upkeeper.end("web1", "root")
        await asyncio.sleep(10)
        made.gates.ended = Ended(Outcome.DONE, "patched", "")
        await made.roller.move("web", RollMove.GO_ON, "root")
        await asyncio.sleep(300)
    assert patched(made) == ["web1", "web1", "web2", "web3"]
    assert state(made) is RollState.OVER


async def test_an_alert_after_a_node_is_back_stops_the_roll():
    made = village()
    async with made.armed():
        await made.roller.begin("web", "root", soak=60.0)
        await asyncio.sleep(40)
        assert made.watch.roll_waits == {"1": "soaking"}
        made.gates.cures = False
        made.fail("web1/nginx", severity="critical")
        await asyncio.sleep(5)
        assert state(made) is RollState.STOPPED
    assert patched(made) == ["web1"]


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


async def test_what_a_roll_refuses_says_which_command_comes_next():
    made = village()
    async with made.armed():
        await made.roller.begin("web", "root")
        with pytest.raises(Refused, match="hale-healer roll web --do end"):
            await made.roller.begin("lb", "root")
        with pytest.raises(Refused, match="hale-healer roll web --do stop") as refused:
            await made.roller.move("web", RollMove.GO_ON, "root")
        assert refused.value.reason == "not_so"
    plain = Village(tier())
    async with plain.armed():
        with pytest.raises(Refused, match="nodes of web are patched"):
            await plain.roller.begin("web", "root")


async def test_what_the_guards_hold_is_waited_for():
    made = village()
    async with made.armed():
        made.cluster.down.add(alert(at="web2/nginx").target)
        await asyncio.sleep(3)
        await made.roller.begin("web", "root", soak=10.0)
        await asyncio.sleep(10)
        assert patched(made) == []
        assert "capacity" in made.watch.roll_waits["1"]
        made.mend("web2/nginx")
        await asyncio.sleep(20)
        assert patched(made) == ["web1"]


async def test_outside_its_hours_nothing_is_begun():
    made = village()
    async with made.armed():
        await made.roller.begin("web", "root", soak=10.0, windows=("night",))
        await asyncio.sleep(60)
        assert patched(made) == []
        assert made.watch.roll_waits == {"1": "outside_window"}
        await asyncio.sleep(14 * 3600)
    assert patched(made) == ["web1", "web2", "web3"]


async def test_a_healer_that_starts_anew_goes_on_with_the_roll():
    made = village()
    async with made.armed():
        await made.roller.begin("web", "root", soak=10.0)
        await asyncio.sleep(28)
    before = patched(made)
    async with made.alive():
        await asyncio.sleep(300)
    assert before == ["web1"]
    assert patched(made) == ["web1", "web2", "web3"]
    assert state(made) is RollState.OVER


async def test_a_person_stops_a_roll_and_what_is_away_goes_on_to_its_end():
    made = village()
    async with made.armed():
        await made.roller.begin("web", "root", soak=10.0)
        await asyncio.sleep(5)
        await made.roller.move("web", RollMove.STOP, "root")
        await asyncio.sleep(120)
        assert patched(made) == ["web1"]
        assert made.journal.board.planned.upkeeps["1"].phase is Phase.OVER
        await made.roller.move("web", RollMove.END, "root")
    assert state(made) is RollState.OVER


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"group": "nowhere"}, "unknown_group"),
        ({"group": "control"}, "control_plane"),
        ({"group": "web", "canary": "lb1"}, "unknown_node"),
        ({"group": "web", "windows": ("noon",)}, "unknown_window"),
        ({"group": "web", "at_once": "0"}, "malformed"),
        ({"group": "web", "at_once": "-3%"}, "malformed"),
    ],
)
async def test_what_cannot_be_rolled_is_refused_with_the_reason(given, reason):
    made = village()
    async with made.armed():
        group = given.pop("group")
        with pytest.raises(Refused) as refused:
            await made.roller.begin(group, "root", **given)
    assert refused.value.reason == reason
    assert made.journal.board.planned.rolls == {}


async def test_only_one_group_is_rolled_at_a_time_and_only_where_cluster_yml_says_how():
    made = village()
    async with made.armed():
        await made.roller.begin("web", "root")
        with pytest.raises(Refused, match="rolling"):
            await made.roller.begin("lb", "root")
    plain = Village(tier())
    async with plain.armed():
        with pytest.raises(Refused, match="no_patching"):
            await plain.roller.begin("web", "root")


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
