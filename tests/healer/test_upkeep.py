"""A node is taken out of service for people, for its own reboot, or to be patched; on virtual time."""

import asyncio
from dataclasses import replace

import pytest

from healer import upkeep_runner
from healer.core.attempt import Outcome
from healer.core.order import Ended, Order
from healer.core.states import State
from healer.core.upkeep import Phase
from healer.core.upkeep_events import Kind
from healer.errors import Refused
from tests.healer.core.world import alert
from tests.healer.tier import candidates, tier
from tests.healer.upkeeps import GIVEN_BACK, HOURS, TAKEN, done, phase, start
from tests.healer.village import Village

pytestmark = pytest.mark.looptime(start=0)


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
    monkeypatch.setattr(upkeep_runner, "PROOF_SECONDS", 60.0)


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
