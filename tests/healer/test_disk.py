"""A full disk is freed of what its owner lists; where that is not enough a person is called."""

import asyncio
from dataclasses import replace

import pytest

from healer.core.alert import Alert, Target
from healer.core.ladder import PERSON, Ladder, Mode, Rung, Verification
from healer.core.order import Ended, Order
from healer.core.states import State
from healer.core.topology import Topology
from tests.healer.core.world import CALL, alert
from tests.healer.fake_gates import FakeGates
from tests.healer.village import Village, simple

pytestmark = pytest.mark.looptime(start=0)

FREE = Rung(
    "disk.free",
    None,
    False,
    60.0,
    Verification("hale:filesystem_has_room", 1.0, within_seconds=20.0, soak_seconds=3.0),
    attempts=1,
    wait_seconds=5.0,
)
FREED = "gate web1 disk.free /data"


class Freeing(FakeGates):
    """Gates that free what is full, if they are told the right place."""

    async def act(self, order: Order) -> Ended:
        ended = await super().act(order)
        if self.cures:
            place = dict(order.args).get("mountpoint", "")
            self.cluster.down.discard(Target(order.node, None, place))
        return ended


def topology() -> Topology:
    plain = simple()
    ladder = Ladder("free-disk", Mode.ACT, (FREE, CALL))
    return replace(plain, ladders={**plain.ladders, ladder.name: ladder})


@pytest.fixture
def village() -> Village:
    made = Village(topology())
    made.gates = Freeing(made.cluster, made.diary)
    made._put_together()
    return made


def fill(village: Village, mountpoint: str = "/data") -> Alert:
    labels = {"failure_domain": "rack-1", "mountpoint": mountpoint, "heal": "free-disk"}
    fired = alert("FilesystemAlmostFull", "web1", began=village.clock.wall(), **labels)
    fired = replace(fired, fingerprint=f"full:{mountpoint}")
    village.cluster.down.add(fired.target)
    village.alertmanagers.alerts.append(fired)
    return fired


def orders(village: Village) -> list[str]:
    return [line for line in village.diary if line.startswith("gate ")]


async def test_a_full_disk_is_freed_and_proved(village):
    async with village.armed():
        fill(village)
        await asyncio.sleep(30)
    assert orders(village) == [FREED]
    assert str(village.incident().target) == "web1:/data"
    assert village.incident().outcome == "healed"


async def test_what_stays_full_is_a_persons(village):
    village.gates.cures = False
    async with village.armed():
        fill(village)
        await asyncio.sleep(60)
    assert orders(village) == [FREED]
    assert village.incident().state is State.ESCALATED


async def test_two_full_disks_of_a_node_are_two_troubles(village):
    async with village.armed():
        fill(village, "/data")
        fill(village, "/")
        await asyncio.sleep(60)
    assert sorted(orders(village)) == ["gate web1 disk.free /", FREED]
    assert [village.incident(n).outcome for n in (1, 2)] == ["healed", "healed"]


@pytest.mark.parametrize("first", ["cause", "symptom"])
async def test_a_service_that_dies_of_a_full_disk_is_one_incident_whoever_is_heard_first(
    village, first
):
    async with village.armed():
        for what in (fill, Village.fail) if first == "cause" else (Village.fail, fill):
            what(village)
            await asyncio.sleep(0.1)
            village.engine.wake()
        await asyncio.sleep(3)
        assert village.journal.board.opened == 1
        assert village.incident().cause.name == "FilesystemAlmostFull"
        village.mend()  # with room on its disk it serves again
        await asyncio.sleep(60)
    assert FREED in orders(village)
    assert village.journal.board.opened == 1
    assert village.incident().state is State.CLOSED


def test_the_last_rung_is_a_person():
    assert topology().ladders["free-disk"].rungs[-1].action == PERSON
