"""People stop the healer, let it go on, agree, say no: each word holds for exactly what it was said to."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace

import pytest

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.ladder import Mode, Window
from healer.core.look import Look
from healer.core.maintenance import Maintenance
from healer.core.order import Sight
from healer.core.states import IllegalMove, State
from healer.core.topology import Topology
from healer.engine import AT_ONCE
from healer.errors import Refused
from tests.healer.core.guarded import broken, intent, opened
from tests.healer.core.world import NOW, alert
from tests.healer.fake_gates import FakeGates
from tests.healer.fakes import FakeStore
from tests.healer.pager import FakeAlertmanagers
from tests.healer.tier import tier
from tests.healer.village import ARMED, Village, simple

pytestmark = pytest.mark.looptime(start=0)


async def test_a_freeze_lets_what_runs_end_and_starts_nothing_more():
    village = Village()
    village.gates.pause = asyncio.Event()
    async with village.armed():
        village.fail("web1/nginx")
        await asyncio.sleep(3)
        await village.operators.freeze("moving rack b", "ann")
        village.gates.pause.set()
        village.fail("web2/nginx")
        await asyncio.sleep(60)
    assert village.incident(1).outcome == "healed"
    assert (len(village.gates.orders), village.hold(2)) == (1, "frozen")


async def test_what_fires_when_people_unfreeze_is_pre_existing():
    village = Village()
    async with village.armed():
        await village.operators.freeze("moving rack b", "ann")
        village.fail("web1/nginx")
        await asyncio.sleep(10)
        await village.operators.unfreeze("ann")
        await asyncio.sleep(30)
        assert (village.gates.orders, village.hold(1)) == ([], "pre_existing")
        assert len(village.written(ev.Armed)) == 2
        village.fail("web2/nginx")
        await village.operators.adopt("1", "ann")
        await asyncio.sleep(60)
    assert {order.node for order in village.gates.orders} == {"web1", "web2"}


async def test_what_was_tried_before_people_froze_is_not_gone_on_with_when_they_unfreeze():
    village = Village()
    village.gates.cures = False
    async with village.armed():
        village.fail("web1/nginx")
        while not village.gates.orders:
            await asyncio.sleep(1)
        await village.operators.freeze("it makes it worse", "ann")
        await asyncio.sleep(120)
        await village.operators.unfreeze("ann")
        await asyncio.sleep(60)
        assert (len(village.gates.orders), village.hold()) == (1, "pre_existing")
        village.gates.cures = True
        await village.operators.adopt("1", "ann")
        await asyncio.sleep(60)
    assert (len(village.gates.orders), village.incident().outcome) == (2, "healed")


async def test_what_was_taken_away_before_a_freeze_comes_back_after_it():
    village = Village(tier())
    village.gates.refuse["service.restart"] = "config_check"
    async with village.armed():
        village.fail()
        await asyncio.sleep(30)
        assert village.incident().state is State.MITIGATED
        await village.operators.freeze("moving rack b", "ann")
        await asyncio.sleep(30)
        await village.operators.unfreeze("ann")
        village.mend()
        await asyncio.sleep(60)
    assert (village.incident().outcome, village.cluster.drained) == ("cleared", set())


async def test_a_no_gives_the_incident_to_a_person():
    village = Village(simple(mode=Mode.APPROVE))
    async with village.armed():
        village.fail()
        await asyncio.sleep(5)
        await village.operators.deny("1", "ann")
        await asyncio.sleep(30)
        assert (village.incident().state, village.incident().escalation) == (
            State.ESCALATED,
            "denied",
        )
        with pytest.raises(Refused, match="nothing_to_approve"):
            await village.operators.approve("1", "ann")
    assert village.gates.orders == []


async def test_an_escalated_incident_that_a_person_mends_closes_by_itself():
    village = Village(simple(mode=Mode.APPROVE))
    async with village.armed():
        village.fail()
        await asyncio.sleep(ARMED)
        await village.operators.deny("1", "ann")
        village.mend()
        await asyncio.sleep(20)
    assert village.incident().outcome == "cleared"


class SlowToLook(FakeGates):
    """Gates that look for longer than what Alertmanager was asked for counts as asked for now."""

    async def look(self, node: str, names: Sequence[str]) -> Look:
        await asyncio.sleep(2 * AT_ONCE)
        return await super().look(node, names)


class PersonAtWork(SlowToLook):
    """Gates of nodes that a person silences in the moment in which the healer looks at them."""

    async def look(self, node: str, names: Sequence[str]) -> Look:
        seen = await super().look(node, names)
        self.silence()
        return seen


async def test_a_silence_that_comes_while_the_facts_are_read_comes_in_time():
    village = Village()
    village.gates = PersonAtWork(village.cluster, village.diary)
    village.gates.silence = village.alertmanagers.silence
    async with village.armed():
        village.fail()
        await asyncio.sleep(10)
        assert village.hold() == "silenced"
    assert village.gates.orders == []


async def test_a_held_node_is_left_alone_until_it_is_released():
    village = Village()
    async with village.armed():
        await village.operators.hold("web1", "replacing a fan", "ann", None)
        village.fail("web1/nginx")
        await asyncio.sleep(60)
        assert (village.gates.orders, village.hold()) == ([], "person_hold")
        (gone,) = await village.operators.release("web1", "bob")
        assert (gone.reason, gone.by) == ("replacing a fan", "ann")
        await asyncio.sleep(60)
    assert village.incident().outcome == "healed"


async def test_a_hold_of_one_node_stops_nothing_on_another():
    village = Village()
    async with village.armed():
        await village.operators.hold("web1", "replacing a fan", "ann", None)
        village.fail("web2/nginx")
        await asyncio.sleep(60)
    assert [order.node for order in village.gates.orders] == ["web2"]


async def test_a_hold_lapses_by_itself():
    village = Village()
    async with village.armed():
        await village.operators.hold("web1", "replacing a fan", "ann", 120.0)
        village.fail("web1/nginx")
        await asyncio.sleep(100)
        assert village.hold() == "person_hold"
        assert "(by ann, until 2027-01-15T08:02:03Z)" in village.incident().hold.have
        await asyncio.sleep(60)
    assert village.incident().outcome == "healed"
    with pytest.raises(Refused, match="not_held"):
        await village.operators.release("web1", "ann")


async def test_what_fails_in_a_maintenance_window_is_healed_when_it_closes():
    village = Village(replace(simple(), maintenance=(works_on("web1", ends=NOW + 120),)))
    async with village.armed():
        village.fail("web1/nginx")
        village.fail("web2/nginx")
        await asyncio.sleep(100)
        assert (village.hold(1), village.incident(2).outcome) == ("maintenance", "healed")
        assert [order.node for order in village.gates.orders] == ["web2"]
        await asyncio.sleep(60)
    assert village.incident(1).outcome == "healed"
    assert [order.node for order in village.gates.orders] == ["web2", "web1"]


async def test_a_held_incident_is_told_once_however_long_its_window_is():
    village = Village(replace(simple(), maintenance=(works_on("web1", ends=NOW + 3600),)))
    async with village.armed():
        village.fail("web1/nginx")
        await asyncio.sleep(600)
    assert len(village.written(ie.IncidentHeld)) == 1
    assert {dict(one.labels)["alertname"] for one in village.alertmanagers.posted} == {
        "HealerHolds"
    }
    assert len({one.labels for one in village.alertmanagers.posted}) == 1


def works_on(node: str, ends: float) -> Maintenance:
    hours = Window("kernel", frozenset(range(7)), 0, 24 * 60)
    return Maintenance("kernel", "new kernel", node, frozenset({node}), hours, ends=ends)


async def test_a_hold_outlives_the_healer():
    village = Village()
    async with village.armed():
        await village.operators.hold("web1", "replacing a fan", "ann", None)
    async with village.armed():
        village.fail("web1/nginx")
        await asyncio.sleep(30)
        assert (village.gates.orders, village.hold()) == ([], "person_hold")


async def test_only_a_node_of_the_cluster_can_be_held():
    village = Village()
    with pytest.raises(Refused, match="no node web9; there are mon1, web1"):
        await village.operators.hold("web9", "replacing a fan", "ann", None)
    assert village.store.records == []


def only_drained(**numbers: float) -> Topology:
    """The tier with a ladder that takes a member out at once, and then calls a person."""
    plain = tier(**numbers)
    ladder = plain.ladders["restart-service"]
    return replace(plain, ladders={ladder.name: replace(ladder, rungs=ladder.rungs[1:])})


async def held_by_its_gate(village: Village) -> None:
    """Let web1's nginx fail while a person holds the node at its own gate."""
    village.gates.holds = ("a person looks",)
    village.fail()
    await asyncio.sleep(6)
    assert village.hold() == "gate_hold"


class Meanwhile(FakeAlertmanagers):
    """Alertmanagers that take a second to answer once a gate was looked at, in which a person says something."""

    said: asyncio.Task[None] | None = None

    async def read(self, missed: frozenset[str] = frozenset()) -> Sight:
        village = self.village
        if self.said is None and not village.gates.holds and village.gates.looks:
            self.said = asyncio.create_task(village.operators.deny("1", "ann"))
            await asyncio.sleep(1)
        return await super().read(missed)


async def test_a_no_that_comes_while_silences_are_read_again_is_obeyed():
    village = Village(only_drained())
    village.gates = SlowToLook(village.cluster, village.diary)
    village.alertmanagers = Meanwhile(village.cluster, village.diary)
    village.alertmanagers.village = village
    async with village.armed():
        await held_by_its_gate(village)
        village.gates.looks.clear()
        village.gates.holds = ()
        await asyncio.sleep(30)
        assert (village.incident().state, village.incident().escalation) == (
            State.ESCALATED,
            "denied",
        )
    assert village.gates.orders == []


class SlowDisk(FakeStore):
    """A journal that takes three seconds for what a person says, or for another cause; all others wait."""

    async def append(self, events: Sequence[ev.Event], *, closing: bool = False) -> list[ev.Record]:
        if any(isinstance(one, ie.ApprovalDenied | ie.CauseReplaced) for one in events):
            await asyncio.sleep(3)
        return await super().append(events, closing=closing)


class Overtaken(FakeGates):
    """Gates whose look is the moment in which something else begins to be written."""

    speak: Callable[[], Coroutine[None, None, None]]
    said: asyncio.Task[None] | None = None

    async def look(self, node: str, names: Sequence[str]) -> Look:
        if self.said is None and not self.holds:
            self.said = asyncio.create_task(self.speak())
            await asyncio.sleep(0.1)
        return await super().look(node, names)


def overtaken() -> Village:
    village = Village(only_drained())
    village.store = SlowDisk(village.clock, diary=village.diary)
    village.gates = Overtaken(village.cluster, village.diary)
    return village


async def test_a_no_that_is_being_written_as_the_decision_falls_is_obeyed():
    village = overtaken()
    village.gates.speak = lambda: village.operators.deny("1", "ann")
    async with village.armed():
        await held_by_its_gate(village)
        village.gates.holds = ()
        await asyncio.sleep(30)
        assert village.incident().escalation == "denied"
    assert village.gates.orders == []


async def test_an_action_for_one_cause_is_not_begun_once_a_deeper_one_is_durable():
    village = overtaken()
    domain = village.topology.nodes["web1"].failure_domain
    disk = alert(name="DiskFailing", at="web1", failure="disk", failure_domain=domain)
    told = ie.CauseReplaced("1", disk, "restart-exporter")
    village.gates.speak = lambda: village.journal.write(told)
    async with village.armed():
        await held_by_its_gate(village)
        village.gates.holds = ()
        await asyncio.sleep(6)
        assert village.incident().cause.name == "DiskFailing"
    assert village.gates.orders == []


async def test_what_a_person_said_no_to_stays_theirs_when_a_mark_of_it_was_taken_back():
    village = Village(tier(mode=Mode.APPROVE))
    village.gates.cures = False
    async with village.armed():
        village.fail()
        await asyncio.sleep(30)
        await village.operators.approve("1", "ann")  # the restart, which does not help
        await asyncio.sleep(60)
        await village.operators.approve("1", "ann")  # the drain at the first balancer
        await asyncio.sleep(30)
        await village.operators.deny("1", "ann")  # and no to the second
        before = len(village.gates.orders)
        village.mend()
        while village.cluster.drained:
            await asyncio.sleep(0.5)
        village.fail()  # before it is closed
        await asyncio.sleep(120)
        incident = village.incident()
        assert (incident.state, incident.escalation) == (State.ESCALATED, "denied")
        given_back = [one.verb for one in village.gates.orders[before:]]
        assert given_back == ["pool.return"]
        assert [one.verb for one in village.gates.orders[:before]] == [
            "service.restart",
            "pool.drain",
        ]


def test_nothing_but_a_return_is_begun_while_a_person_has_it():
    world = broken()
    incident = opened(world)
    world.journal(ie.ApprovalDenied(incident.id, 0, "ann"))
    drain = replace(intent("1", incident.target), action="pool.drain")
    with pytest.raises(IllegalMove, match="while a person has it"):
        world.board.check([drain])
    world.board.check([replace(drain, action="pool.return")])


async def test_what_a_person_settled_is_theirs_also_when_it_comes_back_before_all_is_given_back():
    village = Village(tier())
    village.gates.refuse["service.restart"] = "config_check"
    async with village.armed():
        village.fail()
        await asyncio.sleep(60)
        assert village.incident().state is State.MITIGATED
        village.mend()
        await asyncio.sleep(0.5)
        assert not await village.operators.close("1", "replaced it", "ann")
        before = len(village.gates.orders)
        del village.gates.refuse["service.restart"]
        await asyncio.sleep(2)
        village.fail()
        await asyncio.sleep(60)
        incident = village.incident()
        assert (incident.state, incident.escalation) == (State.ESCALATED, "came_back")
        assert {order.verb for order in village.gates.orders[before:]} <= {"pool.return"}
        assert village.cluster.drained  # the other balancer still keeps it away
        village.mend()
        await asyncio.sleep(60)
        assert (village.incident().outcome, village.cluster.drained) == ("by_hand", set())


async def test_adoption_of_what_is_in_our_hands_already_is_refused():
    village = Village()
    village.gates.holds = ("a person looks",)
    async with village.armed():
        village.fail()
        await asyncio.sleep(10)
        assert village.hold() == "gate_hold"
        with pytest.raises(Refused, match=r"not_adoptable.*gate_hold"):
            await village.operators.adopt("1", "ann")
    assert not village.written(ie.IncidentAdopted)
