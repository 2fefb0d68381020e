"""Facts that wait for their turn get older, and what is begun on them must be as things are now."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.alert import Alert, Target
from healer.core.facts import Evidence
from healer.core.ladder import Mode
from healer.core.order import Ended, Order, Sight
from healer.core.topology import Group, Node, Service, Topology
from healer.listening import Listener
from tests.healer.fake_cluster import FakePrometheus
from tests.healer.fake_gates import FakeGates
from tests.healer.fakes import FakeStore
from tests.healer.pager import FakeAlertmanagers
from tests.healer.tier import tier
from tests.healer.village import Village, simple

pytestmark = pytest.mark.looptime(start=0)


def with_alone(plain: Topology, names: Sequence[str]) -> Topology:
    """The topology with nodes that stand alone, each with a service and a group of its own."""
    nodes = {
        name: Node(name, f"10.0.2.{place}", f"rack-{name}") for place, name in enumerate(names)
    }
    groups = {name: Group(name, (name,), 0, control=False, mode=Mode.ACT) for name in names}
    services = {f"s-{name}": Service(f"s-{name}", f"s-{name}.service", name) for name in names}
    return replace(
        plain,
        nodes={**plain.nodes, **nodes},
        groups={**plain.groups, **groups},
        services={**plain.services, **services},
    )


class Slow(FakeAlertmanagers):
    """Alertmanagers that answer only just in time."""

    async def read(self, missed: frozenset[str] = frozenset()) -> Sight:
        await asyncio.sleep(4.5)
        return await super().read(missed)


class Asked(FakePrometheus):
    """Notes when it was asked last for the evidence about each node."""

    async def evidence(self, alert: Alert, metric: str) -> Evidence:
        self.asked[alert.target.node] = self.cluster.clock.wall()
        return await super().evidence(alert, metric)


class Aged(FakeGates):
    """Notes how old the evidence for each order was."""

    async def act(self, order: Order) -> Ended:
        self.ages.append(self.cluster.clock.wall() - self.asked[order.node])
        return await super().act(order)


async def test_behind_a_slow_alertmanager_the_last_of_many_acts_on_facts_as_fresh_as_the_first():
    names = [f"n{place}" for place in range(12)]
    village = Village(with_alone(simple(), names))
    village.alertmanagers = Slow(village.cluster, village.diary)
    village.prometheus, village.gates = Asked(village.cluster), Aged(village.cluster, village.diary)
    village.prometheus.asked = village.gates.asked = {}
    village.gates.ages = []
    async with village.alive():
        await asyncio.sleep(10)
        for name in names:
            village.fail(f"{name}/s-{name}", group=name)
        await asyncio.sleep(120)
    assert len(village.gates.ages) == len(names)
    assert max(village.gates.ages) <= 2.0


class Told(FakeGates):
    """Notes for each order how old the last word of the Alertmanager is that answers."""

    async def act(self, order: Order) -> Ended:
        self.ages.append(self.cluster.clock.boottime() - self.alertmanagers.said_at)
        return await super().act(order)


async def test_nobody_waits_for_the_alertmanager_of_a_dead_node_while_the_others_word_grows_old():
    village = Village()
    village.gates = Told(village.cluster, village.diary)
    village.gates.ages, village.gates.alertmanagers = [], village.alertmanagers
    async with village.armed():
        village.alertmanagers.away, village.alertmanagers.patience = "web3", 5.0
        village.vanish("web3")
        await asyncio.sleep(20)
        village.fail()
        await asyncio.sleep(10)
    (age,) = village.gates.ages
    assert age <= 0.1


async def test_a_word_that_grew_old_beside_a_node_that_is_missed_only_now_is_asked_for_again():
    """While one peer's time-out ran, everybody missed its node: it is done without, and the other's word is old."""
    village = Village()
    village.alertmanagers.away, village.alertmanagers.patience = "web3", 5.0
    listener = Listener(village.alertmanagers, village.watch, village.clock)
    asking = asyncio.create_task(listener.hear())
    await asyncio.sleep(1)
    village.vanish("web3")
    village.watch.look_at_nodes(await village.prometheus.picture(), village.topology)
    await asking
    assert village.watch.complete
    assert village.alertmanagers.said_at == village.clock.boottime()
    assert listener.heard == listener.asked


class SlowIntent(FakeStore):
    """A journal that takes a minute for the first intent."""

    async def append(self, events: Sequence[ev.Event], *, closing: bool = False) -> list[ev.Record]:
        known = any(isinstance(one.event, ie.ActionIntended) for one in self.records)
        if not known and any(isinstance(one, ie.ActionIntended) for one in events):
            self.writing.set()
            await asyncio.sleep(60)
        return await super().append(events, closing=closing)


async def test_who_waited_for_another_decision_takes_nothing_that_cannot_be_spared_any_more():
    plain = with_alone(tier(floor=2), ["db"])
    restart = plain.ladders["restart-service"]
    drain = replace(restart, name="move-away", rungs=restart.rungs[1:])
    village = Village(replace(plain, ladders={drain.name: drain, restart.name: restart}))
    village.store = SlowIntent(village.clock, diary=village.diary)
    village.store.writing = asyncio.Event()
    async with village.armed():
        village.gates.holds = ("a person looks",)
        village.fail("db/s-db", group="db")
        await asyncio.sleep(2)
        village.fail("web1", heal="move-away", failure="disk")  # and it serves still
        await asyncio.sleep(60)
        assert (village.hold(1), village.hold(2)) == ("gate_hold", "gate_hold")
        village.gates.holds = ()
        await village.store.writing.wait()
        await asyncio.sleep(30)
        village.cluster.down.add(Target("web2", "nginx"))  # of three one would be left
        await asyncio.sleep(60)
        assert village.hold(2) == "capacity"
    assert [order.node for order in village.gates.orders] == ["db"]


async def test_a_silence_that_comes_while_one_waits_for_the_alertmanagers_comes_in_time():
    village = Village()
    village.alertmanagers = Slow(village.cluster, village.diary)
    async with village.alive():
        await asyncio.sleep(10)
        village.fail()
        while not village.gates.looks:
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)  # they are asked once more now, and have not answered
        village.alertmanagers.silence()
        await asyncio.sleep(20)
        assert village.hold() == "silenced"
    assert village.gates.orders == []
