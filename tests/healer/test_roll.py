"""A group is patched node by node; on virtual time."""

import asyncio

import pytest

from healer.core.attempt import Outcome
from healer.core.order import Ended
from healer.core.roll import RollState
from healer.core.roll_events import RollMove
from healer.core.upkeep import Phase
from healer.errors import Refused
from tests.healer.core.world import alert
from tests.healer.rolls import patched, state, village
from tests.healer.tier import tier
from tests.healer.village import Village

pytestmark = pytest.mark.looptime(start=0)


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
