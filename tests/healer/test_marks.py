"""A member that cannot be repaired goes out of every pool, waits for a person there, and comes back by itself."""

import asyncio
from dataclasses import replace

import pytest

from healer.core import incident_events as ie
from healer.core.attempt import Outcome
from healer.core.ladder import Ladder, Mode, Window
from healer.core.maintenance import Maintenance
from healer.core.order import Ended
from healer.core.picture import SeenMark
from healer.core.states import State
from tests.healer.core.world import CALL, NOW, alert
from tests.healer.test_disk import FREE
from tests.healer.tier import BACK, BOTH, OUT, broken, candidates, orders, tier
from tests.healer.village import TOLD, Village

pytestmark = pytest.mark.looptime(start=0)

ALL_WEEK = Window("all", frozenset(range(7)), 0, 24 * 60)


@pytest.fixture
def village() -> Village:
    return broken()


async def test_what_a_restart_cannot_cure_goes_out_of_every_pool_and_waits_for_a_person(village):
    async with village.armed():
        village.fail()
        await asyncio.sleep(30)
        assert village.incident().state is State.MITIGATED
        assert orders(village) == [TOLD, *OUT]
        assert village.cluster.drained == BOTH
        about = {"node": "web1", "group": "web", "failure_domain": "rack-1", "service": "nginx"}
        assert village.metrics.registry.get_sample_value(
            "healer_incident_mitigated", about | {"mountpoint": ""}
        )
        await asyncio.sleep(600)
    assert orders(village) == [TOLD, *OUT]  # nothing more is done to it
    told = {dict(one.labels)["alertname"] for one in village.alertmanagers.posted}
    assert told == {"HealerMitigated"}
    severities = {dict(one.labels)["severity"] for one in village.alertmanagers.posted}
    assert severities == {"warning"}


async def test_what_a_person_mended_comes_back_into_every_pool_before_the_incident_is_over(village):
    async with village.armed():
        village.fail()
        await asyncio.sleep(30)
        village.mend()
        await asyncio.sleep(30)
    assert orders(village) == [TOLD, *OUT, *BACK]
    assert village.cluster.drained == set()
    assert (village.incident().state, village.incident().outcome) == (State.CLOSED, "cleared")
    owners = {dict(order.args).get("owner") for order in village.gates.orders[1:]}
    assert owners == {village.incident().owner}


def works_on(node: str, starts: float, ends: float) -> Village:
    """The same tier, with a node that people have announced to work on, in seconds from now."""
    window = Maintenance("kernel", "new kernel", node, frozenset({node}), ALL_WEEK)
    window = replace(window, starts=NOW + starts, ends=NOW + ends)
    made = Village(replace(tier(), maintenance=(window,)))
    made.gates.refuse["service.restart"] = "config_check"
    return made


@pytest.mark.parametrize("node", ["web1", "lb1"])
async def test_what_is_in_maintenance_comes_back_when_its_window_closes(node):
    """A member is not put back while people work on it, nor through a balancer that they work on."""
    village = works_on(node, 33, 93)
    async with village.armed():
        village.fail()
        await asyncio.sleep(30)
        village.mend()
        await asyncio.sleep(55)
        assert orders(village) == [TOLD, *OUT, *([] if node == "web1" else BACK[1:])]
        assert village.incident().state is not State.CLOSED
        assert village.hold() == "maintenance"
        await asyncio.sleep(30)
    assert sorted(orders(village)[3:]) == BACK
    assert (village.incident().state, village.incident().outcome) == (State.CLOSED, "cleared")


async def test_a_member_goes_out_of_a_pool_at_the_balancer_that_nobody_works_on_first():
    village = works_on("lb1", 0, 93)
    async with village.armed():
        village.fail()
        await asyncio.sleep(80)
        assert (orders(village), village.hold()) == ([TOLD, OUT[1]], "maintenance")
        await asyncio.sleep(30)
    assert orders(village) == [TOLD, OUT[1], OUT[0]]
    assert village.incident().state is State.MITIGATED


async def test_what_a_person_took_out_too_stays_out_and_is_asked_for_once(village):
    """The gate's word is the proof there: what HAProxy shows is the person's doing, and no reason to ask again."""
    village.gates.kept.add(("lb1", "web/web1"))
    async with village.armed():
        village.fail()
        await asyncio.sleep(30)
        village.mend()
        await asyncio.sleep(30)
    assert orders(village) == [TOLD, *OUT, *BACK]
    assert village.cluster.drained == {("lb1", "web/web1")}
    assert (village.incident().state, village.incident().outcome) == (State.CLOSED, "cleared")


async def test_those_that_waited_for_a_canary_say_that_it_failed(village):
    async with village.armed():
        for node in ("web1", "web2", "web3"):
            village.fail(f"{node}/nginx")
        await asyncio.sleep(30)
    assert orders(village) == [TOLD]
    assert "canary_first" in [event.hold.reason for event in village.written(ie.IncidentHeld)]
    assert [village.hold(number) for number in (1, 2, 3)] == ["canary_failed"] * 3


async def test_half_a_drain_is_given_back_too_when_the_trouble_is_over(village):
    async with village.armed():
        village.fail()
        while len(orders(village)) < 2:
            await asyncio.sleep(0.1)
        village.gates.refuse["pool.drain"] = "last_member"  # the other balancer sees nobody else
        await asyncio.sleep(30)
        assert village.incident().state is State.ESCALATED
        village.mend()
        await asyncio.sleep(60)
    assert orders(village)[-1] == BACK[0]
    assert village.cluster.drained == set()
    assert village.incident().state is State.CLOSED


async def test_a_drained_member_is_one_that_its_group_can_not_spare_again(village):
    async with village.armed():
        village.fail("web1/nginx")
        await asyncio.sleep(30)
        del village.gates.refuse["service.restart"]
        # web1 serves again, and is still out: of web1, web2 and web3 only two can be counted on.
        village.cluster.drained.add(("lb1", "web/web1"))
        facts = await village.gatherer.read(village.incident(), village.watch.standing())
        assert facts.out_of("web") == {"web1"}


async def test_what_could_not_be_given_back_is_tried_again_slowly_and_calls_a_person_once(village):
    """HAProxy is stopped on one balancer, and somebody starts it again half an hour later."""
    village.gates.stuck = {("lb1", "web/web1")}
    async with village.armed():
        village.fail()
        await asyncio.sleep(30)
        village.mend()
        await asyncio.sleep(1800)
        assert (village.incident().state, village.incident().escalation) == (
            State.ESCALATED,
            "not_returned",
        )
        assert 5 <= orders(village).count(BACK[0]) <= 6  # three at once, then each ten minutes
        village.gates.stuck = set()
        await asyncio.sleep(660)
    assert village.cluster.drained == set()
    assert (village.incident().state, village.incident().outcome) == (State.CLOSED, "cleared")
    called = [one for one in village.alertmanagers.posted if "not_returned" in str(one.annotations)]
    assert [one.over for one in called].count(True) == 1
    assert called[-1].over


async def test_a_member_that_left_the_configuration_is_not_forgotten_while_its_mark_stands(village):
    async with village.armed():
        village.fail()
        await asyncio.sleep(30)
    village.alertmanagers.alerts.clear()
    web = village.topology.groups["web"]
    fewer = {**village.topology.groups, "web": replace(web, nodes=("web2", "web3"))}
    async with village.alive(replace(village.topology, groups=fewer)):
        village.prometheus.marks = {
            SeenMark("pool.drain", "web/web1", gate, "incident", 0.0) for gate in ("lb1", "lb2")
        }
        await asyncio.sleep(600)
        incident = village.incident()
        assert (incident.state, incident.escalation) == (State.ESCALATED, "not_returned")
        assert "web/web1 on lb1, web/web1 on lb2" in incident.escalation_detail
        assert "post HealerEscalation" in village.diary
        village.prometheus.marks = set()  # a person gave it back at both
        await asyncio.sleep(60)
    assert (village.incident().state, village.incident().outcome) == (State.CLOSED, "gone")


async def test_a_candidate_takes_its_address_back_without_holding_it():
    """The other candidate comes first, so the one that declined never holds the address, declined or not."""
    village = Village(candidates())
    async with village.armed():
        await asyncio.sleep(30)
        village.fail("lb2/haproxy", group="lb")
        await asyncio.sleep(60)
        assert village.incident().state is State.MITIGATED
        village.mend("lb2/haproxy")
        await asyncio.sleep(120)
    assert orders(village) == ["gate lb2 address.decline vip", "gate lb2 address.accept vip"]
    assert (village.incident().state, village.incident().outcome) == (State.CLOSED, "cleared")


async def test_killed_at_any_moment_of_a_drain_nothing_is_done_twice_and_all_is_given_back(village):
    for cut in (4.2, 6, 8, 10, 12, 14, 16, 18, 20):
        play = Village(tier())
        play.gates.refuse["service.restart"] = "config_check"
        async with play.armed():
            play.fail()
            await asyncio.sleep(cut)
        async with play.alive():
            await asyncio.sleep(60)
            assert play.cluster.drained == BOTH
            play.mend()
            await asyncio.sleep(60)
        assert play.cluster.drained == set()
        ids = [order.action_id for order in play.gates.orders]
        assert len(ids) == len(set(ids))
        assert play.incident().state is State.CLOSED


async def test_in_approve_mode_a_person_agrees_to_each_balancer_and_to_no_return():
    village = Village(tier(mode=Mode.APPROVE))
    village.gates.refuse["service.restart"] = "config_check"
    async with village.armed():
        village.fail()
        for _ in range(3):
            await asyncio.sleep(2)
            while village.hold() != "approval_needed":
                await asyncio.sleep(0.5)
            await village.operators.approve("1", "ann")
        await asyncio.sleep(10)
        assert village.incident().state is State.MITIGATED
        village.mend()
        await asyncio.sleep(30)
    assert orders(village) == [TOLD, *OUT, *BACK]


async def test_a_person_may_hand_a_mitigated_incident_back_for_another_try(village):
    async with village.armed():
        village.fail()
        await asyncio.sleep(30)
        del village.gates.refuse["service.restart"]
        await village.operators.adopt("1", "ann")
        await asyncio.sleep(60)
    assert orders(village) == [TOLD, *OUT, TOLD, *BACK]
    assert village.cluster.drained == set()
    assert village.incident().state is State.CLOSED


async def test_the_second_repair_in_a_group_counts_the_drained_member_as_gone(village):
    async with village.armed():
        village.fail("web1/nginx")
        await asyncio.sleep(30)
        del village.gates.refuse["service.restart"]
        outcomes = [one.outcome for one in village.incident().attempts]
        assert outcomes == [Outcome.REFUSED, Outcome.VERIFIED, Outcome.VERIFIED]
        assert len(village.written(ie.IncidentMitigated)) == 1


async def test_a_deeper_cause_is_an_incident_of_its_own_where_a_mark_stands(village):
    """The disk is no reason to give the member back: its own trouble lasts until it is seen gone itself."""
    free = Ladder("free-disk", Mode.ACT, (FREE, CALL))
    topology = replace(tier(), ladders={**tier().ladders, free.name: free})
    village = Village(topology)
    village.gates.refuse |= {"service.restart": "config_check", "disk.free": "nothing_to_free"}
    async with village.armed():
        village.fail()
        await asyncio.sleep(30)
        full = alert(
            "FilesystemAlmostFull",
            "web1",
            began=village.clock.wall(),
            heal="free-disk",
            mountpoint="/data",
            failure_domain="rack-1",
        )
        village.cluster.down.add(full.target)
        village.alertmanagers.alerts.append(full)
        await asyncio.sleep(30)
        assert orders(village)[3:] == ["gate web1 disk.free /data"]
        village.cluster.down.discard(full.target)
        await asyncio.sleep(120)
        assert village.incident(2).state is State.CLOSED
        assert village.incident().state is State.MITIGATED
        assert village.cluster.drained == BOTH
        village.mend()
        await asyncio.sleep(60)
    assert village.cluster.drained == set()
    assert village.incident().state is State.CLOSED


async def test_a_drain_of_which_nobody_knows_is_not_proved_by_the_members_death(village):
    village.gates.ended = Ended(Outcome.UNKNOWN, "gate_silent", "it was killed")
    async with village.armed():
        village.fail()
        await asyncio.sleep(120)
        assert village.incident().state is State.ESCALATED
        assert orders(village) == [TOLD, *OUT]
        village.gates.ended = Ended(Outcome.DONE, "returned", "")
        village.mend()
        await asyncio.sleep(60)
    assert orders(village) == [TOLD, *OUT, *BACK]
    assert village.incident().state is State.CLOSED
