"""A member that cannot be repaired goes out of every pool, waits for a person there, and comes back by itself."""

import asyncio
from dataclasses import replace

import pytest

from healer.core import events as ev
from healer.core.alert import Alert, Target
from healer.core.attempt import Outcome
from healer.core.ladder import Ladder, Mode, Window
from healer.core.maintenance import Maintenance
from healer.core.order import Ended
from healer.core.picture import SeenMark
from healer.core.states import State
from tests.healer.core.world import CALL, NOW, alert
from tests.healer.test_disk import FREE
from tests.healer.tier import DRAIN, candidates, tier
from tests.healer.village import TOLD, Village

pytestmark = pytest.mark.looptime(start=0)

OUT = ["gate lb1 pool.drain web1 web", "gate lb2 pool.drain web1 web"]
BACK = ["gate lb1 pool.return web1 web", "gate lb2 pool.return web1 web"]
ALL_WEEK = Window("all", frozenset(range(7)), 0, 24 * 60)
BOTH = {("lb1", "web/web1"), ("lb2", "web/web1")}


@pytest.fixture
def village() -> Village:
    """A tier in which nginx cannot be restarted, since its configuration is broken."""
    made = Village(tier())
    made.gates.refuse["service.restart"] = "config_check"
    return made


def orders(village: Village) -> list[str]:
    return [line for line in village.diary if line.startswith("gate ")]


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
    assert "canary_first" in [event.hold.reason for event in village.written(ev.IncidentHeld)]
    assert [village.hold(number) for number in (1, 2, 3)] == ["canary_failed"] * 3


async def test_a_balancer_that_is_dead_counts_as_out_and_is_set_when_it_returns(village):
    village.cluster.dark.add("lb1")
    async with village.armed():
        village.fail()
        await asyncio.sleep(60)
        assert orders(village) == [TOLD, OUT[1]]
        assert village.incident().state is State.MITIGATED
        village.cluster.dark.clear()
        await asyncio.sleep(30)
        assert orders(village) == [TOLD, OUT[1], OUT[0]]
        assert village.incident().state is State.MITIGATED


async def test_a_balancer_whose_gate_alone_is_silent_is_waited_for(village):
    village.cluster.deaf.add("lb2")
    async with village.armed():
        village.fail()
        await asyncio.sleep(60)
        assert orders(village) == [TOLD, OUT[0]]
        assert (village.incident().state, village.hold()) == (State.HELD, "gate_silent")


async def test_a_mark_on_a_node_that_is_away_keeps_the_incident_open_until_it_is_taken_back(
    village,
):
    async with village.armed():
        village.fail()
        await asyncio.sleep(30)
        village.cluster.dark.add("lb1")
        village.mend()
        await asyncio.sleep(60)
        assert orders(village)[3:] == [BACK[1]]
        assert village.incident().state is not State.CLOSED
        village.cluster.dark.clear()
        await asyncio.sleep(30)
    assert orders(village)[3:] == [BACK[1], BACK[0]]
    assert village.incident().state is State.CLOSED


async def test_what_the_gate_will_not_drain_is_a_persons(village):
    village.gates.refuse["pool.drain"] = "last_member"
    async with village.armed():
        village.fail()
        await asyncio.sleep(30)
    assert village.incident().state is State.ESCALATED
    assert village.incident().escalation == "last_member"


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


async def test_a_mark_whose_end_was_not_heard_counts_as_set_and_is_taken_back(village):
    village.gates.mute = True
    async with village.armed():
        village.fail()
        await asyncio.sleep(10)
        village.gates.mute = False
        await asyncio.sleep(30)
        village.mend()
        await asyncio.sleep(60)
    assert village.cluster.drained == set()
    assert village.incident().state is State.CLOSED


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
        assert len(village.written(ev.IncidentMitigated)) == 1


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


async def test_a_balancer_whose_gate_is_silent_keeps_no_other_waiting(village):
    village.cluster.deaf.add("lb1")
    async with village.armed():
        village.fail()
        await asyncio.sleep(60)
        assert orders(village) == [TOLD, OUT[1]]
        assert (village.incident().state, village.hold()) == (State.HELD, "gate_silent")
        village.cluster.deaf.clear()
        await asyncio.sleep(30)
        assert village.incident().state is State.MITIGATED


async def test_a_gate_that_is_busy_is_asked_again_and_the_rung_is_not_spent(village):
    village.gates.refuse["pool.drain"] = "busy"
    async with village.armed():
        village.fail()
        while len(orders(village)) < 3:
            await asyncio.sleep(0.1)
        del village.gates.refuse["pool.drain"]
        await asyncio.sleep(60)
        assert village.incident().state is State.MITIGATED
        assert village.cluster.drained == BOTH


async def test_a_gate_that_is_busy_five_times_in_a_row_is_a_persons(village):
    village.gates.refuse["pool.drain"] = "busy"
    async with village.armed():
        village.fail()
        await asyncio.sleep(300)
    assert len(orders(village)) == 6
    assert (village.incident().state, village.incident().escalation) == (State.ESCALATED, "busy")


# --- Absence ---------------------------------------------------------------------------------


def away(**changes: float):
    """The tier with a ladder that only takes a member out, as a failing disk asks for."""
    plain = tier(**changes)
    ladder = Ladder("move-away", Mode.ACT, (DRAIN, CALL))
    return replace(plain, ladders={**plain.ladders, ladder.name: ladder})


def disk(village: Village, **labels: str) -> Alert:
    """A disk of web1 that fails, by a rule of its own whose proof is that the exporter answers."""
    domain = village.topology.nodes["web1"].failure_domain
    given = {"failure_domain": domain, "heal": "move-away", "failure": "disk", **labels}
    found = alert("DiskFailing", "web1", began=village.clock.wall(), **given)
    village.cluster.down.add(found.target)
    village.alertmanagers.alerts.append(found)
    return found


async def test_a_disk_whose_figures_are_gone_is_not_well_and_its_member_stays_out():
    village = Village(away())
    async with village.armed():
        disk(village)
        await asyncio.sleep(60)
        assert (village.incident().state, village.cluster.drained) == (State.MITIGATED, BOTH)
        village.prometheus.vanished.add(Target("web1"))
        await asyncio.sleep(3600)
        assert (village.incident().state, village.cluster.drained) == (State.MITIGATED, BOTH)
        assert village.hold() == "no_sample"
        told = village.alertmanagers.posted[-1]
        assert dict(told.labels)["alertname"] == "HealerMitigated"
        assert "no fresh samples" in dict(told.annotations)["description"]
        assert len(village.written(ev.IncidentHeld)) <= 3  # what does not change is written once
        # The new disk tells that it is well: then all comes back by itself.
        village.mend("web1")
        village.prometheus.vanished.clear()
        await asyncio.sleep(60)
    assert (village.incident().outcome, village.cluster.drained) == ("cleared", set())


async def test_a_person_who_replaced_the_disk_gives_the_member_back_by_closing():
    village = Village(away())
    async with village.armed():
        disk(village)
        await asyncio.sleep(60)
        village.prometheus.vanished.add(Target("web1"))
        await asyncio.sleep(60)
        assert not await village.operators.close(
            "1", "replaced the disk, it has another name", "ann"
        )
        await asyncio.sleep(60)
    assert (village.incident().outcome, village.cluster.drained) == ("by_hand", set())


async def test_hardware_that_nothing_tells_of_any_more_is_a_persons_though_nothing_was_done():
    village = Village(away(floor=3))  # none can be spared
    async with village.armed():
        disk(village)
        await asyncio.sleep(60)
        assert village.hold() == "capacity"
        village.prometheus.vanished.add(Target("web1"))
        await asyncio.sleep(300)
        assert (village.incident().state, village.hold()) == (State.HELD, "no_sample")
        village.mend("web1")
        village.prometheus.vanished.clear()
        await asyncio.sleep(60)
    assert village.incident().outcome == "cleared"


# --- Gates of later rungs --------------------------------------------------------------------


async def test_the_next_rungs_gates_are_asked_where_the_first_leads_nowhere(village):
    async with village.armed():
        village.gates.looks.clear()
        village.fail()
        village.vanish("web1")
        await asyncio.sleep(60)
        assert village.cluster.drained == BOTH
        assert orders(village) == OUT
        assert village.incident().state is State.MITIGATED


async def test_balancers_are_asked_nothing_while_the_first_rung_is_possible(village):
    async with village.armed():
        village.gates.looks.clear()
        village.gates.holds = ("a person looks",)
        village.fail()
        await asyncio.sleep(10)
        assert {node for node, _ in village.gates.looks} == {"web1"}
