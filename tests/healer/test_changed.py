"""cluster.yml is changed while incidents are open: what runs ends under the old one, the new one says what is next."""

import asyncio
from dataclasses import replace

import pytest

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.ladder import Ladder, Mode, Rung, Verification
from healer.core.states import State
from healer.core.topology import Topology
from tests.healer.core.world import CALL, RESTART, VERIFY
from tests.healer.village import TOLD, Village, simple

pytestmark = pytest.mark.looptime(start=0)

OTHER = Verification("hale_peer_up", 1.0, within_seconds=600.0, soak_seconds=300.0)
"""A proof that nobody in this village would ever come to the end of within a test."""

LADDER = "restart-service"


def changed(topology: Topology, *rungs: Rung, mode: Mode = Mode.ACT) -> Topology:
    ladder = Ladder(LADDER, mode, rungs)
    return replace(topology, digest="d2", ladders={**topology.ladders, LADDER: ladder})


def without_service(topology: Topology) -> Topology:
    services = {name: one for name, one in topology.services.items() if name != "nginx"}
    return replace(topology, digest="d2", services=services)


async def until(village: Village, kind: type[ev.Event], count: int = 1) -> None:
    """Wait until so many events of a kind were written."""
    async with asyncio.timeout(300):
        while len(village.written(kind)) < count:
            await asyncio.sleep(0.5)


async def test_what_was_begun_is_proved_as_its_rung_said_when_it_was_begun() -> None:
    village = Village()
    async with village.armed():
        village.fail()
        await until(village, ie.ActionEnded)
    another = changed(village.topology, replace(RESTART, verify=OTHER), CALL)
    async with village.alive(another):
        await asyncio.sleep(30)
    assert village.incident().outcome == "healed"
    (proved,) = village.written(ie.VerificationEnded)
    assert "hale_service_up is 1" in proved.detail  # type: ignore[attr-defined]


async def test_the_next_rung_is_the_new_ladders() -> None:
    village = Village()
    village.gates.cures = False
    async with village.armed():
        village.fail()
        await until(village, ie.ActionEnded)
    told = village.diary.count(TOLD)
    reload = replace(RESTART, action="service.reload", wait_seconds=0.0)
    async with village.alive(changed(village.topology, reload, CALL)):
        await asyncio.sleep(60)
    assert village.diary.count(TOLD) == told
    assert "gate web1 service.reload nginx.service" in village.diary


async def test_a_rung_that_only_moved_gets_no_other_set_of_attempts() -> None:
    village = Village()
    village.gates.cures = False
    (restart, call) = village.topology.ladders[LADDER].rungs
    async with village.armed():
        village.fail()
        await until(village, ie.ActionEnded, restart.attempts)
    reload = replace(restart, action="service.reload", attempts=1)
    async with village.alive(changed(village.topology, reload, restart, call)):
        await asyncio.sleep(120)
    assert village.diary.count(TOLD) == restart.attempts
    assert village.diary.count("gate web1 service.reload nginx.service") == 1
    assert village.incident().escalation == "ladder_exhausted"


async def test_a_ladder_that_is_gone_leaves_its_incident_to_a_person() -> None:
    village = Village(simple(mode=Mode.EXPLAIN))
    async with village.armed():
        village.fail()
        await asyncio.sleep(10)
        assert village.incident().state is State.HELD
    async with village.alive(replace(village.topology, digest="d2", ladders={})):
        await asyncio.sleep(10)
    one = village.incident()
    assert (one.state, one.escalation) == (State.ESCALATED, "ladder_gone")
    assert one.escalation_detail.startswith("cluster.yml has no ladder restart-service any more")


async def test_a_target_that_is_gone_leaves_its_incident_to_a_person_while_it_fires() -> None:
    village = Village(simple(mode=Mode.EXPLAIN))
    async with village.armed():
        village.fail()
        await asyncio.sleep(10)
    async with village.alive(without_service(village.topology)):
        await asyncio.sleep(10)
        one = village.incident()
        assert (one.state, one.escalation) == (State.ESCALATED, "target_gone")
        village.alertmanagers.alerts.clear()
        await asyncio.sleep(30)
    assert village.incident().outcome == "gone"


async def test_a_yes_to_a_rung_is_void_under_another_configuration() -> None:
    village = Village(simple(mode=Mode.APPROVE))
    async with village.armed():
        village.fail()
        await asyncio.sleep(10)
        incident = village.incident()
        # It is said in the last moment before the change, so that nothing has come of it.
        given = ie.ApprovalGiven(
            *(incident.id, LADDER, 0, incident.target, "x", "ann", village.clock.wall() + 900)
        )
        await village.journal.write(given)
        assert village.incident().approvals
    same = village.topology
    async with village.alive(same):
        assert village.incident().approvals
    other = changed(same, replace(RESTART, verify=VERIFY), CALL, mode=Mode.APPROVE)
    async with village.alive(other):
        assert village.incident().approvals == ()
