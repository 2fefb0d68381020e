"""A node is taken out of service for people, for its own reboot, or to be patched; on virtual time."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from healer import upkeeper
from healer.core import events as ev
from healer.core import upkeep_events as ue
from healer.core.attempt import Outcome
from healer.core.ladder import Mode
from healer.core.look import Mark
from healer.core.order import Ended, Order
from healer.core.states import State
from healer.core.upkeep import Phase, Upkeep
from healer.core.upkeep_events import Kind
from healer.errors import Refused
from healer.upkeeper import Upkeeper
from tests.healer.core.world import alert
from tests.healer.tier import candidates, tier
from tests.healer.village import Village

pytestmark = pytest.mark.looptime(start=0)

HOURS = 7200.0
LOCKED = Mark("node.lock", "web2", ("person:ann",), True)
TAKEN = [
    "gate web1 node.lock",
    "silence web1",
    "gate lb1 pool.drain web1 web",
    "gate lb2 pool.drain web1 web",
]
GIVEN_BACK = [
    "gate lb2 pool.return web1 web",
    "gate lb1 pool.return web1 web",
    "gate web1 node.unlock",
    "expire web1",
]


async def start(village: Village, node: str = "web1", kind: Kind = Kind.PERSON) -> Upkeep:
    return await village.upkeeper.begin(node, kind, "new fan", "root", HOURS)


def done(village: Village) -> list[str]:
    """Return what was done outside, in order."""
    return [one for one in village.diary if one.startswith(("gate ", "silence ", "expire "))]


def phase(village: Village, number: int = 1) -> Phase:
    return village.journal.board.planned.upkeeps[str(number)].phase


async def test_a_node_is_locked_its_alerts_silenced_then_its_users_moved_away_and_back_in_reverse():
    village = Village(tier())
    async with village.armed():
        await start(village)
        await asyncio.sleep(5)
        assert done(village) == TAKEN
        assert phase(village) is Phase.AWAY
        await village.upkeeper.end("web1", "root")
        await asyncio.sleep(5)
    assert done(village) == TAKEN + GIVEN_BACK
    assert phase(village) is Phase.OVER
    assert village.cluster.drained == set()
    assert village.silences.standing == {}


async def test_what_will_be_done_is_durable_before_the_gate_hears_of_it():
    village = Village(tier())
    async with village.armed():
        await start(village)
        await asyncio.sleep(5)
    for line in TAKEN[0], TAKEN[2], TAKEN[3]:
        before = village.diary[village.diary.index(line) - 1]
        assert before == "journal UpkeepActionIntended"
    assert village.diary.index("journal UpkeepBegan") < village.diary.index(TAKEN[0])


async def test_a_candidate_of_an_address_declines_it():
    village = Village(candidates())
    async with village.armed():
        await asyncio.sleep(15)  # VRRP has had its own time
        await start(village, "lb1")
        await asyncio.sleep(5)
        assert "gate lb1 address.decline vip" in done(village)
        assert phase(village) is Phase.AWAY


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


async def test_a_freeze_holds_what_begins_and_what_has_begun():
    village = Village(tier())
    async with village.armed():
        await start(village)
        await asyncio.sleep(5)
        await village.operators.freeze("moving", "root")
        with pytest.raises(Refused, match="frozen"):
            await start(village, "web2")
        await village.upkeeper.end("web1", "root")
        await asyncio.sleep(5)
        assert done(village) == TAKEN
        await village.operators.unfreeze("root")
        await asyncio.sleep(5)
    assert done(village) == TAKEN + GIVEN_BACK


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


async def test_a_drain_that_is_refused_gives_the_node_back():
    village = Village(tier())
    village.gates.refuse["pool.drain"] = "last_member"
    async with village.armed():
        await start(village)
        await asyncio.sleep(60)
    upkeep = village.journal.board.planned.upkeeps["1"]
    assert (upkeep.phase, upkeep.failed) == (Phase.OVER, "last_member")
    assert done(village)[-2:] == ["gate web1 node.unlock", "expire web1"]


async def test_a_silent_gate_keeps_nobody_waiting_for_ever():
    village = Village(tier())
    async with village.armed():
        village.cluster.deaf.add("lb2")
        await start(village)
        await asyncio.sleep(240)
    upkeep = village.journal.board.planned.upkeeps["1"]
    assert (upkeep.phase, upkeep.failed) == (Phase.OVER, "too_slow")


def first_unheard(village: Village, verb: str, gate: str, then: Ended) -> None:
    """Have a gate do a verb whose end is never heard; each later try of it ends as said, and changes nothing."""
    act, tried = village.gates.act, list[Order]()

    async def once(order: Order) -> Ended:
        if (order.verb, order.node) != (verb, gate):
            return await act(order)
        tried.append(order)
        if len(tried) > 1:
            return then
        await act(order)
        return Ended(Outcome.UNKNOWN, "unreadable", "marked; HAProxy may yet drain it")

    village.gates.act = once


@pytest.mark.parametrize(
    "then",
    [
        Ended(Outcome.REFUSED, "changed", "web/web1 cannot be read"),
        Ended(Outcome.NOT_SENT, "gate_silent", "no route to host"),
    ],
    ids=lambda one: one.outcome.value,
)
@pytest.mark.parametrize(("verb", "gate"), [("pool.drain", "lb1"), ("node.lock", "web1")])
async def test_what_an_unheard_try_may_have_set_is_given_back_though_the_next_is_refused(
    verb, gate, then
):
    village = Village(tier())
    first_unheard(village, verb, gate, then)
    async with village.armed():
        await start(village)
        await asyncio.sleep(300)
        assert phase(village) is Phase.OVER
        assert (village.cluster.drained, village.gates.marks["web1"]) == (set(), ())
        await village.upkeeper.begin("web2", Kind.PERSON, "new fan", "root", HOURS)


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


# --- What a healer that starts anew does ----------------------------------------------------


async def test_a_healer_that_starts_anew_goes_on_where_the_one_before_ended():
    village = Village(tier())
    async with village.armed():
        await start(village)
        await asyncio.sleep(5)
    async with village.alive():
        await asyncio.sleep(5)
        assert done(village) == TAKEN
        await village.upkeeper.end("web1", "root")
        await asyncio.sleep(5)
    assert done(village) == TAKEN + GIVEN_BACK


async def test_an_action_whose_end_was_not_heard_is_asked_for_and_never_sent_again():
    village = Village(tier())
    village.gates.pause = asyncio.Event()
    async with village.armed():
        await start(village)
        await asyncio.sleep(5)
        assert done(village) == TAKEN[:1]
    village.gates.pause = None
    async with village.alive():
        await asyncio.sleep(5)
    assert done(village) == TAKEN
    assert "settle web1 1.2.1" in village.diary


async def test_ids_of_upkeep_and_of_incidents_never_meet():
    village = Village(tier())
    async with village.armed():
        await start(village, "web3")
        village.fail("web1/nginx")
        await asyncio.sleep(30)
    ids = [order.action_id for order in village.gates.orders]
    assert len(set(ids)) == len(ids)


# --- What it means for ladders --------------------------------------------------------------


async def test_nothing_is_repaired_on_a_node_that_is_away():
    village = Village(tier())
    async with village.armed():
        await start(village)
        await asyncio.sleep(5)
        village.fail("web1/nginx")
        await asyncio.sleep(20)
        assert village.hold() == "node_locked"
        assert village.incident().state is State.HELD
    assert done(village) == TAKEN


async def test_repair_of_another_member_that_is_proven_out_goes_on():
    village = Village(tier())
    async with village.armed():
        await start(village)
        await asyncio.sleep(5)
        village.fail("web2/nginx")
        await asyncio.sleep(30)
        assert village.incident().outcome == "healed"
    assert "gate web2 service.restart nginx.service" in done(village)


# --- To be patched --------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeeper, "PROOF_SECONDS", 60.0)


def patched(village: Village, reason: str = "patched") -> None:
    village.gates.ended = Ended(Outcome.DONE, reason, "")


def patchable() -> Village:
    return Village(replace(tier(), patch_seconds=600.0))


async def test_a_node_is_patched_booted_where_that_is_needed_proved_and_given_back():
    village = patchable()
    patched(village, "patched_needs_reboot")
    async with village.armed():
        await start(village, kind=Kind.ROLL)
        await asyncio.sleep(60)
    work = ["gate web1 node.patch", "gate web1 node.reboot"]
    assert done(village) == TAKEN + work + GIVEN_BACK
    assert phase(village) is Phase.OVER


async def test_without_need_it_is_not_booted():
    village = patchable()
    patched(village)
    async with village.armed():
        await start(village, kind=Kind.ROLL)
        await asyncio.sleep(60)
    assert done(village) == [*TAKEN, "gate web1 node.patch", *GIVEN_BACK]


async def test_one_whose_patch_fails_stays_away_until_a_person_ends_it():
    village = patchable()
    village.gates.refuse["node.patch"] = "not_listed"
    async with village.armed():
        await start(village, kind=Kind.ROLL)
        await asyncio.sleep(120)
        upkeep = village.journal.board.planned.upkeeps["1"]
        assert (upkeep.phase, upkeep.failed) == (Phase.STOPPED, "not_listed")
        domain = village.topology.nodes["web1"].failure_domain
        where = {"node": "web1", "group": "web", "failure_domain": domain, "kind": "roll"}
        assert village.metrics.registry.get_sample_value("healer_upkeep_stopped", where) == 1
        await village.upkeeper.end("web1", "root")
        await asyncio.sleep(5)
    assert phase(village) is Phase.OVER


async def test_one_that_does_not_serve_after_its_patch_stays_away(quick):
    village = patchable()
    patched(village)
    village.gates.cures = False
    async with village.armed():
        await start(village, kind=Kind.ROLL)
        village.cluster.down.add(alert(at="web1/nginx").target)
        await asyncio.sleep(120)
    upkeep = village.journal.board.planned.upkeeps["1"]
    assert (upkeep.phase, upkeep.failed) == (Phase.STOPPED, "not_proved")
    assert "web" in upkeep.detail


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


async def test_what_a_node_that_left_cluster_yml_keeps_away_can_be_ended():
    village = Village(tier(floor=1))
    async with village.armed():
        await start(village, "web2")
        await asyncio.sleep(5)
        assert phase(village) is Phase.AWAY
    whole, before = village.topology, done(village)
    nodes = {name: one for name, one in whole.nodes.items() if name != "web2"}
    web = replace(whole.groups["web"], nodes=("web1", "web3"))
    without = replace(whole, nodes=nodes, groups={**whole.groups, "web": web})
    async with village.alive(without):
        await asyncio.sleep(5)
        assert phase(village) is Phase.AWAY
        await village.upkeeper.end("web2", "root")
        await asyncio.sleep(5)
        assert phase(village) is Phase.OVER
    assert done(village) == [*before, "expire web2"]
    over = village.journal.board.planned.upkeeps["1"]
    assert over.why == "node_gone"
    assert "cluster.yml has no web2 any more; still there: node.lock at web2, " in over.detail
    assert "pool.drain at lb1" in over.detail
    assert "Should web2 serve again, on web2: hale-gate unlock --all; on lb1: " in over.detail


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
        before = Upkeeper(
            *(village.journal, village.gatherer, village.gates),
            *(village.silences, village.watch, village.clock),
        )
        began = village.clock.boottime()
        upkeep = await before.begin("web1", Kind.LOCK, "reboot", "web1", HOURS)
        found = await before.settled(upkeep.id, frozenset({Phase.AWAY}), 200.0)
        assert found.phase is Phase.AWAY
        assert village.clock.boottime() - began < 10
