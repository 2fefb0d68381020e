"""How the healer asks a gate what became of an action."""

import pytest

from healer.core.attempt import Outcome
from healer.core.order import Ended
from healer.errors import Unreachable
from tests.healer.adapters.scripted_gate import HANG, HANG_UP, ScriptedGate, last, welcome
from tests.healer.adapters.test_gates import gates

pytestmark = pytest.mark.looptime


@pytest.mark.parametrize(
    ("state", "ended"),
    [
        ("done", Ended(Outcome.DONE, "r", "d")),
        ("failed", Ended(Outcome.FAILED, "r", "d")),
        ("refused", Ended(Outcome.REFUSED, "r", "d")),
        ("unknown", Ended(Outcome.UNKNOWN, "r", "d")),
        ("voided", Ended(Outcome.NOT_SENT, "r", "d")),
        ("running", None),
    ],
)
async def test_settle_tells_how_an_action_ended(state, ended):
    settled = {"state": state, "reason": "r", "detail": "d", "boot_id": "b1"}
    gate = ScriptedGate(lambda request: [last(request, "done", "settled", settled=settled)])
    assert await gates(gate).settle("web1", "1.3.9", "") == ended
    (sent,) = gate.requests
    assert (sent["verb"], sent["args"], sent["id"]) == ("action.settle", {"id": "1.3.9"}, "1.4.0")


@pytest.mark.parametrize(
    "answer",
    [
        lambda request: [last(request, "unknown", "ledger_unwritable")],
        lambda request: [last(request, "refused", "lower_token")],
        lambda request: [last(request, "done", "settled")],
        lambda request: [b"{}"],
        lambda request: [HANG],
        lambda request: [HANG_UP],
    ],
)
async def test_a_gate_that_cannot_settle_counts_as_not_asked(answer):
    with pytest.raises(Unreachable):
        await gates(ScriptedGate(answer)).settle("web1", "1.3.9", "")


@pytest.mark.parametrize("ledger", ["l2", None])
async def test_a_gate_with_another_ledger_has_forgotten_and_is_not_asked(ledger):
    """It would void the id in good faith, and "never began" would be a lie."""
    gate = ScriptedGate(welcomes=[welcome(ledger_id=ledger)])
    ended = await gates(gate).settle("web1", "1.3.9", "l1")
    assert ended is not None
    assert (ended.outcome, ended.reason) == (Outcome.UNKNOWN, "other_ledger")
    assert (ledger or "unreadable") in ended.detail
    assert gate.requests == []


@pytest.mark.parametrize(("ledger", "known"), [("l1", "l1"), ("l2", ""), (None, "")])
async def test_a_gate_with_the_same_ledger_is_asked_and_so_is_one_of_an_unknown_one(ledger, known):
    settled = {"state": "done", "reason": "r", "detail": "d", "boot_id": "b1"}
    gate = ScriptedGate(
        lambda request: [last(request, "done", "settled", settled=settled)],
        welcomes=[welcome(ledger_id=ledger)],
    )
    assert await gates(gate).settle("web1", "1.3.9", known) == Ended(Outcome.DONE, "r", "d")
