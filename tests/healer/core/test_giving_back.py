"""What was taken is given back before an incident is over."""

from dataclasses import replace

import pytest

from healer.core.attempt import Attempt, Outcome
from healer.core.decide import UNSENT, decide, would_return
from healer.core.decision import Act, Hold
from healer.core.draft import expect
from healer.core.incident import DENIED, NOT_RETURNED, Incident
from healer.core.plan import Escalate
from healer.core.recovery import SILENT
from healer.core.states import State
from healer.core.verdict import hold
from tests.healer.core.deciding import climbing, drained, failed, said
from tests.healer.core.guarded import opened
from tests.healer.core.world import CALL, RESTART, World
from tests.healer.tier import DRAIN


def marked(world: World, *later: Attempt, **changes: object) -> Incident:
    marks = (drained(world, 0), drained(world, 1))
    changed = {"confirmed": True, "attempts": (*marks, *later), **changes}
    return replace(opened(world), **changed)  # type: ignore[arg-type]


def given_back(world: World, one: Incident) -> str:
    world.down.clear()
    return said(decide(one, world.facts(one), 100.0))


def test_what_was_taken_is_given_back_before_it_is_over_first_where_it_can_be() -> None:
    for dark, first in ((set[str](), "lb1"), ({"lb1"}, "lb2"), ({"lb2"}, "lb1")):
        world = climbing(DRAIN, CALL, dark=dark)
        assert given_back(world, marked(world)) == f"pool.return {first}"


def test_while_nothing_may_be_given_back_the_hold_is_of_a_balancer_that_answers() -> None:
    world = climbing(DRAIN, CALL, dark={"lb1"})
    world.standing = replace(world.standing, frozen=("moving racks (by ann)",))
    assert given_back(world, marked(world)) == "pool.return lb2"


@pytest.mark.parametrize(
    ("state", "escalation", "end"),
    [
        (State.OPEN, "", f"escalate {NOT_RETURNED}"),
        (State.MITIGATED, "", f"escalate {NOT_RETURNED}"),
        (State.ESCALATED, "ladder_exhausted", f"escalate {NOT_RETURNED}"),
        (State.ESCALATED, NOT_RETURNED, "stay"),  # they know it
        (State.ESCALATED, DENIED, "stay"),
        (State.OPEN, NOT_RETURNED, f"escalate {NOT_RETURNED}"),  # it is theirs no more
    ],
)
def test_a_mark_that_can_not_be_taken_back_is_a_persons(
    state: State, escalation: str, end: str
) -> None:
    world = climbing(DRAIN, CALL)
    one = marked(world, *failed(world, 3), state=state, escalation=escalation)
    assert given_back(world, one) == end
    if end != "stay":
        told = decide(one, world.facts(one), 100.0)
        assert isinstance(told, Escalate)
        assert told.detail == "the mark of pool.drain on lb1 could not be undone"


def test_a_return_that_never_leaves_us_is_told_once() -> None:
    world = climbing(DRAIN, CALL)
    unsent = failed(world, UNSENT, Outcome.NOT_SENT)
    assert given_back(world, marked(world, *unsent)) == "escalate never_sent"
    later = marked(world, *unsent, state=State.ESCALATED, escalation="never_sent")
    assert given_back(world, later) == "pool.return lb1"


def test_what_is_begun_is_tied_to_the_ledger_of_the_gate_that_does_it() -> None:
    world = climbing(RESTART, CALL)
    one = opened(world)
    begun = decide(one, world.facts(one), None)
    assert isinstance(begun, Act)
    assert (begun.ledger_id, begun.proposal.gate) == ("ledger-1", "web1")
    assert begun.expect == expect(begun.proposal, world.facts(one))
    assert begun.expect == '{"boot_id":"boot-1","units":{"nginx.service":' + (
        '{"active_state":"failed","invocation_id":"i1"}}}'
    )


def test_what_the_guards_say_to_a_return_can_be_asked_of_each_mark() -> None:
    world = climbing(DRAIN, CALL)
    one = marked(world)
    found = would_return(one, one.marks[1], world.facts(one))
    assert isinstance(found, Act | Hold)
    assert said(found) == "pool.return lb2"
    spent = marked(world, *failed(world, 3))
    assert would_return(spent, spent.marks[0], world.facts(spent)) is None


@pytest.mark.parametrize(
    ("mitigation", "told", "hold_reason", "news"),
    [
        ("drained", False, "", True),  # nothing tells of it any more
        ("drained", True, "", False),
        ("drained", True, SILENT, True),  # something does again
        ("drained", True, "capacity", False),
        ("", False, "", False),
    ],
)
def test_people_read_that_nothing_tells_of_what_is_out_of_harms_way_any_more(
    mitigation: str, told: bool, hold_reason: str, news: bool
) -> None:
    world = climbing(DRAIN, CALL, told=told)
    known = hold("still_true", hold_reason, have="", need="", sentence="") if hold_reason else None
    one = marked(world, state=State.MITIGATED, mitigation=mitigation, hold=known)
    world.down.clear()
    assert said(decide(one, world.facts(one), None)) == ("pool.return lb1" if news else "stay")


def test_only_what_is_out_of_harms_way_now_is_given_back_in_silence() -> None:
    world = climbing(DRAIN, CALL, told=False)
    one = marked(world, state=State.OPEN, mitigation="drained")
    world.down.clear()
    assert said(decide(one, world.facts(one), None)) == "mitigate"
    disk = replace(
        one, attempts=(), state=State.MITIGATED, cause=opened(world, failure="disk").cause
    )
    assert said(decide(disk, world.facts(disk), None)) == "stay"  # there is nothing to give back
