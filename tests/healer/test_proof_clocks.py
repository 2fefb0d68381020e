"""How long a proof lasts, and how long it is waited for, is no matter of the wall clock."""

import asyncio

import pytest

from healer.core import incident_events as ie
from healer.core.attempt import Outcome
from healer.core.states import State
from tests.healer.fakes import LoopClock
from tests.healer.village import Village, simple

pytestmark = pytest.mark.looptime(start=0)


async def until_proved(village: Village) -> None:
    """Wait until an action has ended and its proof is looked for."""
    while "1" not in village.journal.board.incidents or not village.incident().attempts:
        await asyncio.sleep(0.25)
    while village.incident().state is not State.VERIFYING:
        await asyncio.sleep(0.25)


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
async def test_no_soak_is_jumped_over(jump):
    village = Village(simple(soak=30.0))
    village.cluster.clock = LoopClock()  # Prometheus is elsewhere
    async with village.armed():
        village.fail()
        await until_proved(village)
        await asyncio.sleep(4)
        village.clock.now += jump
        await asyncio.sleep(26)
        assert village.incident().state is State.VERIFYING
        # For a minute after the jump nothing is counted; then what is left of the soak.
        await asyncio.sleep(70)
    (proof,) = village.written(ie.VerificationEnded)
    assert proof.verified
    assert 29 <= float(proof.detail.split()[-2]) <= 34


async def test_a_proof_is_awaited_for_its_time_whatever_the_clock_says():
    village = Village()
    village.gates.cures = False
    async with village.armed():
        village.fail()
        await until_proved(village)
        await asyncio.sleep(1)
        village.clock.now += 600
        await asyncio.sleep(15)
        assert village.incident().state is State.VERIFYING
        await asyncio.sleep(70)
        assert village.written(ie.VerificationEnded)[0].reason == "still_bad"


async def test_a_clock_that_was_set_back_keeps_no_proof_and_no_try_waiting():
    village = Village()
    village.gates.cures = False
    village.cluster.clock = LoopClock()
    async with village.armed():
        village.fail()
        await until_proved(village)
        await asyncio.sleep(1)
        village.clock.now -= 7200
        await asyncio.sleep(95)
        assert village.written(ie.VerificationEnded)
        # It was armed anew, so what was tried before is not gone on with until a person says so.
        assert (len(village.gates.orders), village.hold()) == (1, "pre_existing")
        await village.operators.adopt("1", "ann")
        await asyncio.sleep(120)
    assert len(village.gates.orders) == 3
    assert village.incident().escalation == "ladder_exhausted"


async def test_a_gate_that_never_tells_is_asked_no_longer_than_its_deadline_though_the_clock_goes_back():
    village = Village()
    village.gates.mute = village.gates.running = True
    async with village.armed():
        village.fail()
        while not village.gates.orders:
            await asyncio.sleep(0.5)
        village.clock.now -= 86400
        await asyncio.sleep(45)
    (ended,) = village.written(ie.ActionEnded)
    assert (ended.outcome, ended.reason) == (Outcome.UNKNOWN, "gate_silent")


async def test_what_was_begun_in_a_former_life_has_waited_since_then():
    village = Village()
    village.gates.mute = village.gates.running = True
    async with village.armed():
        village.fail()
        while not village.gates.orders:
            await asyncio.sleep(0.5)
    await asyncio.sleep(20)
    async with village.alive():
        await asyncio.sleep(10)
        assert village.incident().state is State.ACTING
        await asyncio.sleep(10)
        assert village.written(ie.ActionEnded)
