"""What keeps machines and rolls from taking a node, and has one given back that is half taken; on virtual time."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from healer.core.ladder import Mode, Window
from healer.core.maintenance import Maintenance
from healer.core.order import Ended, Order
from healer.core.topology import Topology
from healer.core.upkeep import Phase
from healer.core.upkeep_events import Kind, Move, UpkeepMoved
from healer.errors import Refused
from tests.healer.core.world import alert
from tests.healer.fakes import LoopClock
from tests.healer.tier import tier
from tests.healer.upkeeps import GIVEN_BACK, TAKEN, done, phase, start
from tests.healer.village import Village

pytestmark = pytest.mark.looptime(start=0)

ALWAYS = Window("disk", frozenset(range(7)), 0, 24 * 60)
MACHINES = (Kind.LOCK, Kind.ROLL)
HALF_BACK = ["gate web1 node.unlock", "expire web1"]


def windowed(node: str, after: float = 0.0) -> Topology:
    """The tier with a maintenance window that opens over one node so many seconds after the test's start."""
    starts = LoopClock().wall() + after
    window = Maintenance("disk", "swap by hand", node, frozenset({node}), ALWAYS, starts=starts)
    return replace(tier(), maintenance=(window,), patch_seconds=600.0)


def mode(healer: Mode, web: Mode) -> Topology:
    plain = tier()
    groups = {**plain.groups, "web": replace(plain.groups["web"], mode=web)}
    return replace(plain, healer_mode=healer, groups=groups, patch_seconds=600.0)


def at_verb(village: Village, verb: str, then: Callable[[], object], seconds: float = 0.0) -> None:
    """Let something happen while a gate does a verb, which takes as long as that."""
    real = village.gates.act

    async def act(order: Order) -> Ended:
        ended = await real(order)
        if order.verb == verb:
            await asyncio.sleep(seconds)
            then()
        return ended

    village.gates.act = act


# --- Maintenance windows of cluster.yml -----------------------------------------------------


@pytest.mark.parametrize("kind", MACHINES)
@pytest.mark.parametrize("node", ["web1", "lb2"])
async def test_no_machine_and_no_roll_takes_a_node_in_a_window_nor_through_a_gate_in_one(
    kind, node
):
    village = Village(windowed(node))
    async with village.armed():
        with pytest.raises(Refused, match="maintenance"):
            await start(village, kind=kind)
    assert done(village) == []
    assert village.journal.board.planned.upkeeps == {}


async def test_a_window_over_another_node_holds_nobody():
    village = Village(windowed("web3"))
    async with village.armed():
        await start(village, kind=Kind.LOCK)


async def test_a_person_takes_a_node_by_name_in_a_window_too():
    village = Village(windowed("web1"))
    async with village.armed():
        await start(village)
        await asyncio.sleep(5)
    assert done(village) == TAKEN


@pytest.mark.parametrize("kind", MACHINES)
async def test_a_node_that_is_half_taken_as_a_window_opens_is_given_back(kind):
    village = Village(windowed("web1", after=10.0))
    at_verb(village, "node.lock", lambda: None, seconds=10.0)
    async with village.armed():
        await start(village, kind=kind)
        await asyncio.sleep(30)
    assert done(village) == [*TAKEN[:2], *HALF_BACK]
    assert village.journal.board.planned.upkeeps["1"].failed == "maintenance"


async def test_a_roll_waits_with_the_patch_while_a_window_is_open_over_the_node():
    village = Village(windowed("web1", after=12.0))
    at_verb(village, "pool.drain", lambda: None, seconds=6.0)
    async with village.armed():
        await start(village, kind=Kind.ROLL)
        await asyncio.sleep(60)
        assert phase(village) is Phase.PATCHING
        assert village.watch.upkeep_held["1"].reason == "maintenance"
        assert done(village) == TAKEN


# --- Mode explain ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("healer", "web", "kind", "reason"),
    [
        (Mode.EXPLAIN, Mode.EXPLAIN, Kind.LOCK, "explain_mode"),
        (Mode.EXPLAIN, Mode.EXPLAIN, Kind.ROLL, "explain_mode"),
        (Mode.ACT, Mode.EXPLAIN, Kind.LOCK, "explain_mode"),
        (Mode.EXPLAIN, Mode.ACT, Kind.LOCK, "explain_mode"),
        (Mode.APPROVE, Mode.ACT, Kind.LOCK, "approval_needed"),
        (Mode.APPROVE, Mode.ACT, Kind.ROLL, None),
        (Mode.ACT, Mode.ACT, Kind.LOCK, None),
        (Mode.EXPLAIN, Mode.EXPLAIN, Kind.PERSON, None),
    ],
)
async def test_only_a_person_takes_a_node_that_its_owners_do_not_let_hale_act_upon(
    healer, web, kind, reason
):
    village = Village(mode(healer, web))
    async with village.armed():
        verdicts, _ = await village.upkeeper.asked("web1", kind)
        said = next(one for one in verdicts if one.guard == "approved")
        assert said.reason == reason
        if reason is None:
            await start(village, kind=kind)
            return
        with pytest.raises(Refused, match=reason) as refused:
            await start(village, kind=kind)
    assert "hale-healer maintenance start web1" in refused.value.detail
    assert done(village) == []


async def test_the_control_plane_asks_by_the_healers_own_word():
    plain = tier()
    control = replace(plain.groups["control"], mode=Mode.EXPLAIN)
    village = Village(replace(plain, groups={**plain.groups, "control": control}))
    async with village.armed():
        await start(village, "mon1", Kind.LOCK)


async def test_a_roll_is_not_begun_in_explain_mode_and_says_so():
    village = Village(mode(Mode.EXPLAIN, Mode.EXPLAIN))
    async with village.armed():
        with pytest.raises(Refused, match="explain_mode"):
            await village.roller.begin("web", "root")
    assert village.journal.board.planned.rolls == {}


# --- Between lock and drain -----------------------------------------------------------------


@pytest.mark.parametrize("kind", list(Kind))
async def test_a_member_that_dies_while_another_is_locked_has_it_given_back_before_its_users_go(
    kind,
):
    village = Village(replace(tier(), patch_seconds=600.0))
    at_verb(
        village,
        "node.lock",
        lambda: village.cluster.down.add(alert(at="web2/nginx").target),
        seconds=10.0,
    )
    async with village.armed():
        await start(village, kind=kind)
        await asyncio.sleep(60)
    upkeep = village.journal.board.planned.upkeeps["1"]
    assert done(village) == [*TAKEN[:2], *HALF_BACK]
    assert (upkeep.phase, upkeep.failed) == (Phase.OVER, "capacity")
    gave_up = next(one for one in village.written(UpkeepMoved) if one.move is Move.GIVE_UP)
    assert "web cannot spare web1 now" in gave_up.detail
    assert village.cluster.drained == set()


async def test_one_that_dies_between_two_drains_has_the_first_one_given_back():
    village = Village(tier())
    at_verb(
        village,
        "pool.drain",
        lambda: village.cluster.down.add(alert(at="web2/nginx").target),
    )
    async with village.armed():
        await start(village)
        await asyncio.sleep(60)
    assert done(village) == [*TAKEN[:3], *GIVEN_BACK[1:]]


async def test_a_healer_that_starts_anew_after_a_member_died_takes_no_users_away():
    village = Village(tier())
    locked = asyncio.Event()
    at_verb(village, "node.lock", locked.set)
    async with village.armed():
        await start(village)
        await locked.wait()
    await asyncio.sleep(60)
    village.cluster.down.add(alert(at="web2/nginx").target)
    async with village.alive():
        await asyncio.sleep(60)
    assert [one for one in done(village) if "drain" in one] == []
    upkeep = village.journal.board.planned.upkeeps["1"]
    assert (upkeep.phase, upkeep.failed) == (Phase.OVER, "capacity")


async def test_who_sees_nothing_waits_with_a_node_that_is_half_taken_and_goes_on_with_figures():
    village = Village(tier())
    at_verb(village, "node.lock", lambda: setattr(village.prometheus, "silent", True))
    async with village.armed():
        await start(village)
        await asyncio.sleep(10)
        assert done(village) == TAKEN[:2]
        assert village.watch.upkeep_held["1"].guard == "sees_enough"
        village.prometheus.silent = False
        await asyncio.sleep(10)
        assert phase(village) is Phase.AWAY
