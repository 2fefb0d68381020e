"""What counts as proof that an action helped, and for how long it is waited for."""

from dataclasses import replace

import pytest

from healer.core.attempt import Attempt, Outcome
from healer.core.facts import Reading
from healer.core.footprint import NOTHING
from healer.core.ladder import Verification
from healer.core.verification import (
    BLIND_SECONDS,
    FULL_LOOK_SECONDS,
    LEFT_TO_OTHERS,
    STRICTEST,
    NotVerified,
    Proof,
    Verified,
    Wait,
    spec_of,
    verify,
)
from tests.healer.core.world import NOW, RESTART, VERIFY, alert

ENDED = Attempt(
    action_id="1.1.1",
    ladder="restart-service",
    rung=0,
    action="service.restart",
    target=alert().target,
    gate="web1",
    args=(("unit", "nginx.service"),),
    footprint=NOTHING,
    about=alert().target,
    ledger_id="ledger-1",
    began_at=NOW - 5,
    deadline_at=NOW + 25,
    ended_at=NOW,
    prometheus_at=NOW,
    outcome=Outcome.DONE,
)
DRAINED = Verification("hale:pool_member_up", 0.0, within_seconds=20.0, soak_seconds=3.0)
WELL = Reading(1.0, NOW + 1, NOW + 2)
BAD = replace(WELL, value=0.0)


def look(
    proof: Proof,
    waited: float = 1.0,
    attempt: Attempt = ENDED,
    spec: Verification = VERIFY,
    soaked: float | None = None,
) -> str:
    """Return what one look is judged to be, with its word where it lacks something."""
    match verify(spec, attempt, proof, soaked, waited):
        case Verified():
            return "verified"
        case NotVerified(reason):
            return f"failed: {reason}"
        case Wait(True):
            return "soaks"
        case Wait(False, missing):
            return f"waits: {missing.split(':')[0]}"


@pytest.mark.parametrize(
    ("seen", "lacks"),
    [
        (Proof(None, None), "no_answer"),
        (Proof(Reading(None, None, NOW + 2), None), "no_sample"),
        (
            Proof(replace(WELL, sampled_at=NOW), None),
            "old_sample",
        ),  # at the very end proves nothing
        (Proof(BAD, None), "still_bad"),
        (Proof(WELL, False), "outside_probe"),
        (Proof(WELL, True, None), "alarms_unknown"),
        (Proof(WELL, True, ("ServiceDown",)), "new_alarm"),
    ],
)
def test_a_look_that_lacks_anything_is_waited_out(seen: Proof, lacks: str) -> None:
    assert look(seen) == f"waits: {lacks}"
    assert look(seen, waited=1000.0) == f"failed: {lacks}"


@pytest.mark.parametrize("gone", ["value", "sampled_at"])
def test_half_a_sample_is_none(gone: str) -> None:
    assert look(Proof(replace(WELL, **{gone: None}), None)) == "waits: no_sample"


def test_no_sample_is_from_after_an_action_of_which_nobody_knows_when_it_ended() -> None:
    assert look(Proof(WELL, None), attempt=replace(ENDED, prometheus_at=None)) == (
        "waits: old_sample"
    )


@pytest.mark.parametrize(("soaked", "said"), [(None, "soaks"), (2.9, "soaks"), (3.0, "verified")])
def test_what_is_well_has_to_stay_so_for_its_soak(soaked: float | None, said: str) -> None:
    assert look(Proof(WELL, True), soaked=soaked) == said


@pytest.mark.parametrize(
    ("seen", "lookback", "patience"),
    [
        (Proof(WELL, False), 0.0, 20.0),
        (Proof(WELL, False), 300.0, 20.0),  # the probe does not look back
        (Proof(None, None), 0.0, 20.0 + BLIND_SECONDS),
        (Proof(WELL, None, None), 300.0, 20.0 + BLIND_SECONDS),
        (Proof(BAD, None), 0.0, 20.0),
        (Proof(BAD, None), 300.0, 300.0 + FULL_LOOK_SECONDS),
        (Proof(BAD, None, (), {VERIFY.metric: 60.0}), 0.0, 60.0 + FULL_LOOK_SECONDS),
        (Proof(BAD, None, ("Slow",), {"Slow": 60.0}), 0.0, 20.0),
        (Proof(WELL, None, ("Slow",), {"Slow": 60.0}), 0.0, 60.0 + FULL_LOOK_SECONDS),
        (Proof(WELL, None, ("Slow", "Down"), {"Slow": 60.0}), 0.0, 20.0),
        (Proof(WELL, None, ("Slow", "Late"), {"Slow": 60.0, "Late": 90.0}), 0.0, 90.0),
    ],
)
def test_what_looks_back_is_waited_out_until_its_window_holds_nothing_of_before(
    seen: Proof, lookback: float, patience: float
) -> None:
    spec = replace(VERIFY, lookback_seconds=lookback)
    assert look(seen, waited=patience - 0.1, spec=spec).startswith("waits")
    assert look(seen, waited=patience, spec=spec).startswith("failed")


def test_no_window_shortens_the_time_that_the_rung_allows() -> None:
    patient = replace(VERIFY, within_seconds=100.0, lookback_seconds=1.0)
    assert look(Proof(BAD, None), waited=99.9, spec=patient) == "waits: still_bad"


@pytest.mark.parametrize(
    ("action", "outcome", "reason", "said"),
    [
        ("pool.return", Outcome.DONE, LEFT_TO_OTHERS, "verified"),
        ("pool.return", Outcome.DONE, "", "waits: still_bad"),
        ("service.restart", Outcome.DONE, LEFT_TO_OTHERS, "waits: still_bad"),
        ("pool.drain", Outcome.UNKNOWN, "", "failed: unknown"),
        ("pool.drain", Outcome.DONE, "", "waits: still_bad"),
        ("service.restart", Outcome.UNKNOWN, "", "waits: still_bad"),
        ("address.accept", Outcome.DONE, "", "verified"),
        ("address.accept", Outcome.UNKNOWN, "", "waits: still_bad"),
    ],
)
def test_the_gates_word_is_taken_only_where_nothing_outside_could_tell(
    action: str, outcome: Outcome, reason: str, said: str
) -> None:
    tried = replace(ENDED, action=action, outcome=outcome, reason=reason)
    assert look(Proof(BAD, None), attempt=tried) == said


@pytest.mark.parametrize(
    ("action", "told", "asked"),
    [
        ("service.restart", VERIFY, VERIFY),
        ("service.restart", STRICTEST, STRICTEST),
        ("pool.drain", DRAINED, DRAINED),
        ("pool.return", DRAINED, replace(DRAINED, want=1.0)),
        ("pool.return", replace(DRAINED, want=1.0), DRAINED),
        ("pool.return", STRICTEST, STRICTEST),  # up is never the opposite of what is wanted
        ("pool.return", None, STRICTEST),
    ],
)
def test_a_mark_that_is_taken_back_is_proved_by_the_opposite(
    action: str, told: Verification | None, asked: Verification
) -> None:
    assert spec_of(replace(ENDED, action=action, verify=told), None) == asked


def test_todays_rung_says_what_proves_an_attempt_only_where_the_journal_does_not() -> None:
    today = replace(RESTART, verify=DRAINED)
    assert spec_of(ENDED, today) == DRAINED
    assert spec_of(replace(ENDED, verify=VERIFY), today) == VERIFY
    assert spec_of(ENDED, replace(RESTART, verify=None)) == STRICTEST


RESTORED = replace(
    ENDED, action="files.restore", args=(("backup", "site"),), outcome=Outcome.UNKNOWN
)


@pytest.mark.parametrize(
    ("restored_at", "judged"),
    [
        (None, "waits: no_report"),
        (RESTORED.began_at - 3600, "waits: no_report"),
        (RESTORED.began_at, "waits: no_report"),
        (RESTORED.began_at + 4, "verified"),
    ],
)
def test_a_restore_of_unknown_end_is_proved_by_its_report_and_not_by_a_service_that_served_all_along(
    restored_at: float | None, judged: str
):
    proof = Proof(WELL, True, restored_at=restored_at)
    assert look(proof, attempt=RESTORED, soaked=VERIFY.soak_seconds) == judged
    if judged != "verified":
        late = VERIFY.within_seconds
        assert look(proof, late, attempt=RESTORED, soaked=None) == "failed: no_report"


def test_a_restore_whose_gate_says_that_it_is_done_needs_no_report():
    done = replace(RESTORED, outcome=Outcome.DONE)
    assert look(Proof(WELL, True), attempt=done, soaked=VERIFY.soak_seconds) == "verified"
