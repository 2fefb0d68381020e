"""Who leads a database is moved before its node is taken, and comes back as a replica; on virtual time."""

import asyncio
from dataclasses import replace

import pytest

from healer.core.attempt import Outcome
from healer.core.order import Ended
from healer.core.roll import RollState
from healer.core.upkeep import Phase
from healer.core.upkeep_events import Kind
from healer.errors import Refused
from tests.healer.core.replicated import whole, with_main
from tests.healer.village import Village, simple

pytestmark = pytest.mark.looptime(start=0)

LONG = 60.0
"""Until the leader has led for so long that Patroni is at rest."""

BACK = ["gate db1 database.admit main", "gate db1 node.unlock"]


@pytest.fixture
def village() -> Village:
    topology = replace(with_main(simple()), patch_seconds=600.0)
    made = Village(topology)
    made.cluster.databases["main"] = whole()
    made.gates.ended = Ended(Outcome.DONE, "patched", "")
    return made


def orders(village: Village) -> list[str]:
    return [line for line in village.diary if line.startswith("gate ")]


async def begin(village: Village, node: str = "db1", kind: Kind = Kind.PERSON) -> None:
    await asyncio.sleep(LONG)
    await village.upkeeper.begin(node, kind, "new fan", "root", 7200.0)
    await asyncio.sleep(5)


def change(village: Village, *nodes: str, **changes: object) -> None:
    """Change members of the database."""
    look = village.cluster.databases["main"]
    members = {one: replace(look.members[one], **changes) for one in nodes}  # type: ignore[arg-type]
    village.cluster.databases["main"] = replace(look, members={**look.members, **members})


async def test_who_leads_is_moved_and_barred_before_its_node_is_away_and_admitted_as_a_replica(
    village,
):
    async with village.armed():
        await begin(village)
        taken = ["gate db1 node.lock", "gate db1 database.switchover db2 main"]
        assert orders(village) == taken
        assert village.journal.board.planned.upkeeps["1"].phase is Phase.AWAY
        assert village.cluster.databases["main"].members["db1"].barred
        await village.upkeeper.end("db1", "root")
        await asyncio.sleep(5)
    assert orders(village) == taken + BACK
    assert village.cluster.databases["main"].leader == "db2"
    assert not village.cluster.databases["main"].members["db1"].barred


async def test_who_follows_is_kept_from_leading_while_its_node_is_away(village):
    async with village.armed():
        await begin(village, "db2", Kind.ROLL)
    assert orders(village)[:2] == ["gate db2 node.lock", "gate db2 database.bar main"]


async def test_what_a_step_rests_on_goes_to_the_gate(village):
    async with village.armed():
        await begin(village)
    order = village.gates.orders[1]
    assert order.args == (
        ("candidate", "db2"),
        ("database", "main"),
        ("owner", village.journal.board.planned.upkeeps["1"].owner),
    )
    assert '"databases":{"main":{"leader":"db1","timeline":4}}' in order.expect


@pytest.mark.parametrize("kind", list(Kind))
async def test_a_leader_in_whose_place_nobody_can_lead_is_not_taken_whoever_asks(village, kind):
    change(village, "db2", "db3", lag_bytes=1 << 30)
    async with village.armed():
        with pytest.raises(Refused) as refused:
            await begin(village, kind=kind)
    assert refused.value.reason == "no_candidate"
    assert orders(village) == []


async def test_while_a_person_has_patroni_paused_a_leader_is_not_taken(village):
    look = village.cluster.databases["main"]
    village.cluster.databases["main"] = replace(look, paused=True)
    async with village.armed():
        with pytest.raises(Refused, match="patroni_paused"):
            await begin(village)
    assert orders(village) == []


async def test_a_person_may_take_a_replica_that_has_fallen_behind(village):
    change(village, "db3", state="start failed", timeline=None, lag_bytes=None)
    async with village.armed():
        await begin(village, "db3")
        assert orders(village) == ["gate db3 node.lock", "gate db3 database.bar main"]
        await village.upkeeper.end("db3", "root")
        await asyncio.sleep(LONG)
        held = village.watch.upkeep_held["1"]
        assert (held.reason, len(orders(village))) == ("not_replica", 2)
        change(village, "db3", state="running", timeline=4, lag_bytes=0)
        await asyncio.sleep(LONG)
    assert orders(village)[2:] == ["gate db3 database.admit main", "gate db3 node.unlock"]


async def test_a_member_that_patroni_does_not_know_needs_no_bar(village):
    look = village.cluster.databases["main"]
    members = {name: one for name, one in look.members.items() if name != "db3"}
    village.cluster.databases["main"] = replace(look, members=members)
    async with village.armed():
        await begin(village, "db3")
        assert orders(village) == ["gate db3 node.lock"]
        assert village.journal.board.planned.upkeeps["1"].phase is Phase.AWAY


async def test_a_switchover_that_is_refused_gives_the_node_back(village):
    village.gates.refuse["database.switchover"] = "lagging"
    async with village.armed():
        await begin(village)
        await asyncio.sleep(LONG)
    upkeep = village.journal.board.planned.upkeeps["1"]
    assert (upkeep.phase, upkeep.failed) == (Phase.OVER, "lagging")
    assert orders(village)[-1] == "gate db1 node.unlock"
    assert "gate db1 database.admit main" not in orders(village)


async def test_where_nobody_says_any_more_who_leads_a_node_that_is_being_taken_is_given_back(
    village,
):
    async with village.armed():
        await asyncio.sleep(LONG)
        await village.upkeeper.begin("db1", Kind.PERSON, "new fan", "root", 7200.0)
        del village.cluster.databases["main"]
        await asyncio.sleep(LONG)
        assert village.watch.upkeep_held["1"].reason == "copies_unknown"
        await asyncio.sleep(4 * LONG)
    assert village.journal.board.planned.upkeeps["1"].failed == "too_slow"
    assert orders(village) == []


async def test_a_member_that_led_again_before_it_was_barred_is_switched_over(village):
    async with village.armed():
        await asyncio.sleep(LONG)
        await village.upkeeper.begin("db2", Kind.PERSON, "new fan", "root", 7200.0)
        village.cluster.lead("main", "db2")
        await asyncio.sleep(LONG)
    assert orders(village)[1] == "gate db2 database.switchover db1 main"


async def test_a_roll_moves_the_lead_away_from_each_node_that_it_patches(village):
    async with village.armed():
        await asyncio.sleep(LONG)
        await village.roller.begin("db", "root", soak=10.0)
        await asyncio.sleep(20 * LONG)
    assert village.journal.board.planned.rolls["1"].state is RollState.OVER
    turns = [one for one in orders(village) if "patch" in one or "switchover" in one]
    assert turns == [
        "gate db1 database.switchover db2 main",
        "gate db1 node.patch",
        "gate db2 database.switchover db1 main",
        "gate db2 node.patch",
        "gate db3 node.patch",
    ]
    assert village.cluster.databases["main"].leader == "db1"


async def test_the_master_of_redis_is_moved_by_sentinel_and_its_replicas_are_left_as_they_are():
    village = Village(with_main(simple(), sentinel=True))
    village.cluster.databases["main"] = whole()
    async with village.armed():
        await begin(village)
        assert orders(village) == ["gate db1 node.lock", "gate db1 sentinel.failover main"]
        await village.upkeeper.end("db1", "root")
        await begin(village, "db3")
    assert orders(village)[2:] == ["gate db1 node.unlock", "gate db3 node.lock"]
