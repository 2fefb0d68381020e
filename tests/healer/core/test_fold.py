"""How each event changes its incident, and which events cannot follow."""

from dataclasses import replace

import pytest

from healer.core import incident_events as ie
from healer.core.alert import Alert
from healer.core.attempt import Attempt, Outcome
from healer.core.fold import ends_once, fold, only_gives_back
from healer.core.incident import DENIED, Incident
from healer.core.states import IllegalMove, State
from healer.core.verdict import allow, hold
from tests.healer.core.history import approval, intent
from tests.healer.core.world import NOW, alert

CAUSE, APP = alert(), alert(at="web1/app")
CALLS = hold("capacity", "capacity", have=0, need=1, sentence="web is short.")
PASSES = replace(CALLS, passing=True)
SEEN = (allow("still_true", have=1, need=1),)
AT = NOW + 100


def incident(state: State = State.OPEN, **changes: object) -> Incident:
    plain = Incident("1", CAUSE, "restart-service", NOW, NOW, "d1", state=state)
    return replace(plain, **changes)  # type: ignore[arg-type]


def begun(one: Incident, action: str = "service.restart", number: int = 1) -> Incident:
    return fold(one, replace(intent(one, number), action=action), AT)


def ended(one: Incident, outcome: Outcome = Outcome.DONE) -> Incident:
    last = one.attempts[-1].action_id
    return fold(one, ie.ActionEnded(one.id, last, outcome, "word", "", NOW), AT + 1)


def proved(action_id: str = "1.1.1", *, good: bool, settles: bool = True) -> ie.VerificationEnded:
    return ie.VerificationEnded("1", action_id, good, settles, "word", "detail")


# --- What cannot follow ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "event"),
    [
        (incident(State.CLOSED), ie.AlertJoined("1", APP)),
        (incident(State.CLOSED), approval(incident())),
        (begun(incident()), ie.ActionEnded("1", "1.1.9", Outcome.DONE, "", "", None)),
        (incident(), ie.ActionEnded("1", "1.1.1", Outcome.DONE, "", "", None)),
        (ended(begun(incident())), ie.ActionEnded("1", "1.1.1", Outcome.DONE, "", "", None)),
        (ended(begun(incident())), proved("1.1.9", good=True)),
        (begun(incident()), proved(good=True)),
        (incident(State.MITIGATED), intent(incident())),
        (incident(State.ESCALATED), intent(incident())),
    ],
)
def test_what_cannot_have_happened_is_not_taken_in(one: Incident, event: ie.IncidentEvent) -> None:
    with pytest.raises(IllegalMove, match="incident 1"):
        fold(one, event, AT)


@pytest.mark.parametrize("state", [State.MITIGATED, State.ESCALATED])
@pytest.mark.parametrize("action", ["pool.drain", "pool.return", "address.accept"])
def test_marks_may_be_completed_and_taken_back_after_all_else_is_over(
    state: State, action: str
) -> None:
    assert begun(incident(state), action).state is State.ACTING


@pytest.mark.parametrize(
    ("state", "action", "may"),
    [
        (State.ESCALATED, "pool.return", True),
        (State.ESCALATED, "pool.drain", False),  # an older release may have: it is only not written
        (State.ESCALATED, "service.restart", False),
        (State.OPEN, "service.restart", True),
    ],
)
def test_while_a_person_has_it_only_a_return_is_written(
    state: State, action: str, may: bool
) -> None:
    event = replace(intent(incident()), action=action)
    if may:
        only_gives_back(incident(state), event)
    else:
        with pytest.raises(IllegalMove, match=action):
            only_gives_back(incident(state), event)
    only_gives_back(incident(State.ESCALATED), ie.IncidentAdopted("1", "ann"))


@pytest.mark.parametrize("again", Outcome)
def test_an_action_is_written_to_end_once(again: Outcome) -> None:
    under_way = begun(incident())
    end = ie.ActionEnded("1", "1.1.1", again, "", "", None)
    ends_once(under_way, end)
    for over in (ended(under_way), ended(under_way, Outcome.FAILED)):
        with pytest.raises(IllegalMove, match="not acting"):
            ends_once(over, end)
    ends_once(ended(under_way), proved(good=True))


@pytest.mark.parametrize("again", [Outcome.FAILED, Outcome.REFUSED, Outcome.NOT_SENT])
def test_a_second_end_that_an_older_release_wrote_is_read_as_it_went_on_from_it(
    again: Outcome,
) -> None:
    twice = ended(ended(begun(incident())), again)
    assert (twice.state, [one.outcome for one in twice.attempts]) == (State.OPEN, [again])
    assert begun(twice, number=2).state is State.ACTING


# --- Alerts ---------------------------------------------------------------------------------


def test_an_alert_that_is_known_takes_the_place_of_its_older_self_and_of_no_other() -> None:
    one = incident(symptoms=(APP,))
    newer, cause = replace(APP, began_at=AT), replace(CAUSE, silenced=True)
    for event in (ie.AlertJoined, ie.AlertRenewed):
        assert fold(one, event("1", newer), AT).alerts == (CAUSE, newer)
        assert fold(one, event("1", cause), AT).alerts == (cause, APP)
    other = alert("ServiceSlow")
    assert fold(one, ie.AlertJoined("1", other), AT).alerts == (CAUSE, APP, other)
    assert fold(one, ie.AlertLeft("1", APP), AT).alerts == (CAUSE,)


@pytest.mark.parametrize(
    ("escalation", "after", "why"),
    [("ladder_exhausted", State.OPEN, ""), (DENIED, State.ESCALATED, DENIED)],
)
def test_another_cause_begins_anew_but_for_a_no_and_for_what_was_tried(
    escalation: str, after: State, why: str
) -> None:
    tried = ended(begun(incident()), Outcome.FAILED)
    one = replace(
        tried,
        state=State.ESCALATED,
        escalation=escalation,
        escalation_detail="long ago",
        symptoms=(APP,),
        approvals=fold(incident(), approval(tried), AT).approvals,
        settled_by="ann",
        settlement="moved",
    )
    led = fold(one, ie.CauseReplaced("1", APP, "restart-service"), AT)
    assert led.alerts == (APP, CAUSE)
    assert (led.state, led.escalation) == (after, why)
    assert (led.approvals, led.settled_by, led.settlement, led.confirmed) == ((), None, "", True)
    assert led.attempts == tried.attempts


# --- Holds and yes-es -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "then", "since"),
    [
        (CALLS, CALLS, NOW + 10),  # people have been called for since then
        (PASSES, CALLS, AT),
        (CALLS, PASSES, AT),
        (None, CALLS, AT),
    ],
)
def test_people_are_called_from_the_first_hold_that_calls_them(
    first: object, then: object, since: float
) -> None:
    one = incident()
    if first is not None:
        one = fold(one, ie.IncidentHeld("1", first, ()), NOW + 10)  # type: ignore[arg-type]
    held = fold(one, ie.IncidentHeld("1", then, ()), AT)  # type: ignore[arg-type]
    assert (held.state, held.hold, held.called_at) == (State.HELD, then, since)


def test_what_was_once_found_true_stays_so() -> None:
    found = fold(incident(), ie.IncidentHeld("1", CALLS, SEEN), AT)
    assert found.confirmed
    assert fold(found, ie.IncidentHeld("1", CALLS, ()), AT).confirmed
    assert not fold(incident(), ie.IncidentHeld("1", CALLS, ()), AT).confirmed
    unlike = (
        hold("still_true", "not_true", have=0, need=1, sentence=""),
        allow("armed", have=1, need=1),
    )
    assert not fold(incident(), ie.IncidentHeld("1", CALLS, unlike), AT).confirmed


def test_a_yes_is_good_for_one_action_of_its_rung_and_ladder() -> None:
    one = incident()
    given = [
        replace(approval(one), rung=rung, ladder=ladder)
        for rung, ladder in ((0, "restart-service"), (1, "restart-service"), (0, "other"))
    ]
    for event in given:
        one = fold(one, event, AT)
    left = begun(one)
    assert [(each.rung, each.ladder) for each in left.approvals] == [
        (1, "restart-service"),
        (0, "other"),
    ]
    assert left.confirmed


def test_a_yes_by_a_clock_that_was_set_forward_lapses_no_later() -> None:
    (given,) = fold(incident(), approval(incident()), AT, ahead=3600.0).approvals
    assert (given.given_at, given.until) == (AT - 3600, approval(incident()).until - 3600)


# --- Ends -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("good", "settles", "state", "outcome", "served"),
    [
        (True, True, State.VERIFYING, Outcome.VERIFIED, AT),
        (True, False, State.OPEN, Outcome.VERIFIED, None),  # its cause was replaced meanwhile
        (False, False, State.OPEN, Outcome.NOT_VERIFIED, None),
        (False, True, State.OPEN, Outcome.NOT_VERIFIED, None),
    ],
)
def test_only_a_proof_that_settles_it_ends_it(
    good: bool, settles: bool, state: State, outcome: Outcome, served: float | None
) -> None:
    one = fold(ended(begun(incident())), proved(good=good, settles=settles), AT)
    assert (one.state, one.attempts[-1].outcome, one.served_at) == (state, outcome, served)


def drained(one: Incident) -> Attempt:
    return replace(begun(one, "pool.drain").attempts[-1], outcome=Outcome.VERIFIED)


@pytest.mark.parametrize("marked", [True, False])
def test_what_a_person_settled_has_a_full_set_of_tries_for_what_is_to_be_given_back(
    marked: bool,
) -> None:
    one = incident(
        State.HELD,
        adopted_at=NOW - 5,
        adopted_ahead=7.0,
        approvals=fold(incident(), approval(incident()), AT).approvals,
    )
    one = replace(one, attempts=(drained(one),)) if marked else one
    after = fold(one, ie.IncidentSettled("1", "ann", "moved"), AT, ahead=60.0)
    assert (after.state, after.settled_by, after.settlement) == (State.HELD, "ann", "moved")
    assert (after.adopted_at, after.adopted_after) == ((AT, 1) if marked else (NOW - 5, 0))
    assert after.adopted_ahead == (60.0 if marked else 7.0)
    assert after.approvals == ()


@pytest.mark.parametrize("event", [ie.IncidentAdopted("1", "ann"), ie.IncidentRetried("1", "ann")])
def test_whoever_gives_it_back_to_us_gives_a_full_set_of_tries(event: ie.IncidentEvent) -> None:
    one = replace(
        ended(begun(incident()), Outcome.FAILED),
        state=State.ESCALATED,
        escalation="ladder_exhausted",
        settled_by="bob",
        hold=CALLS,
    )
    after = fold(one, event, AT)
    assert (after.state, after.escalation, after.hold) == (State.OPEN, "", None)
    assert (after.adopted_at, after.counted, after.settled_by) == (AT, (), None)


def test_a_no_is_a_persons_and_takes_every_yes_back() -> None:
    one = fold(incident(), approval(incident()), AT)
    after = fold(one, ie.ApprovalDenied("1", 0, "ann"), AT)
    assert (after.state, after.escalation, after.approvals) == (State.ESCALATED, DENIED, ())
    assert after.escalation_detail == "ann said no"


def test_users_are_served_since_the_first_time() -> None:
    one = fold(incident(), ie.IncidentMitigated("1", "drained"), AT)
    assert (one.served_at, one.mitigation) == (AT, "drained")
    again = fold(replace(one, state=State.HELD), ie.IncidentMitigated("1", "drained"), AT + 50)
    assert again.served_at == AT


def test_alerts_are_told_apart_by_their_fingerprints_alone() -> None:
    twin: Alert = replace(APP, fingerprint="another")
    assert fold(incident(symptoms=(APP, twin)), ie.AlertLeft("1", twin), AT).symptoms == (APP,)
