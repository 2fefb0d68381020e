"""A healer on virtual time, between stand-ins that share one diary: each action once, whatever is heard of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from healer import steps
from healer.core import incident_events as ie
from healer.core.alert import Target
from healer.core.attempt import Outcome
from healer.core.incident import NOT_TRUE, Incident
from healer.core.look import Look
from healer.core.states import State
from healer.errors import Unreachable
from tests.healer.core.world import alert
from tests.healer.fake_gates import FakeGates
from tests.healer.village import A_HEAL, TOLD, Village, simple

pytestmark = pytest.mark.looptime(start=0)


# --- One heal -------------------------------------------------------------------------------


async def test_a_dead_service_is_restarted_once_and_proved():
    village = Village()
    async with village.armed():
        village.fail()
        await asyncio.sleep(20)
    assert village.kinds == A_HEAL
    assert village.incident().outcome == "healed"
    assert [order.args for order in village.gates.orders] == [(("unit", "nginx.service"),)]


async def test_what_will_be_done_is_durable_before_the_gate_hears_of_it():
    village = Village()
    async with village.armed():
        village.fail()
        await asyncio.sleep(20)
    assert village.diary.index(TOLD) == village.diary.index("journal ActionIntended") + 1


async def test_ids_of_two_lives_never_meet():
    village = Village()
    for _ in range(2):
        async with village.armed():
            village.fail()
            await asyncio.sleep(20)
    assert [order.action_id for order in village.gates.orders] == ["1.2.1", "1.3.1"]


async def test_while_nothing_is_wrong_every_service_is_read_each_ten_seconds_and_shown_meanwhile():
    village = Village()
    async with village.armed():
        village.prometheus.pictures.clear()
        await asyncio.sleep(60)
        read = village.prometheus.pictures
        assert (len(read), read.count(True)) == (30, 6)
        assert village.watch.latest is not None
        assert village.watch.latest.serving >= {Target(f"web{n}", "nginx") for n in (1, 2, 3)}


async def test_what_fires_is_placed_and_decided_by_services_that_were_read_since():
    village = Village()
    async with village.armed():
        village.engine.wake()
        await asyncio.sleep(3)  # and the looks at rest began just now
        village.prometheus.pictures.clear()
        village.fail()
        await asyncio.sleep(2)  # until the next, which nobody wakes
    first, *later = village.prometheus.pictures
    assert not first
    assert later
    assert all(later)
    assert village.kinds[:2] == ["IncidentOpened", "ActionIntended"]


async def test_whoever_wakes_the_engine_has_all_services_read_at_once():
    village = Village()
    async with village.armed():
        village.prometheus.pictures.clear()
        village.engine.wake()
        await asyncio.sleep(0.1)
        assert village.prometheus.pictures == [True]


async def test_a_webhook_only_makes_the_next_look_come_sooner():
    village = Village()
    async with village.armed():
        await asyncio.sleep(0.5)  # in the middle between two looks
        village.fail()
        village.engine.wake()
        await asyncio.sleep(0.1)
        assert village.gates.orders


class Hanging(FakeGates):
    """Gates of which web1's takes five seconds to say nothing."""

    async def look(self, node: str, names: Sequence[str]) -> Look:
        if node == "web1":
            await asyncio.sleep(5)
            raise Unreachable("web1: its gate did not answer within 5 s")
        return await super().look(node, names)


class Slow(FakeGates):
    """Gates at which every look takes a while, in which other things become known."""

    seconds = 1.0

    async def look(self, node: str, names: Sequence[str]) -> Look:
        await asyncio.sleep(self.seconds)
        return await super().look(node, names)


async def test_a_gate_that_hangs_keeps_nobody_else_waiting():
    village = Village()
    village.gates = Hanging(village.cluster, village.diary)
    async with village.armed():
        village.fail("web1/nginx")
        village.engine.wake()
        await asyncio.sleep(1)
        assert village.incident().hold is None  # web1's gate is still waited for
        village.fail("web2/nginx")
        village.engine.wake()
        await asyncio.sleep(1)
        assert village.hold(2) == "canary_first"
        assert village.incident().hold is None
        await asyncio.sleep(10)
        assert village.hold() == "gate_silent"


async def test_an_incident_that_holds_behind_a_slow_gate_is_not_looked_at_without_a_pause():
    """A gate that takes half a second at each look is asked once a pause, and not again and again."""

    village = Village()
    village.gates = Slow(village.cluster, village.diary)
    village.gates.seconds = 0.5
    async with village.armed():
        village.gates.holds = ("a disk is replaced",)
        village.fail("web1/nginx")
        await asyncio.sleep(5)
        assert village.hold() == "gate_hold"
        before = len(village.gates.looks)
        await asyncio.sleep(20)
        assert len(village.gates.looks) - before <= 10


@pytest.mark.parametrize(("crowd", "looks"), [(0, range(8, 12)), (100, range(18, 22))])
async def test_in_a_crowd_who_is_held_rests_for_twice_as_long_as_its_step_took(
    crowd: int, looks: range, monkeypatch: pytest.MonkeyPatch
):
    """Looked at each two seconds, its step takes one: so it is every fourth second, where there are many."""
    monkeypatch.setattr(steps, "CROWD", crowd)
    village = Village()
    village.gates = Slow(village.cluster, village.diary)
    async with village.armed():
        village.gates.holds = ("a disk is replaced",)
        village.fail("web1/nginx")
        await asyncio.sleep(10)
        assert village.hold() == "gate_hold"
        before = len(village.gates.looks)
        await asyncio.sleep(40)
        assert len(village.gates.looks) - before in looks
        village.gates.holds = ()
        await asyncio.sleep(10)
        assert len(village.gates.orders) == 1


async def test_of_a_crowd_few_step_at_once_and_those_who_hang_keep_the_others_for_two_seconds_at_most(
    monkeypatch: pytest.MonkeyPatch,
):
    """One by one, the next with the one before: the fifth waits for the first, whose gate takes five seconds."""
    monkeypatch.setattr(steps, "CROWD", 0)
    monkeypatch.setattr(steps, "TOGETHER", 1)
    village = Village(simple(web=5))
    village.gates = Hanging(village.cluster, village.diary)
    async with village.armed():
        for node in range(1, 6):
            village.fail(f"web{node}/nginx")
        village.engine.wake()
        await asyncio.sleep(steps.PACE - 0.1)
        assert {one.target.node for one in _decided(village)} == {"web2"}
        await asyncio.sleep(0.2)
        assert {one.target.node for one in _decided(village)} == {"web2", "web3", "web4", "web5"}


async def test_who_is_over_before_its_turn_in_a_crowd_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(steps, "CROWD", 0)
    monkeypatch.setattr(steps, "TOGETHER", 1)
    monkeypatch.setattr("healer.core.board.KEEP_UNTRUE", 1)
    village = Village(simple(web=5))
    village.gates = Hanging(village.cluster, village.diary)
    async with village.armed():
        for node in range(1, 6):
            village.fail(f"web{node}/nginx")
        village.engine.wake()
        await asyncio.sleep(1)
        over = [one.id for one in village.journal.board.open if one.target.node in ("web4", "web5")]
        for one in over:
            await village.journal.write(ie.IncidentClosed(one, NOT_TRUE, ""))
        assert over[0] not in village.journal.board.incidents
        await asyncio.sleep(2)
        assert {one.target.node for one in _decided(village)} == {"web2", "web3"}


def _decided(village: Village) -> list[Incident]:
    return [one for one in village.journal.board.open if one.hold or one.attempts]


async def test_what_was_read_of_one_cause_decides_nothing_about_another():
    village = Village()
    village.gates = Slow(village.cluster, village.diary)
    async with village.armed():
        first = village.fail("web1/nginx")
        village.engine.wake()
        await asyncio.sleep(0.5)  # its facts are being read
        second = replace(
            first, fingerprint="deeper", labels=alert(at="web1/nginx", failure="disk").labels
        )
        await village.journal.write(ie.CauseReplaced("1", second, "restart-service"))
        await asyncio.sleep(0.7)
        assert village.incident().state is State.OPEN
        assert village.gates.orders == []


async def test_on_a_node_that_nobody_hears_nothing_is_tried_and_a_person_hears_why():
    village = Village()
    village.cluster.dark.add("web1")
    async with village.armed():
        village.fail()
        await asyncio.sleep(20)
    assert not village.gates.orders
    assert [event.reason for event in village.written(ie.IncidentEscalated)] == ["node_gone"]


# --- The end of an action that was not heard ------------------------------------------------


async def test_an_unheard_end_is_asked_for_and_nothing_is_sent_twice():
    village = Village()
    village.gates.mute = True
    async with village.armed():
        village.fail()
        await asyncio.sleep(20)
    assert village.diary.count(TOLD) == 1
    assert village.diary.index("settle web1 1.2.1") > village.diary.index(TOLD)
    assert village.kinds == A_HEAL
    assert village.incident().outcome == "healed"


async def test_a_gate_that_still_works_is_asked_again_until_it_has_ended():
    village = Village()
    village.gates.mute = village.gates.running = True
    async with village.armed():
        village.fail()
        await asyncio.sleep(10)
        assert village.incident().state is State.ACTING
        village.gates.running = False
        await asyncio.sleep(10)
    assert village.diary.count(TOLD) == 1
    assert village.diary.count("settle web1 1.2.1") > 5
    assert village.incident().outcome == "healed"


async def test_a_gate_that_never_answers_again_makes_the_outcome_unknown_and_the_next_try_another_id():
    village = Village()
    village.gates.mute = village.gates.running = True
    village.gates.cures = False
    async with village.armed():
        village.fail()
        await asyncio.sleep(2)
        assert len(village.gates.orders) == 1
        village.cluster.deaf.add("web1")
        await asyncio.sleep(30)
        # Its deadline is over but for the grace: it still counts as under way.
        assert village.incident().state is State.ACTING
        await asyncio.sleep(8)
        assert village.incident().attempts[0].outcome is Outcome.UNKNOWN
        assert village.incident().state is State.VERIFYING
        await asyncio.sleep(20)
        assert village.incident().attempts[0].outcome is Outcome.NOT_VERIFIED
        village.cluster.deaf.clear()
        village.gates.mute = village.gates.running = False
        village.gates.cures = True
        await asyncio.sleep(20)
    assert [order.action_id for order in village.gates.orders] == ["1.2.1", "1.2.2"]
    assert village.incident().outcome == "healed"


async def test_a_request_that_never_left_costs_no_attempt():
    village = Village()
    async with village.armed():
        village.fail()
        village.cluster.deaf.add("web1")
        await asyncio.sleep(6)
        assert village.hold() == "gate_silent"
        village.cluster.deaf.clear()
        await asyncio.sleep(20)
    assert [one.outcome for one in village.incident().attempts] == [Outcome.VERIFIED]


async def test_the_next_life_asks_how_the_last_one_s_action_ended():
    village = Village()
    village.gates.pause = asyncio.Event()
    async with village.armed():
        village.fail()
        await asyncio.sleep(4)
        assert village.incident().state is State.ACTING
    village.mend()  # the gate went on without its healer
    village.gates.pause = None
    async with village.alive():
        await asyncio.sleep(20)
    assert village.diary.count(TOLD) == 1
    assert "settle web1 1.2.1" in village.diary
    assert village.kinds == A_HEAL


async def test_an_action_that_was_intended_and_never_sent_is_voided_and_tried_anew():
    village = Village()
    async with village.armed():
        village.fail()
        await asyncio.sleep(3)
    # As if the healer had died between the two: the journal has it, the gate does not.
    del village.store.records[-1:]
    village.gates.orders.clear()
    village.cluster.down.add(village.incident().target)
    assert isinstance(village.store.records[-1].event, ie.ActionIntended)
    async with village.alive():
        await asyncio.sleep(20)
    outcomes = [one.outcome for one in village.incident().attempts]
    assert outcomes == [Outcome.NOT_SENT, Outcome.VERIFIED]
    assert [order.action_id for order in village.gates.orders] == ["1.3.1"]
