"""Which step is next, who has to be heard for it, and what takes a mark back."""

from dataclasses import replace

import pytest

from healer.core.actions import steps
from healer.core.attempt import Attempt, Outcome
from healer.core.footprint import NOTHING
from healer.core.incident import FOR_A_PERSON, Incident
from healer.core.ladder import Ladder, Mode, Rung, When
from healer.core.plan import (
    RETURN_AGAIN,
    RETURNS,
    Escalate,
    Plan,
    asked_for,
    passed_over,
    plan,
    returning,
    to_hear,
)
from healer.core.states import State
from healer.core.topology import EXPORTER, Group, Topology
from tests.healer.core.world import CALL, NOW, RESTART, alert
from tests.healer.tier import DRAIN, PROOF, tier

NEVER = When(severities=("info",))
PROVED = replace(PROOF, metric="proved_by")


def climbed(
    *rungs: Rung, heal: str = "restart-service", at: str = "web1/nginx"
) -> tuple[Incident, Topology]:
    """Return an incident of a tier with this ladder, in which nothing was tried, and its cluster."""
    plain = tier()
    ladder = Ladder("restart-service", Mode.ACT, rungs)
    cluster = replace(plain, ladders={**plain.ladders, ladder.name: ladder})
    return Incident("1", alert(at=at, heal=heal), heal, NOW, NOW, cluster.digest), cluster


def attempt(
    incident: Incident, topology: Topology, action: str, place: int = 0, **changes: object
) -> Attempt:
    """Return a try of one of an action's steps that was done."""
    step = steps(action, incident.target, topology, incident.owner)[place]
    done = Attempt(
        action_id=f"1.1.{place + 1}",
        ladder=incident.ladder,
        rung=0,
        action=action,
        target=incident.target,
        gate=step.gate,
        args=step.args,
        footprint=NOTHING,
        about=incident.target,
        ledger_id="ledger-1",
        began_at=NOW,
        deadline_at=NOW + 30,
        ended_at=NOW + 2,
        outcome=Outcome.DONE,
    )
    return replace(done, **changes)  # type: ignore[arg-type]


def tried(incident: Incident, *attempts: Attempt) -> Incident:
    return replace(incident, attempts=attempts)


# --- The next rung --------------------------------------------------------------------------


@pytest.mark.parametrize("heal", ["none", ""])
def test_what_no_ladder_is_for_is_a_persons_from_the_start(heal: str) -> None:
    incident, cluster = climbed(RESTART, CALL, heal=heal)
    step = plan(incident, cluster)
    assert isinstance(step, Escalate)
    assert step.reason == FOR_A_PERSON


def test_what_the_cluster_file_has_no_more_is_a_persons_with_what_was_tried() -> None:
    incident, cluster = climbed(RESTART, CALL)
    told = plan(incident, replace(cluster, ladders={}))
    assert told == Escalate(
        "ladder_gone",
        "cluster.yml has no ladder restart-service any more; 0 tried under the ladder that it had",
    )
    services = {name: one for name, one in cluster.services.items() if name != "nginx"}
    other = replace(cluster, services=services, digest="another")
    told = plan(incident, other)
    assert isinstance(told, Escalate)
    assert told.reason == "target_gone"
    # One that was never there is the guards' to refuse.
    assert isinstance(plan(incident, replace(other, digest=incident.digest)), Plan)
    assert isinstance(plan(incident, replace(cluster, digest="another")), Plan)


def test_who_keeps_a_mark_is_heard_whatever_is_next() -> None:
    incident, cluster = climbed(RESTART, CALL)
    marked = tried(incident, attempt(incident, cluster, DRAIN.action, 1))
    assert to_hear(marked, cluster) == {"web1": ("nginx.service",), "lb2": ("pool:web",)}


def test_a_ladder_that_is_gone_passes_no_rung_over() -> None:
    incident, cluster = climbed(replace(RESTART, when=NEVER), CALL)
    assert [one.reason for one in passed_over(incident, cluster)] == ["other_severity"]
    assert passed_over(incident, replace(cluster, ladders={})) == ()


def test_a_persons_rung_and_what_comes_after_it_are_never_passed_over() -> None:
    incident, cluster = climbed(RESTART, replace(CALL, when=NEVER), replace(RESTART, when=NEVER))
    assert passed_over(incident, cluster) == ()


def test_a_gate_that_does_no_such_thing_is_said_to_be_why_its_rung_leads_nowhere() -> None:
    incident, cluster = climbed(replace(RESTART, attempts=3), CALL)
    never = attempt(
        incident, cluster, RESTART.action, outcome=Outcome.REFUSED, reason="not_allowed"
    )
    (told,) = passed_over(tried(incident, never), cluster)
    assert (told.reason, told.have) == ("refused", "not_allowed")
    later = replace(never, reason="busy")
    assert passed_over(tried(incident, later), cluster) == ()


@pytest.mark.parametrize(
    "end",
    [
        {"outcome": Outcome.FAILED},  # as often as its rung allows
        {"outcome": Outcome.REFUSED, "reason": "not_allowed"},
    ],
    ids=["failed", "refused"],
)
def test_a_balancer_that_can_not_drain_keeps_the_other_from_nothing(end: dict[str, object]) -> None:
    incident, cluster = climbed(DRAIN, CALL)
    step = plan(tried(incident, attempt(incident, cluster, DRAIN.action, **end)), cluster)
    assert isinstance(step, Plan)
    assert [one.gate for one in step.steps] == ["lb2"]
    assert [one.gate for one in step.spent] == ["lb1"]
    assert step.set == ()
    proved = attempt(incident, cluster, DRAIN.action, outcome=Outcome.VERIFIED)
    step = plan(tried(incident, proved), cluster)
    assert isinstance(step, Plan)
    assert [one.gate for one in step.set] == ["lb1"]
    assert step.spent == ()


# --- Whom to hear ---------------------------------------------------------------------------


def test_a_targets_node_is_asked_for_all_that_any_rung_looks_at_there() -> None:
    exporter = replace(RESTART, service=EXPORTER)
    incident, cluster = climbed(RESTART, exporter, DRAIN, CALL)
    assert to_hear(incident, cluster) == {"web1": ("hale-exporter.service", "nginx.service")}
    incident, cluster = climbed(DRAIN, CALL)
    every = {"web1": ("nginx.service",), "lb1": ("pool:web",), "lb2": ("pool:web",)}
    assert to_hear(incident, cluster) == every
    incident, cluster = climbed(replace(RESTART, action="node.reboot"), CALL, at="web1")
    assert to_hear(incident, cluster) == {"web1": ()}


@pytest.mark.parametrize(
    ("action", "group", "exclusive", "others"),
    [
        ("service.restart", "web", True, {"web2", "web3"}),
        ("node.reboot", "web", True, {"web2", "web3"}),
        ("service.reload", "web", True, set()),  # takes nothing away
        ("pool.drain", "web", True, {"lb1", "lb2"}),  # starts nothing
        ("service.restart", "web", False, set()),
        ("service.restart", None, True, set()),  # nobody stands in for it
    ],
)
def test_whoever_may_run_what_only_one_may_run_is_heard_before_it_is_started(
    action: str, group: str | None, exclusive: bool, others: set[str]
) -> None:
    incident, cluster = climbed(replace(RESTART, action=action), CALL)
    only = replace(cluster.services["nginx"], name="db", unit="db.service", exclusive=exclusive)
    services = {**cluster.services, "db": replace(only, group=group)}
    step = plan(incident, replace(cluster, services=services))
    assert isinstance(step, Plan)
    heard = asked_for(step, replace(cluster, services=services))
    assert heard.keys() - {"web1"} == others
    assert "db.service" not in heard.get("web1", ())
    assert all(heard[one] == {"db.service"} for one in others if one.startswith("web"))


# --- Taking a mark back ---------------------------------------------------------------------


def returned(
    mark_changes: dict[str, object] | None = None,
    *later: Attempt,
    now: float = NOW,
    **changes: object,
) -> Rung | None:
    """Return the rung that takes a drain back, where a restart comes before the drain in its ladder."""
    incident, cluster = climbed(RESTART, DRAIN, CALL)
    mark = attempt(incident, cluster, DRAIN.action, rung=1, **(mark_changes or {}))
    incident = replace(tried(incident, mark, *later), **changes)  # type: ignore[arg-type]
    found = returning(incident, mark, cluster, now)
    return None if found is None else found.rung


def failed_returns(count: int, **changes: object) -> list[Attempt]:
    incident, cluster = climbed(RESTART, DRAIN, CALL)
    ends = {"rung": 1, "outcome": Outcome.FAILED, "ended_at": NOW + 2, **changes}
    return [attempt(incident, cluster, "pool.return", **ends) for _ in range(count)]


def test_a_mark_is_taken_back_without_a_persons_yes_and_with_the_proof_that_it_was_set_with() -> (
    None
):
    rung = returned({"verify": PROVED})
    assert rung == replace(DRAIN, action="pool.return", verify=PROVED)
    assert returned() == replace(DRAIN, action="pool.return")
    incident, cluster = climbed(replace(DRAIN, approve=True, fast=True), CALL)
    mark = attempt(incident, cluster, DRAIN.action)
    found = returning(tried(incident, mark), mark, cluster, NOW)
    assert found is not None
    assert (found.rung.approve, found.rung.fast) == (False, False)
    assert (found.gate, found.rung_index) == ("lb1", 0)


@pytest.mark.parametrize(
    ("rungs", "limit"),
    [
        ((replace(DRAIN, deadline_seconds=11.0), replace(DRAIN, deadline_seconds=22.0)), 22.0),
        ((replace(DRAIN, deadline_seconds=11.0), RESTART), 11.0),  # it has another place now
        ((replace(DRAIN, deadline_seconds=11.0),), 11.0),
        ((RESTART, RESTART, DRAIN), 30.0),
    ],
)
def test_it_is_the_rung_of_its_number_or_else_the_first_of_its_kind(
    rungs: tuple[Rung, ...], limit: float
) -> None:
    incident, cluster = climbed(*rungs, CALL)
    mark = attempt(incident, cluster, DRAIN.action, rung=1)
    found = returning(tried(incident, mark), mark, cluster, NOW)
    assert found is not None
    assert (found.rung.action, found.rung.deadline_seconds) == ("pool.return", limit)
    assert found.rung.verify == DRAIN.verify


def test_a_ladder_that_drains_no_more_takes_back_as_the_journal_tells() -> None:
    incident, cluster = climbed(RESTART, CALL)
    mark = attempt(incident, cluster, DRAIN.action, deadline_at=NOW + 45, verify=PROVED)
    found = returning(tried(incident, mark), mark, cluster, NOW)
    assert found is not None
    assert found.rung == Rung("pool.return", None, False, 45.0, PROVED, RETURNS, 0.0)


def test_nothing_is_taken_back_where_ladder_or_balancer_is_gone_from_the_cluster_file() -> None:
    incident, cluster = climbed(DRAIN, CALL)
    mark = attempt(incident, cluster, DRAIN.action)
    marked = tried(incident, mark)
    assert returning(marked, mark, cluster, NOW) is not None
    assert returning(marked, mark, replace(cluster, ladders={}), NOW) is None
    assert returning(marked, mark, replace(cluster, pools={}), NOW) is None
    alone = {**cluster.groups, "lb": Group("lb", ("lb2",), 0, control=False, mode=Mode.ACT)}
    assert returning(marked, mark, replace(cluster, groups=alone), NOW) is None


@pytest.mark.parametrize(
    ("tries", "state", "waited", "again"),
    [
        (RETURNS - 1, State.OPEN, 0.0, True),
        (RETURNS, State.OPEN, RETURN_AGAIN, False),  # a person is called first
        (RETURNS, State.ESCALATED, RETURN_AGAIN - 0.1, False),
        (RETURNS, State.ESCALATED, RETURN_AGAIN, True),
    ],
)
def test_a_mark_that_a_person_was_called_for_is_tried_again_now_and_then(
    tries: int, state: State, waited: float, again: bool
) -> None:
    later = failed_returns(tries)
    assert (returned(None, *later, now=NOW + 2 + waited, state=state) is not None) is again


def test_a_try_whose_end_nobody_knows_is_waited_for_from_its_beginning() -> None:
    later = failed_returns(RETURNS, ended_at=None, outcome=Outcome.UNKNOWN)
    for waited, again in ((RETURN_AGAIN - 0.1, False), (RETURN_AGAIN, True)):
        found = returned(None, *later, now=NOW + waited, state=State.ESCALATED)
        assert (found is not None) is again
