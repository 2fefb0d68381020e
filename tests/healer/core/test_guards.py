"""Every guard: what it lets pass, what it holds, and the one word it says."""

from dataclasses import replace

import pytest

from healer.core import events as ev
from healer.core.alert import Target
from healer.core.decide import Act, Escalate, Hold, decide
from healer.core.footprint import of_unit
from healer.core.guards import GUARDS
from healer.core.incident import Incident, Outcome, State
from healer.core.ladder import Mode
from tests.healer.core.world import NOW, RESTART, World, alert, topology


def opened(world: World, at: str = "web1/nginx", number: int = 1, **labels) -> Incident:
    cause = alert(at=at, **labels)
    world.journal(ev.IncidentOpened(str(number), cause, cause.label("heal"), "d1"))
    return world.board.incidents[str(number)]


def broken(at: str = "web1/nginx", **changes) -> World:
    world = World(**changes)
    node, service = at.split("/")
    world.down.add(Target(node, service))
    return world


def verdict(world: World, incident: Incident) -> tuple[str, str]:
    match decide(incident, world.facts(incident), None):
        case Hold(_, hold):
            return hold.guard, hold.reason or ""
        case Act():
            return "", "act"
        case Escalate(reason):
            return "", reason
        case other:
            return "", type(other).__name__


def acted(world: World, number: str, *, ended: Outcome | None, age: float = 0.0) -> None:
    """Journal an attempt of an incident that began `age` seconds ago."""
    incident = world.board.incidents[number]
    now, world.now = world.now, world.now - age
    footprint = of_unit(incident.target, ("app.service",), world.topology)
    action_id = f"1.1.{world.seq}"
    world.journal(
        ev.ActionIntended(
            incident=number,
            action_id=action_id,
            ladder=incident.ladder,
            rung=0,
            action="service.restart",
            target=incident.target,
            about=incident.target,
            unit="nginx.service",
            footprint=footprint,
            ledger_id="ledger-1",
            expect="{}",
            deadline_at=world.now + 30,
            verdicts=(),
        )
    )
    if ended in (Outcome.VERIFIED, Outcome.NOT_VERIFIED):
        world.journal(ev.ActionEnded(number, action_id, Outcome.DONE, "", "", world.now))
        good = ended is Outcome.VERIFIED
        world.journal(ev.VerificationEnded(number, action_id, good, good, "", ""))
    elif ended is not None:
        world.journal(ev.ActionEnded(number, action_id, ended, "changed", "", world.now))
    world.now = now


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
        ({"prometheus": False, "unit_state": "active"}, "still_true", "no_evidence"),
        ({"sample_age": 61.0, "unit_state": "active"}, "still_true", "stale_evidence"),
        ({"gate_holds": ("disk swap",)}, "not_stopped", "gate_hold"),
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
        ({"pre_existing": frozenset({"ServiceDown:web1/nginx:first"})}, "pre_existing"),
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


def silence(world: World, incident: Incident) -> None:
    silenced = world.standing.silenced | {incident.cause.fingerprint}
    world.standing = replace(world.standing, silenced=silenced)


def test_a_silence_is_a_person_at_work():
    world = broken()
    incident = opened(world)
    silence(world, incident)
    assert verdict(world, incident) == ("not_stopped", "silenced")


def test_a_silence_of_an_alert_that_fires_no_more_holds_nothing():
    world = broken()
    opened(world)
    world.journal(ev.AlertJoined("1", replace(alert(at="web1/app"), silenced=True)))
    assert verdict(world, world.board.incidents["1"]) == ("", "act")


def test_a_wedged_service_is_not_taken_when_the_others_cannot_spare_it():
    """The unit still runs and may serve someone: unknown of the target counts as serving."""
    world = broken(unit_state="active", topology=topology(floor=3))
    assert verdict(world, opened(world)) == ("capacity", "capacity")


def test_a_member_that_is_proven_out_may_be_repaired_below_the_floor():
    world = broken(topology=topology(floor=3))
    assert verdict(world, opened(world)) == ("", "act")


def test_an_unknown_member_counts_as_down():
    world = broken(unit_state="active", topology=topology(floor=2))
    incident = opened(world)
    assert verdict(world, incident) == ("", "act")
    world.unknown = {"web3"}
    assert verdict(world, incident) == ("capacity", "capacity")


def test_members_that_fail_alike_are_repaired_one_after_the_other():
    world = broken()
    world.down.add(Target("web2", "nginx"))
    first, second = opened(world), opened(world, "web2/nginx", 2)
    assert verdict(world, first) == ("", "act")
    assert verdict(world, second) == ("common_cause", "canary_first")
    acted(world, "1", ended=None)
    assert verdict(world, second) == ("common_cause", "canary_first")


def test_the_next_member_follows_when_the_first_repair_was_proved():
    world = broken()
    world.down.add(Target("web2", "nginx"))
    opened(world)
    second = opened(world, "web2/nginx", 2)
    acted(world, "1", ended=Outcome.VERIFIED)
    world.journal(ev.IncidentClosed("1", "healed", ""))
    world.down.discard(Target("web1", "nginx"))
    assert verdict(world, second) == ("", "act")


def test_a_canary_that_died_stops_the_groups_ladder():
    world = broken()
    world.down.add(Target("web2", "nginx"))
    opened(world)
    second = opened(world, "web2/nginx", 2)
    acted(world, "1", ended=Outcome.NOT_VERIFIED)
    assert verdict(world, second) == ("common_cause", "canary_failed")


def test_a_member_that_fails_after_an_action_on_another_is_not_treated_the_same():
    world = broken()
    world.down.add(Target("web2", "nginx"))
    opened(world)
    acted(world, "1", ended=Outcome.VERIFIED)
    world.journal(ev.IncidentClosed("1", "healed", ""))
    world.now += 30
    second = opened(world, "web2/nginx", 2, began=NOW + 20)
    assert verdict(world, second) == ("common_cause", "follows_action")


def test_one_thing_at_a_time_on_one_target():
    world = broken()
    opened(world)
    acted(world, "1", ended=None)
    second = opened(world, "web1/app", 2)  # app needs nginx, so it is in the footprint
    world.down.add(Target("web1", "app"))
    assert verdict(world, second) == ("one_at_a_time", "busy")


def history(world: World, count: int, at: str, ended: Outcome, age: float) -> None:
    """Journal so many closed incidents with one attempt each."""
    for number in range(101, 101 + count):
        opened(world, at, number)
        acted(world, str(number), ended=ended, age=age)
        world.journal(ev.IncidentClosed(str(number), "healed", ""))


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
        world.journal(ev.IncidentClosed(str(number), "cleared", ""))
    assert verdict(world, opened(world, number=1)) == ("attempts", "poor_record")


def test_a_yes_is_good_for_one_rung_on_one_state_and_for_a_while():
    world = broken(topology=topology(mode=Mode.APPROVE))
    incident = opened(world)
    decision = decide(incident, world.facts(incident), None)
    assert isinstance(decision, Hold)
    asked = decision.proposal
    world.journal(
        ev.ApprovalGiven(
            "1", "restart-service", 0, asked.target, asked.expectation, "ann", NOW + 900
        )
    )
    assert verdict(world, world.board.incidents["1"]) == ("", "act")
    world.unit_state = "inactive"
    assert verdict(world, world.board.incidents["1"])[1] == "approval_needed"
    world.unit_state = "failed"
    world.now = NOW + 900
    assert verdict(world, world.board.incidents["1"])[1] == "approval_needed"


def test_restarting_the_exporter_takes_nothing_away():
    world = World(topology=topology(floor=3))
    world.down.add(Target("web1"))
    incident = opened(world, at="web1", name="ExporterDown", heal="restart-exporter")
    assert verdict(world, incident) == ("", "act")


def test_an_adopted_incident_counts_as_ours_and_starts_its_ladder_anew():
    world = broken()
    world.standing = replace(world.standing, armed_at=NOW + 1)
    incident = opened(world)
    assert verdict(world, incident)[1] == "pre_existing"
    world.journal(ev.IncidentAdopted("1", "ann"))
    assert verdict(world, world.board.incidents["1"]) == ("", "act")
    assert world.board.incidents["1"].state is State.OPEN


def test_a_gate_that_is_at_work_for_us_is_waited_for_and_calls_nobody():
    world = broken()
    incident = opened(world)
    facts = replace(world.facts(incident), look=None, gate_busy=True, look_error="busy with 1.1.1")
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


def test_being_proven_out_of_one_group_takes_nothing_from_another():
    """nginx serves nobody, but its restart also stops app, which another group needs."""
    world = broken(topology=topology(floor=1))
    groups = dict(world.topology.groups)
    groups["api"] = replace(groups["web"], name="api", min_available=3)
    services = dict(world.topology.services)
    services["app"] = replace(services["app"], group="api")
    world.topology = replace(world.topology, groups=groups, services=services)
    incident = opened(world)
    assert verdict(world, incident) == ("capacity", "capacity")
    world.down.add(Target("web1", "app"))
    assert verdict(world, incident) == ("", "act")


def test_a_member_that_may_never_be_treated_does_not_keep_the_others_waiting():
    world = broken()
    world.down.add(Target("web2", "nginx"))
    opened(world)
    silence(world, world.board.incidents["1"])
    second = opened(world, "web2/nginx", 2)
    assert verdict(world, second) == ("common_cause", "canary_first")
    stopped = decide(world.board.incidents["1"], world.facts(world.board.incidents["1"]), None)
    assert isinstance(stopped, Hold)
    world.journal(ev.IncidentHeld("1", stopped.hold, stopped.verdicts))
    assert verdict(world, second) == ("", "act")


def test_a_no_takes_an_earlier_yes_back():
    world = broken(topology=topology(mode=Mode.APPROVE))
    incident = opened(world)
    decision = decide(incident, world.facts(incident), None)
    assert isinstance(decision, Hold)
    asked = decision.proposal
    world.journal(
        ev.ApprovalGiven(
            "1", "restart-service", 0, asked.target, asked.expectation, "ann", NOW + 900
        ),
        ev.ApprovalDenied("1", 0, "bob"),
        ev.IncidentAdopted("1", "carol"),
    )
    assert verdict(world, world.board.incidents["1"])[1] == "approval_needed"


def test_what_never_leaves_us_is_given_to_a_person_in_the_end():
    world = broken()
    opened(world)
    for _ in range(5):
        acted(world, "1", ended=Outcome.NOT_SENT)
        world.now += 10
    assert verdict(world, world.board.incidents["1"]) == ("", "never_sent")


def test_a_refusal_that_speaks_of_the_moment_condemns_neither_repair_nor_group():
    """The gate found the unit changed, since systemd was at it; nothing was touched."""
    world = broken()
    world.down.add(Target("web2", "nginx"))
    opened(world)
    opened(world, "web2/nginx", 2)
    acted(world, "1", ended=Outcome.REFUSED)
    world.now += 10
    assert verdict(world, world.board.incidents["1"]) == ("", "act")


def test_waiting_for_the_canary_calls_nobody():
    world = broken(unit_state="activating")
    world.down.add(Target("web2", "nginx"))
    first = opened(world)
    held = decide(first, world.facts(first), None)
    assert isinstance(held, Hold)
    world.journal(ev.IncidentHeld("1", held.hold, held.verdicts))
    second = opened(world, "web2/nginx", 2)
    decision = decide(second, world.facts(second), None)
    assert isinstance(decision, Hold)
    words = [(one.reason, one.passing) for one in decision.verdicts if one.guard == "common_cause"]
    assert words == [("canary_first", True)]


def test_what_only_the_outside_misses_is_shown_to_a_person():
    world = World(outside=False)
    incident = opened(world)
    decision = decide(incident, world.facts(incident), None)
    assert isinstance(decision, Hold)
    assert (decision.hold.reason, decision.hold.passing) == ("outside_only", False)
