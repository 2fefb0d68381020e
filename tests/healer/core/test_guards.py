"""Every guard: what it lets pass, what it holds, and the one word it says."""

from dataclasses import replace

import pytest

from healer.core import incident_events as ie
from healer.core.alert import Target
from healer.core.attempt import Outcome
from healer.core.decide import decide
from healer.core.decision import Hold
from healer.core.guards import GUARDS
from healer.core.guards.authority import silenced
from healer.core.ladder import Ladder, Mode, Rung
from healer.core.look import Heard
from healer.core.states import State
from tests.healer.core.guarded import acted, asked, broken, history, opened, silence, verdict
from tests.healer.core.world import CALL, NOW, RESTART, VERIFY, World, alert, topology


def test_a_dead_service_that_everybody_sees_is_acted_on():
    world = broken()
    assert verdict(world, opened(world)) == ("", "act")


def test_every_guard_says_what_it_had_and_what_it_needed():
    """An explanation is whole: all guards are asked, also after the first no."""
    world = broken()
    world.standing = replace(world.standing, leader=False)
    incident = opened(world)
    decision = decide(incident, world.facts(incident), None)
    assert isinstance(decision, Hold)
    assert [one.guard for one in decision.verdicts] == [guard.name for guard in GUARDS]
    assert all(one.have and one.need for one in decision.verdicts)
    assert all(one.sentence for one in decision.verdicts if not one.allowed)


@pytest.mark.parametrize(
    ("changes", "guard", "reason"),
    [
        ({"gate": "silent"}, "known_target", "gate_silent"),
        ({"gate": "other"}, "known_target", "other_gate"),
        ({"prometheus": False, "unit_state": "active"}, "sees_enough", "minority"),
        ({"sample_age": 61.0, "unit_state": "active"}, "still_true", "stale_evidence"),
        ({"gate_holds": ("disk swap",)}, "not_stopped", "gate_hold"),
        (
            {"standing": replace(World().standing, held={"web1": "fan"})},
            "not_stopped",
            "person_hold",
        ),
        ({"unit_state": "activating"}, "owner_settled", "owner_busy"),
        ({"unit_age": 2.0}, "owner_settled", "owner_settling"),
        ({"unit_age": None}, "owner_settled", "owner_unknown"),
        ({"topology": topology(mode=Mode.EXPLAIN)}, "approved", "explain_mode"),
        ({"topology": topology(mode=Mode.APPROVE)}, "approved", "approval_needed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_it_holds_on(changes, guard, reason):
    world = broken(**changes)
    assert verdict(world, opened(world)) == (guard, reason)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"leader": False}, "not_leader"),
        ({"watchdog_age": None}, "no_watchdog"),
        ({"watchdog_age": 181.0}, "no_watchdog"),
        ({"sight_complete": False}, "alertmanager_silent"),
        ({"clock_jumped": True}, "clock_jumped"),
        ({"clock_jumped": None}, "clock_jumped"),
        ({"frozen": ("moving racks (by ann)",)}, "frozen"),
        ({"armed_at": None}, "not_armed"),
        ({"armed_at": NOW + 1}, "pre_existing"),
        ({"pre_existing": alert().known_by}, "pre_existing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_it_holds_when_the_healer_itself_stands_so(changes, reason):
    world = broken()
    world.standing = replace(world.standing, **changes)
    assert verdict(world, opened(world))[1] == reason


def test_a_majority_of_nodes_has_to_be_seen():
    """Two of four is no majority: the healer may be on the wrong side of a cut."""
    world = broken()
    world.unknown = {"web2", "web3"}
    assert verdict(world, opened(world)) == ("sees_enough", "minority")
    world.unknown = {"web3"}
    assert verdict(world, world.board.incidents["1"]) == ("", "act")


def test_an_alert_that_cannot_be_checked_is_no_ground():
    world = broken(unit_state="active")
    incident = opened(world)
    decision = decide(incident, replace(world.facts(incident), evidence=None), None)
    assert isinstance(decision, Hold)
    assert (decision.hold.guard, decision.hold.reason) == ("still_true", "no_evidence")


@pytest.mark.parametrize("at", ["web9/nginx", "web1/mysql", "/nginx", "../etc/nginx"])
def test_a_target_that_cluster_yml_does_not_have_is_never_touched(at):
    world = broken()
    assert verdict(world, opened(world, at=at)) == ("known_target", "unknown_target")


def test_the_control_plane_is_no_ladders_business():
    world = World()
    incident = opened(world, at="mon1", name="ExporterDown", heal="restart-exporter")
    assert verdict(world, incident) == ("known_target", "control_plane")


def test_a_forged_alert_about_a_healthy_service_is_not_confirmed():
    world = World()
    assert verdict(world, opened(world)) == ("still_true", "not_confirmed")


def test_a_fast_rung_may_start_on_the_gates_word_alone():
    """The short way: Prometheus has not scraped yet, the node's own gate has seen it."""
    world = broken(prometheus=True, sample_age=100.0)
    incident = opened(world)
    assert verdict(world, incident) == ("", "act")


def test_a_rung_that_is_not_fast_waits_for_prometheus():
    ladders = topology().ladders
    slow = replace(ladders["restart-service"], rungs=(replace(RESTART, fast=False),))
    world = broken(sample_age=100.0)
    world.topology = replace(world.topology, ladders={"restart-service": slow})
    assert verdict(world, opened(world)) == ("still_true", "stale_evidence")


def test_a_silence_is_a_person_at_work():
    world = broken()
    incident = opened(world)
    silence(world, incident)
    assert verdict(world, incident) == ("not_stopped", "silenced")


@pytest.mark.parametrize(
    ("at", "reason"),
    [("web1/app", "silenced_nearby"), ("web2/nginx", "act"), ("web1", "act")],
)
def test_a_silence_of_what_the_action_takes_along_is_a_person_at_work_too(at, reason):
    """app goes down with nginx; another node's service does not, and the node itself stays."""
    world = broken()
    node, _, service = at.partition("/")
    at_work = {Target(node, service or None): "ServiceSlow"}
    world.standing = replace(world.standing, at_work=at_work)
    assert verdict(world, opened(world))[1] == reason


def test_what_takes_no_service_along_reaches_into_no_failure_domain_of_others():
    proposal, facts = asked(broken())
    power = replace(facts.topology, wider={"power-1": frozenset({"web2", "web3"})})
    at_work = {Target("", domain="power-1"): "FailureDomainDown"}
    there = replace(facts, topology=power, standing=replace(facts.standing, at_work=at_work))
    address = replace(proposal.footprint, targets=frozenset())
    assert silenced(replace(proposal, footprint=address), there) is None
    inside = replace(proposal.footprint, targets=frozenset({Target("web2", "nginx")}))
    found = silenced(replace(proposal, footprint=inside), there)
    assert found is not None
    assert found.reason == "silenced_nearby"


def test_a_silence_of_an_alert_that_fires_no_more_holds_nothing():
    world = broken()
    opened(world)
    world.journal(ie.AlertJoined("1", replace(alert(at="web1/app"), silenced=True)))
    assert verdict(world, world.board.incidents["1"]) == ("", "act")


@pytest.mark.parametrize(
    ("count", "at", "ended", "age", "reason"),
    [
        (1, "web1/nginx", Outcome.VERIFIED, 100.0, "cooldown"),
        (3, "web1/nginx", Outcome.VERIFIED, 1000.0, "flapping"),
        (3, "web1/nginx", Outcome.VERIFIED, 4000.0, "act"),
        (6, "web1/app", Outcome.VERIFIED, 1000.0, "budget"),
        (8, "web2/app", Outcome.VERIFIED, 1000.0, "budget"),
        (1, "web1/nginx", Outcome.NOT_SENT, 100.0, "act"),
    ],
)
def test_one_history_gives_several_reasons(count, at, ended, age, reason):
    world = broken()
    history(world, count, at, ended, age)
    assert verdict(world, opened(world, number=1))[1] == reason


def test_an_action_that_never_helped_here_is_not_tried_a_fourth_time():
    world = broken(topology=topology(flapping=99))
    for number in (101, 102, 103):
        opened(world, number=number)
        acted(world, str(number), ended=Outcome.NOT_VERIFIED, age=5000.0)
        world.journal(ie.IncidentClosed(str(number), "cleared", ""))
    assert verdict(world, opened(world, number=1)) == ("attempts", "poor_record")


def test_a_yes_is_good_for_one_rung_on_one_state_and_for_a_while():
    world = broken(topology=topology(mode=Mode.APPROVE))
    incident = opened(world)
    decision = decide(incident, world.facts(incident), None)
    assert isinstance(decision, Hold)
    asked = decision.proposal
    world.journal(
        ie.ApprovalGiven(
            "1", "restart-service", 0, asked.target, asked.expectation, "ann", NOW + 900
        )
    )
    assert verdict(world, world.board.incidents["1"]) == ("", "act")
    world.unit_state = "inactive"
    assert verdict(world, world.board.incidents["1"])[1] == "approval_needed"
    world.unit_state = "failed"
    world.now = NOW + 900
    assert verdict(world, world.board.incidents["1"])[1] == "approval_needed"


def test_an_adopted_incident_counts_as_ours_and_starts_its_ladder_anew():
    world = broken()
    world.standing = replace(world.standing, armed_at=NOW + 1)
    incident = opened(world)
    assert verdict(world, incident)[1] == "pre_existing"
    world.journal(ie.IncidentAdopted("1", "ann"))
    assert verdict(world, world.board.incidents["1"]) == ("", "act")
    assert world.board.incidents["1"].state is State.OPEN


def test_a_gate_that_is_at_work_for_us_is_waited_for_and_calls_nobody():
    world = broken()
    incident = opened(world)
    busy = Heard(None, "busy with 1.1.1", busy=True)
    facts = replace(world.facts(incident), gates={"web1": busy})
    decision = decide(incident, facts, None)
    assert isinstance(decision, Hold)
    assert (decision.hold.reason, decision.hold.passing) == ("gate_busy", True)


def test_a_healer_never_takes_its_own_node_away():
    world = broken()
    world.topology = replace(world.topology, own_node="web1")
    assert verdict(world, opened(world)) == ("known_target", "own_node")


def test_a_sample_from_before_the_last_action_is_no_ground_for_another_one():
    world = broken(topology=topology(cooldown=0.0), sample_age=30.0)
    opened(world)
    acted(world, "1", ended=Outcome.NOT_VERIFIED)
    world.now += 10
    assert verdict(world, world.board.incidents["1"]) == ("still_true", "before_last_action")
    world.now += 30
    assert verdict(world, world.board.incidents["1"]) == ("", "act")


def test_a_no_takes_an_earlier_yes_back():
    world = broken(topology=topology(mode=Mode.APPROVE))
    incident = opened(world)
    decision = decide(incident, world.facts(incident), None)
    assert isinstance(decision, Hold)
    asked = decision.proposal
    world.journal(
        ie.ApprovalGiven(
            "1", "restart-service", 0, asked.target, asked.expectation, "ann", NOW + 900
        ),
        ie.ApprovalDenied("1", 0, "bob"),
        ie.IncidentAdopted("1", "carol"),
    )
    assert verdict(world, world.board.incidents["1"])[1] == "approval_needed"


def test_what_never_leaves_us_is_given_to_a_person_in_the_end():
    world = broken()
    opened(world)
    for _ in range(5):
        acted(world, "1", ended=Outcome.NOT_SENT)
        world.now += 10
    assert verdict(world, world.board.incidents["1"]) == ("", "never_sent")


def test_what_only_the_outside_misses_is_shown_to_a_person():
    world = World(outside=False)
    incident = opened(world)
    decision = decide(incident, world.facts(incident), None)
    assert isinstance(decision, Hold)
    assert (decision.hold.reason, decision.hold.passing) == ("outside_only", False)


@pytest.mark.parametrize(("verb", "at"), [("service.reload", "web1/nginx"), ("disk.free", "web1")])
def test_a_group_that_only_explains_is_asked_about_what_takes_nothing_away_too(verb: str, at: str):
    plain = topology()
    rung = Rung(verb, None, False, 30.0, VERIFY, attempts=1, wait_seconds=5.0)
    ladder = Ladder("gently", Mode.ACT, (rung, CALL))
    groups = {**plain.groups, "web": replace(plain.groups["web"], mode=Mode.EXPLAIN)}
    plain = replace(plain, ladders={**plain.ladders, ladder.name: ladder}, groups=groups)
    world = World(topology=plain)
    labels = {} if "/" in at else {"mountpoint": "/data"}
    incident = opened(world, at, heal="gently", **labels)
    world.down.add(incident.target)
    assert verdict(world, incident) == ("approved", "explain_mode")


def agreed(world: World, **changes: object) -> str:
    """Return what is said after a yes to exactly what is proposed, but for these."""
    incident = opened(world)
    decision = decide(incident, world.facts(incident), None)
    assert isinstance(decision, Hold)
    asked = decision.proposal
    yes = ie.ApprovalGiven(
        "1", "restart-service", 0, asked.target, asked.expectation, "ann", NOW + 900
    )
    world.journal(replace(yes, **changes))  # type: ignore[arg-type]
    return verdict(world, world.board.incidents["1"])[1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "act"),
        ({"ladder": "other"}, "approval_needed"),
        ({"rung": 1}, "approval_needed"),
        ({"target": Target("web2", "nginx")}, "approval_needed"),
        ({"expectation": "another"}, "approval_needed"),
        ({"expectation": ""}, "approval_needed"),
        ({"until": NOW}, "approval_needed"),
        ({"until": NOW + 0.1}, "act"),
    ],
    ids=str,
)
def test_a_yes_is_to_one_rung_on_one_target_in_one_state_for_a_time(changes, said):
    world = broken(topology=topology(mode=Mode.APPROVE))
    assert agreed(world, **changes) == said


def test_a_yes_to_one_incident_is_none_to_the_next_one_about_the_same():
    world = broken(topology=topology(mode=Mode.APPROVE))
    assert agreed(world) == "act"
    world.journal(ie.IncidentClosed("1", "cleared", ""))
    assert verdict(world, opened(world, number=2))[1] == "approval_needed"


def test_a_yes_from_before_the_clock_was_set_back_is_none():
    """Nobody knows how old it is, and so whether its fifteen minutes are over."""
    world = broken(topology=topology(mode=Mode.APPROVE))
    assert agreed(world) == "act"
    world.now -= 600
    world.standing = replace(world.standing, armed_at=NOW - 7200)
    assert verdict(world, world.board.incidents["1"])[1] == "approval_needed"
