"""One action carried through: durable first, sent once, and ended by nobody's word but the gate's."""

import asyncio

import pytest

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.attempt import Attempt, Outcome
from healer.core.decide import decide
from healer.core.decision import Act
from healer.core.incident import Incident
from healer.core.order import Ended, Order
from healer.core.states import State
from healer.errors import LeaseLost, OutcomeUnknown, StoreFull, Unreachable
from healer.runner import GRACE
from tests.healer.fake_gates import FakeGates
from tests.healer.village import TOLD, Village

pytestmark = pytest.mark.looptime(start=0)


class UnsureGates(FakeGates):
    """Raise what a test says instead of answering a request."""

    error: Exception | None = None

    async def act(self, order):
        if self.error is not None:
            raise self.error
        return await super().act(order)


@pytest.fixture
def village() -> Village:
    made = Village()
    made.gates = UnsureGates(made.cluster, made.diary)
    made._put_together()
    return made


async def decided(village: Village) -> Act:
    """Let nginx on web1 fail and every guard allow its restart."""
    await village.journal.write(ev.Armed("first_look", ()))
    await asyncio.sleep(1)
    fired = village.fail()
    village.watch.look_at_clock()
    village.watch.sight = await village.alertmanagers.read()
    await village.journal.write(ie.IncidentOpened("1", fired, "restart-service", "d1"))
    facts = await village.gatherer.read(village.incident(), village.watch.standing())
    decision = decide(village.incident(), facts, None)
    assert isinstance(decision, Act)
    return decision


async def intended(village: Village) -> tuple[Act, Attempt]:
    decision = await decided(village)
    return decision, await village.engine._runner.intend(decision)


async def carried(village: Village) -> Attempt:
    """Intend, send, and return the attempt as it ended."""
    await village.engine._runner.carry_out(*await intended(village))
    return last(village)


def last(village: Village) -> Attempt:
    return village.incident().attempts[-1]


async def test_an_end_that_is_on_record_already_is_not_written_again_and_ends_nobody(village):
    decision, attempt = await intended(village)
    first = ie.ActionEnded("1", attempt.action_id, Outcome.UNKNOWN, "settled", "", None)
    await village.journal.write(first)
    await village.engine._runner.carry_out(decision, attempt)
    assert (last(village).reason, village.kinds.count("ActionEnded")) == ("settled", 1)


# --- Before anything is sent ----------------------------------------------------------------


async def test_the_intent_says_all_that_the_gate_will_be_asked(village):
    decision, attempt = await intended(village)
    (written,) = village.written(ie.ActionIntended)
    await village.engine._runner.carry_out(decision, attempt)
    (order,) = village.gates.orders
    assert (order.action_id, order.node, order.verb, order.args, order.expect) == (
        written.action_id,
        written.gate,
        written.action,
        written.args,
        written.expect,
    )
    assert written.deadline_at == village.clock.wall() + order.deadline_seconds
    assert all(verdict.allowed for verdict in written.verdicts)


async def test_where_the_intent_cannot_be_written_nothing_is_sent(village):
    decision = await decided(village)
    village.store.full = True
    with pytest.raises(StoreFull):
        await village.engine._runner.intend(decision)
    assert village.gates.orders == []
    assert village.incident().state is State.OPEN


async def test_a_lease_that_ran_out_before_sending_ends_everything_and_writes_nothing(village):
    village.gates.error = LeaseLost("1.5 s more, 2 s are wanted")
    decision, attempt = await intended(village)
    written = len(village.store.records)
    with pytest.raises(LeaseLost):
        await village.engine._runner.carry_out(decision, attempt)
    assert len(village.store.records) == written
    assert last(village).outcome is None


async def test_what_never_left_is_not_sent_and_may_be_tried_again(village):
    village.gates.error = Unreachable("web1: no route to host")
    attempt = await carried(village)
    assert (attempt.outcome, attempt.reason) == (Outcome.NOT_SENT, "gate_silent")
    assert attempt.detail == "web1: no route to host"
    assert village.incident().state is State.OPEN


# --- The end --------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [Outcome.DONE, Outcome.FAILED, Outcome.REFUSED])
async def test_the_gates_word_is_journalled_as_it_is(village, outcome):
    village.gates.ended = Ended(outcome, "word", "what systemd said")
    attempt = await carried(village)
    assert (attempt.outcome, attempt.reason, attempt.detail) == (
        outcome,
        "word",
        "what systemd said",
    )


async def test_the_end_has_prometheus_own_time_so_that_older_samples_prove_nothing(village):
    attempt = await carried(village)
    assert attempt.prometheus_at == village.clock.wall()


async def test_without_prometheus_the_end_has_no_time_to_compare_with(village):
    decision, attempt = await intended(village)
    village.prometheus.silent = True
    await village.engine._runner.carry_out(decision, attempt)
    assert last(village).prometheus_at is None


async def test_a_full_disk_does_not_lose_the_end(village):
    decision, attempt = await intended(village)
    village.store.reserve_gone = True
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(village.engine._runner.carry_out(decision, attempt))
        await asyncio.sleep(30)
        assert last(village).outcome is None
        village.store.reserve_gone = False
    assert last(village).outcome is Outcome.DONE
    assert village.diary.count(TOLD) == 1


# --- The end was not heard ------------------------------------------------------------------


async def test_what_the_gate_never_got_is_voided_by_asking(village):
    village.gates.error = OutcomeUnknown("web1: the session ended")
    attempt = await carried(village)
    assert (attempt.outcome, attempt.reason) == (Outcome.NOT_SENT, "voided")


async def test_a_gate_that_cannot_be_asked_is_given_until_the_deadline_and_a_grace(village):
    village.gates.mute, village.gates.running = True, True
    decision, attempt = await intended(village)
    await village.engine._runner.carry_out(decision, attempt)
    waited = village.clock.wall() - attempt.began_at
    assert 30 + GRACE < waited <= 30 + GRACE + 1.5
    ended = last(village)
    assert (ended.outcome, ended.detail) == (Outcome.UNKNOWN, "it still runs")
    assert village.diary.count(TOLD) == 1
    assert village.incident().state is State.VERIFYING


async def test_long_after_the_deadline_the_gate_is_asked_once_before_it_counts_as_unknown(village):
    """A healer that was away for an hour still asks first."""
    decision, attempt = await intended(village)
    await village.gates.act(_order(decision, attempt))
    await asyncio.sleep(3600)
    await village.engine._runner.settle(village.incident())
    assert last(village).outcome is Outcome.DONE
    assert village.diary.count(f"settle web1 {attempt.action_id}") == 1


async def test_an_end_that_was_asked_for_goes_to_the_incident_whose_action_it_was(village):
    await intended(village)
    before: Incident = village.incident()
    await village.engine._runner.settle(before)
    assert last(village).action_id == before.attempts[-1].action_id
    assert last(village).outcome is Outcome.NOT_SENT


def _order(decision: Act, attempt: Attempt) -> Order:
    return Order(
        attempt.action_id,
        attempt.gate,
        attempt.action,
        attempt.args,
        decision.expect,
        decision.proposal.rung.deadline_seconds,
    )
