"""Who asks for a node is told what holds, says anew until when, and is first or is told so; on virtual time."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from healer.core import events as ev
from healer.core import upkeep_events as ue
from healer.core.ladder import Mode
from healer.core.look import Mark
from healer.core.upkeep import Phase
from healer.core.upkeep_events import Kind
from healer.errors import Refused
from healer.upkeep_runner import UpkeepRunner
from healer.upkeeper import Upkeeper
from tests.healer.core.world import alert
from tests.healer.tier import tier
from tests.healer.upkeeps import HOURS, LOCKED, done, start
from tests.healer.village import Village

pytestmark = pytest.mark.looptime(start=0)


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (lambda village: village.cluster.down.add(alert(at="web2/nginx").target), "capacity"),
        (lambda village: village.cluster.deaf.add("web1"), "gate_silent"),
        (
            lambda village: village.gates.marks.update(web1=(replace(LOCKED, subject="web1"),)),
            "node_locked",
        ),
        (lambda village: setattr(village.gates, "holds", ("a fan",)), "gate_hold"),
    ],
)
async def test_a_guard_that_holds_is_told_and_nothing_is_touched(trouble, reason):
    village = Village(tier())
    async with village.armed():
        trouble(village)
        await asyncio.sleep(3)
        with pytest.raises(Refused) as refused:
            await start(village)
    assert refused.value.reason == reason
    assert done(village) == []
    assert village.journal.board.planned.upkeeps == {}


@pytest.mark.parametrize("seconds", [4 * HOURS, 600.0], ids=["longer", "shorter"])
async def test_a_person_says_anew_until_when_and_the_silence_follows(seconds):
    village = Village(tier())
    async with village.armed():
        first = await start(village)
        await asyncio.sleep(60)
        before = village.journal.board.planned.upkeeps["1"]
        assert village.silences.standing == {first.owner: ("web1", pytest.approx(HOURS, abs=5))}
        found = await village.upkeeper.postpone(before, "ann", seconds)
        assert found.until == pytest.approx(first.began + 60 + seconds, abs=1)
        assert (found.by, found.reason, found.phase) == ("root", "new fan", Phase.AWAY)
        village.silences.silent = True
        await asyncio.sleep(5)
        village.silences.silent = False
        await asyncio.sleep(5)
        name, left = village.silences.standing[first.owner]
        assert (name, left) == ("web1", pytest.approx(seconds, abs=15))
        assert done(village).count("silence web1") == 2
    async with village.alive():
        again = village.journal.board.planned.upkeeps["1"]
        assert (again.until, again.silence_old) == (pytest.approx(found.until, abs=1), False)
        await village.upkeeper.end("web1", "root")
        with pytest.raises(Refused, match="changed_since"):
            await village.upkeeper.postpone(again, "ann", seconds)
        await asyncio.sleep(5)
    assert village.silences.standing == {}


async def test_who_says_anew_while_an_alertmanager_is_asked_has_the_silence_follow_too():
    village = Village(tier())
    held, asked = asyncio.Event(), village.silences.silence

    async def slow(name: str, node: str, reason: str, seconds: float) -> None:
        await asked(name, node, reason, seconds)
        await held.wait()

    village.silences.silence = slow
    async with village.armed():
        await start(village)
        await asyncio.sleep(10)
        before = village.journal.board.planned.upkeeps["1"]
        assert (before.silenced, list(village.silences.standing)) == (False, [before.owner])
        await village.upkeeper.postpone(before, "ann", 4 * HOURS)
        held.set()
        await asyncio.sleep(60)
        _, left = village.silences.standing[before.owner]
        assert left == pytest.approx(4 * HOURS, abs=5)
        assert village.journal.board.planned.upkeeps["1"].phase is Phase.AWAY


async def test_two_of_one_group_are_not_taken_at_the_same_time():
    village = Village(tier(floor=0))
    async with village.armed():
        await start(village)
        with pytest.raises(Refused, match="locked_nearby"):
            await start(village, "web2")


async def test_a_node_that_a_person_locked_at_its_gate_counts_as_taken():
    village = Village(tier(floor=0))
    village.gates.marks["web2"] = (LOCKED,)
    async with village.armed():
        await asyncio.sleep(5)
        with pytest.raises(Refused):
            await start(village, "web2")


async def test_a_lock_of_an_upkeep_of_an_earlier_journal_is_nobodys_own():
    village = Village(tier())
    async with village.armed():
        theirs = (await start(village)).owner
        await asyncio.sleep(5)
    await asyncio.sleep(60)
    anew = Village(tier())
    anew.gates.marks["web1"] = (Mark("node.lock", "web1", (theirs,), True),)
    async with anew.armed():
        await asyncio.sleep(5)
        with pytest.raises(Refused, match="locked at its own gate") as refused:
            await start(anew)
        assert theirs in str(refused.value)
        verdicts, _ = await anew.upkeeper.asked("web1", Kind.PERSON)
        assert "node_locked" in {one.reason for one in verdicts}
    assert done(anew) == []


async def test_a_hold_that_becomes_durable_in_that_moment_comes_first():
    village = Village(tier())
    append = village.store.append

    async def slow(events: Sequence[ev.Event], *, closing: bool = False) -> list[ev.Record]:
        await asyncio.sleep(1)
        return await append(events, closing=closing)

    async with village.armed():
        village.store.append = slow
        held = asyncio.create_task(village.journal.write(ev.NodeHeld("web1", "a fan", "ann", None)))
        await asyncio.sleep(0.5)
        with pytest.raises(Refused, match="changed_since"):
            await start(village)
        await held
    assert not village.written(ue.UpkeepBegan)


async def test_a_critical_alert_in_its_groups_keeps_a_roll_from_a_node_and_a_person_not():
    village = Village(tier(floor=1, mode=Mode.EXPLAIN))
    async with village.armed():
        village.fail("web2/nginx", severity="critical")
        await asyncio.sleep(3)
        with pytest.raises(Refused, match="alerts_fire"):
            await start(village, kind=Kind.ROLL)
        await start(village)


async def test_what_upkeep_refuses_says_where_what_and_which_command_comes_next():
    village = Village(tier())
    async with village.armed():
        with pytest.raises(
            Refused, match=r"web1 is not out of .* look on web1 .*hale-gate unlock --all"
        ):
            await village.upkeeper.end("web1", "root")
        village.gates.marks["web2"] = (LOCKED,)
        with pytest.raises(
            Refused, match=r"web2 is locked .*hale-gate marks.*hale-gate unlock --all"
        ):
            await start(village, "web2")
        await start(village)
        with pytest.raises(Refused, match="hale-healer maintenance end web1"):
            await start(village, kind=Kind.LOCK)


async def test_whoever_asked_while_cluster_yml_was_read_anew_is_judged_by_the_new_one():
    village = Village(tier())
    async with village.armed():
        digest, modes = "another", village.topology.modes
        await village.journal.write(ev.ConfigReloaded(digest, modes, "ann"))
        with pytest.raises(Refused) as refused:
            await start(village)
    assert refused.value.reason == "changed_since"


async def test_whoever_waits_for_a_node_hears_it_though_cluster_yml_was_read_anew_meanwhile():
    village = Village(tier())
    async with village.armed():
        around = (village.watch, village.clock)
        runner = UpkeepRunner(
            *(village.journal, village.gatherer, village.gates, village.silences), *around
        )
        before = Upkeeper(village.journal, village.gatherer, runner, *around)
        began = village.clock.boottime()
        upkeep = await before.begin("web1", Kind.LOCK, "reboot", "web1", HOURS)
        found = await before.settled(upkeep.id, frozenset({Phase.AWAY}), 200.0)
        assert found.phase is Phase.AWAY
        assert village.clock.boottime() - began < 10
