"""A reboot takes a whole node away: what fires because of it is the same trouble, and it is never done twice."""

import asyncio
from dataclasses import replace

import pytest

from healer.core.alert import Target
from healer.core.attempt import Outcome
from healer.core.ladder import Rung, Verification
from healer.core.order import Ended, Order
from healer.core.states import State
from healer.core.topology import Topology
from healer.errors import OutcomeUnknown
from tests.healer.core.world import alert
from tests.healer.fake_gates import FakeGates
from tests.healer.village import TOLD, Village, simple

pytestmark = pytest.mark.looptime(start=0)

REBOOT = Rung(
    "node.reboot",
    None,
    False,
    120.0,
    Verification("hale_service_up", 1.0, within_seconds=60.0, soak_seconds=3.0),
    attempts=1,
    wait_seconds=5.0,
)
REBOOTED = "gate web1 node.reboot"
BOOT_SECONDS = 20.0


class Bootable(FakeGates):
    """Gates of nodes that are gone for BOOT_SECONDS when told to reboot, and then run what they should."""

    async def act(self, order: Order) -> Ended:
        if order.verb != "node.reboot":
            return await super().act(order)
        self.diary.append(f"gate {order.node} {order.verb}")
        self.orders.append(order)
        self.cluster.dark.add(order.node)
        self.cluster.down.add(Target(order.node))
        asyncio.get_running_loop().call_later(BOOT_SECONDS, self._booted, order.node)
        raise OutcomeUnknown(f"{order.node}: the session ended")

    def _booted(self, node: str) -> None:
        self.cluster.dark.discard(node)
        self.cluster.down = {one for one in self.cluster.down if one.node != node}


def topology() -> Topology:
    """A restart that fails is followed by a reboot."""
    plain = simple(owner_settled=0.0)
    ladder = plain.ladders["restart-service"]
    restart, call = ladder.rungs
    rungs = (replace(restart, attempts=1), REBOOT, call)
    return replace(plain, ladders={**plain.ladders, ladder.name: replace(ladder, rungs=rungs)})


@pytest.fixture
def village() -> Village:
    made = Village(topology())
    made.gates = Bootable(made.cluster, made.diary)
    made.gates.refuse["service.restart"] = "config_check"
    made._put_together()
    return made


def orders(village: Village) -> list[str]:
    return [line for line in village.diary if line.startswith("gate ")]


async def begun(village: Village) -> None:
    """Wait until web1 was told to reboot."""
    async with asyncio.timeout(60):
        while REBOOTED not in orders(village):
            await asyncio.sleep(0.1)


async def test_a_reboot_and_the_alerts_that_it_causes_end_as_one_incident_with_one_ladder(village):
    async with village.armed():
        village.fail()
        await begun(village)
        labels = {"failure_domain": "rack-1", "heal": "none"}
        village.alertmanagers.alerts += [
            alert("NodeDown", "web1", began=village.clock.wall() + 4, **labels),
            alert("ExporterDown", "web1", began=village.clock.wall() + 6, **labels),
        ]
        await asyncio.sleep(60)
    assert orders(village) == [TOLD, REBOOTED]
    assert village.journal.board.opened == 1
    one = village.incident()
    assert (one.state, one.outcome, one.ladder) == (State.CLOSED, "healed", "restart-service")
    assert {symptom.name for symptom in one.symptoms} == {"NodeDown", "ExporterDown"}
    assert not village.alertmanagers.posted


async def test_a_healer_that_dies_in_a_reboot_asks_the_node_afterwards_and_reboots_it_once(village):
    async with village.armed():
        village.fail()
        await begun(village)
    async with village.alive():
        await asyncio.sleep(60)
    assert orders(village) == [TOLD, REBOOTED]
    outcomes = [one.outcome for one in village.incident().attempts]
    assert outcomes == [Outcome.REFUSED, Outcome.VERIFIED]


async def test_a_node_that_does_not_come_back_is_a_persons_and_is_not_rebooted_again(village):
    village.gates._booted = lambda node: None
    async with village.armed():
        village.fail()
        await asyncio.sleep(600)
    assert orders(village) == [TOLD, REBOOTED]
    assert village.incident().state is State.ESCALATED


async def test_while_one_node_boots_no_other_member_is_taken(village):
    async with village.armed():
        village.fail("web1/nginx")
        await begun(village)
        village.fail("web2/nginx")
        await asyncio.sleep(10)
        assert orders(village) == [TOLD, REBOOTED]
        assert village.hold(2) in ("canary_first", "busy", "follows_action")
