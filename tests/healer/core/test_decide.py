"""The next step of an incident: when it is over, who is there to act, how long to wait, and whom else to hear."""

from dataclasses import replace

import pytest

from healer.core.attempt import Outcome
from healer.core.decide import BY_HAND, UNSENT, decide, unheard
from healer.core.decision import Close, Hold, Mitigate
from healer.core.guards import GUARDS
from healer.core.incident import NOT_TRUE
from healer.core.ladder import Rung
from healer.core.look import Heard
from healer.core.picture import NodeHealth
from healer.core.states import State
from healer.core.storm import Weather
from healer.core.topology import EXPORTER, Node
from tests.healer.core.deciding import ONCE, climbing, decided, drained, said, with_member
from tests.healer.core.guarded import opened
from tests.healer.core.test_plan import attempt
from tests.healer.core.world import CALL, NOW, RESTART, World
from tests.healer.tier import DRAIN

# --- The end --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settled", "confirmed", "end"),
    [
        ("ann", True, Close(BY_HAND, "ann: moved")),
        ("ann", False, Close(BY_HAND, "ann: moved")),
        (None, True, Close("cleared", "seen clear for 9 s")),
        (None, False, Close(NOT_TRUE, "never found true on fresh evidence")),
    ],
)
def test_what_is_seen_clear_for_long_enough_is_over(
    settled: str | None, confirmed: bool, end: Close
) -> None:
    world = climbing(RESTART, CALL)
    one = replace(opened(world), settled_by=settled, settlement="moved", confirmed=confirmed)
    assert decide(one, world.facts(one), 9.0) == end


@pytest.mark.parametrize(
    ("rungs", "settled", "soak"),
    [
        ((RESTART, CALL), None, 3.0),
        ((replace(RESTART, verify=None), DRAIN, CALL), None, 2.0),  # the first that says
        ((replace(RESTART, verify=None), CALL), None, 30.0),
        ((), None, 30.0),
        ((RESTART, CALL), "ann", 0.0),  # a person's word needs no soak
    ],
)
def test_it_must_stay_clear_for_as_long_as_the_first_proof_of_its_ladder(
    rungs: tuple[Rung, ...], settled: str | None, soak: float
) -> None:
    world = climbing(*rungs)
    if not rungs:
        world.topology = replace(world.topology, ladders={})
    assert decided(world, soak, settled_by=settled).startswith("close")
    assert not decided(world, soak - 0.1 if soak else None, settled_by=settled).startswith("close")


def test_what_is_clear_already_is_nobodys_while_it_has_to_stay_so() -> None:
    world = climbing(CALL)
    assert decided(world, None) == "escalate for_a_person"
    assert decided(world, 1.0) == "stay"


@pytest.mark.parametrize(
    ("world", "state", "end"),
    [
        (climbing(RESTART, CALL), State.OPEN, "escalate came_back"),
        (climbing(RESTART, CALL), State.ESCALATED, "stay"),
        (climbing(RESTART, CALL, sample_age=61.0), State.OPEN, "stay"),
        (climbing(RESTART, CALL, prometheus=False), State.OPEN, "stay"),
    ],
)
def test_what_a_person_settled_is_left_to_them_and_told_where_it_is_true_again(
    world: World, state: State, end: str
) -> None:
    assert decided(world, settled_by="ann", state=state) == end


# --- Who is there to act --------------------------------------------------------------------


def test_what_nobody_hears_of_is_a_persons_and_else_what_was_tried_says_why() -> None:
    world = climbing(ONCE, CALL, dark={"web1"})
    assert decided(world) == "escalate node_gone"
    failed = attempt(opened(world), world.topology, "service.restart", outcome=Outcome.FAILED)
    assert decided(world, attempts=(failed,)) == "escalate ladder_exhausted"
    other = replace(failed, action="node.reboot")
    assert decided(world, attempts=(other,)) == "escalate ladder_exhausted"


@pytest.mark.parametrize(
    ("dark", "silent", "says"),
    [
        ({"web1"}, False, "pool.drain lb1"),
        ({"web1", "lb1"}, False, "pool.drain lb2"),
        ({"web1", "lb1", "web2"}, False, "service.restart web1"),  # nobody's death is proved then
        (set(), True, "service.restart web1"),
    ],
)
def test_a_step_whose_gate_is_proven_out_is_left_out(
    dark: set[str], silent: bool, says: str
) -> None:
    world = climbing(RESTART, DRAIN, CALL, dark=dark, gate="silent" if silent else "answers")
    assert decided(world) == says


@pytest.mark.parametrize(
    ("health", "majority", "storm", "lost"),
    [
        (NodeHealth(False, False), True, False, True),
        (NodeHealth(False, None), True, False, False),
        (NodeHealth(None, False), True, False, False),
        (NodeHealth(False, True), True, False, False),
        (None, True, False, False),
        (NodeHealth(False, False), False, False, False),  # we may be the ones who are cut off
        (NodeHealth(False, False), True, True, False),
    ],
)
def test_nobodys_death_is_proved_but_by_the_scrape_and_every_peer_of_a_majority_in_fair_weather(
    health: NodeHealth | None, majority: bool, storm: bool, lost: bool
) -> None:
    world = climbing(RESTART, DRAIN, CALL)
    if storm:
        weather = Weather.resumed(["web2"], world.topology)
        world.standing = replace(world.standing, weather=weather)
    one = opened(world)
    facts = world.facts(one)
    assert facts.picture is not None
    # An address book with many more nodes makes those that are seen a minority.
    if not majority:
        more = {f"far{place}": facts.topology.nodes["web2"] for place in range(20)}
        nodes = {**facts.topology.nodes, **more}
        facts = replace(facts, topology=replace(facts.topology, nodes=nodes))
    seen = {name: each for name, each in facts.picture.nodes.items() if name != "web1"}
    seen |= {} if health is None else {"web1": health}
    gates = {**facts.gates, "web1": Heard(None, "no route")}
    told = replace(facts, picture=replace(facts.picture, nodes=seen), gates=gates)
    assert said(decide(one, told, None)) == ("pool.drain lb1" if lost else "service.restart web1")
    answers = replace(told, gates=facts.gates)
    assert said(decide(one, answers, None)) == "service.restart web1"


def test_a_gate_that_is_busy_for_us_is_none_that_is_gone() -> None:
    world = climbing(RESTART, DRAIN, CALL, dark={"web1"})
    one = opened(world)
    facts = world.facts(one)
    busy = replace(facts, gates={**facts.gates, "web1": Heard(None, "", busy=True)})
    assert said(decide(one, busy, None)) == "service.restart web1"
    unknown = replace(facts, picture=None)
    assert said(decide(one, unknown, None)) == "service.restart web1"


@pytest.mark.parametrize(
    ("second", "dark", "state", "end"),
    [
        ({}, set(), State.OPEN, "mitigate"),
        ({"outcome": Outcome.FAILED}, {"lb2"}, State.OPEN, "mitigate"),
        ({"outcome": Outcome.FAILED}, {"lb2"}, State.MITIGATED, "stay"),
        ({"outcome": Outcome.FAILED}, set(), State.OPEN, "escalate ladder_exhausted"),
        ({"outcome": Outcome.FAILED}, set(), State.MITIGATED, "stay"),
        ({"outcome": Outcome.NOT_SENT}, set(), State.MITIGATED, "pool.drain lb2"),
    ],
)
def test_it_is_out_of_harms_way_once_every_balancer_that_lives_has_it_so(
    second: dict[str, object], dark: set[str], state: State, end: str
) -> None:
    world = climbing(DRAIN, CALL, dark=dark)
    marks = (drained(world, 0), drained(world, 1, **second))
    assert decided(world, attempts=marks, state=state) == end


def test_where_it_stands_out_of_harms_way_is_told() -> None:
    world = climbing(DRAIN, CALL)
    one = replace(opened(world), attempts=(drained(world, 0), drained(world, 1)))
    told = decide(one, world.facts(one), None)
    assert told == Mitigate("pool.drain of web1/nginx stands on lb1, lb2")


def test_what_is_out_of_harms_way_is_not_repaired_by_taking_more_away() -> None:
    world = climbing(RESTART, CALL)
    assert decided(world) == "service.restart web1"
    assert decided(world, state=State.MITIGATED) == "stay"


@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        ([(Outcome.NOT_SENT, "cut")] * (UNSENT - 1), ""),
        ([(Outcome.NOT_SENT, "cut")] * UNSENT, "never_sent"),
        ([(Outcome.NOT_SENT, "cut")] * (UNSENT - 1) + [(Outcome.REFUSED, "busy")], "busy"),
        ([(Outcome.NOT_SENT, "cut")] * UNSENT + [(Outcome.FAILED, "")], ""),
        ([(Outcome.FAILED, "")] + [(Outcome.NOT_SENT, "cut")] * UNSENT, "never_sent"),
    ],
)
def test_what_never_leaves_us_is_a_persons_in_the_end(
    ends: list[tuple[Outcome, str]], reason: str
) -> None:
    world = climbing(replace(RESTART, attempts=3), CALL)
    tried = tuple(
        attempt(opened(world), world.topology, "service.restart", outcome=one, reason=word)
        for one, word in ends
    )
    assert decided(world, attempts=tried) == (
        f"escalate {reason}" if reason else "service.restart web1"
    )


# --- Between two tries ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "place", "ago", "waits"),
    [
        ("service.restart", 0, 4.9, True),
        ("service.restart", 0, 5.0, False),
        ("service.reload", 0, 1.0, False),  # it waits for its own kind only
    ],
)
def test_a_step_waits_for_the_end_of_its_last_try_and_for_no_other(
    action: str, place: int, ago: float, waits: bool
) -> None:
    world = climbing(replace(RESTART, attempts=3), CALL)
    ends = {"outcome": Outcome.FAILED, "ended_at": NOW - ago}
    tried = attempt(opened(world), world.topology, action, place, **ends)
    one = replace(opened(world), attempts=(tried,))
    first = decide(one, world.facts(one), None)
    assert (isinstance(first, Hold) and first.hold.reason == "waiting") is waits
    assert not waits or (isinstance(first, Hold) and first.hold.passing)


def test_a_deeper_cause_is_waited_for_only_before_the_first_try() -> None:
    world = climbing(replace(RESTART, attempts=3, fast=False), CALL)
    world.topology = replace(world.topology, correlation_window=100.0)
    first, tried = opened(world), attempt(opened(world), world.topology, "service.restart")
    for attempts, waits in (((), True), ((replace(tried, ended_at=NOW - 10),), False)):
        one = replace(first, attempts=attempts)
        said_now = decide(one, world.facts(one), None)
        assert (isinstance(said_now, Hold) and said_now.hold.reason == "correlating") is waits


@pytest.mark.parametrize(("tries", "guard"), [(0, "common_cause"), (1, "attempts")])
def test_what_is_held_for_being_early_is_said_among_the_guards(tries: int, guard: str) -> None:
    world = climbing(replace(RESTART, attempts=3, fast=False), CALL)
    world.topology = replace(world.topology, correlation_window=100.0)
    ends = {"outcome": Outcome.FAILED, "ended_at": NOW - 2}
    tried = attempt(opened(world), world.topology, "service.restart", **ends)
    one = replace(opened(world), attempts=(tried,) * tries)
    held = decide(one, world.facts(one), None)
    assert isinstance(held, Hold)
    assert held.hold.guard == guard
    assert [each for each in held.verdicts if not each.allowed] == [held.hold]
    assert [each.guard for each in held.verdicts] == [each.name for each in GUARDS]


def test_a_balancer_does_not_wait_for_the_one_before() -> None:
    world = climbing(replace(DRAIN, attempts=2), CALL)
    ends = {"outcome": Outcome.FAILED, "ended_at": NOW - 2}
    one = replace(opened(world), attempts=(drained(world, 0, **ends),))
    facts = with_member(world.facts(one))
    assert said(decide(one, facts, None)) == "pool.drain lb2"


# --- Whom else to hear ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dark", "heard", "missing"),
    [
        (set(), {"web1"}, {}),  # it lives, so its restart is next
        ({"web1"}, {"web1"}, {"lb1": ("pool:web",), "lb2": ("pool:web",)}),
        ({"web1"}, {"web1", "lb1"}, {"lb2": ("pool:web",)}),
        ({"web1"}, {"web1", "lb1", "lb2"}, {}),
        ({"web1"}, set(), {"web1": ("nginx.service",)}),
        ({"web1", "lb1"}, {"web1", "lb1", "lb2"}, {}),
    ],
)
def test_who_acts_in_a_later_rung_is_heard_once_those_before_lead_nowhere(
    dark: set[str], heard: set[str], missing: dict[str, tuple[str, ...]]
) -> None:
    world = climbing(RESTART, DRAIN, CALL, dark=dark)
    one = opened(world)
    facts = world.facts(one)
    asked = replace(facts, gates={node: facts.gates[node] for node in heard})
    assert unheard(one, asked) == missing


def test_nobody_more_is_heard_where_it_is_out_of_harms_way() -> None:
    world = climbing(DRAIN, replace(RESTART, service=EXPORTER), CALL, dark={"lb2"})
    second = drained(world, 1, outcome=Outcome.FAILED)
    one = replace(opened(world), attempts=(drained(world, 0), second))
    facts = world.facts(one)
    gates = {node: facts.gates[node] for node in ("lb1", "lb2")}
    assert unheard(one, replace(facts, gates=gates)) == {}
    lives = replace(facts, gates={**gates, "lb2": facts.gates["lb1"]})
    assert unheard(one, lives) == {"web1": ("hale-exporter.service",)}
    untried, half = replace(one, attempts=()), replace(facts, gates=gates)
    assert unheard(untried, half) == {}  # lb1 is next
    alive = replace(one, attempts=(second,))
    assert unheard(alive, replace(facts, gates={"lb2": facts.gates["lb2"]})) == {
        "lb1": ("pool:web",)
    }


def test_the_next_rung_is_heard_while_one_balancer_of_those_that_failed_lives() -> None:
    world = climbing(DRAIN, replace(RESTART, service=EXPORTER), CALL, dark={"lb2"})
    plain = world.topology
    lb = replace(plain.groups["lb"], nodes=("lb1", "lb2", "lb3"))
    nodes = {**plain.nodes, "lb3": Node("lb3", "10.0.1.3", "rack-lb3")}
    world.topology = replace(plain, nodes=nodes, groups={**plain.groups, "lb": lb})
    failed = [drained(world, place, outcome=Outcome.FAILED) for place in (1, 2)]
    one = replace(opened(world), attempts=(drained(world, 0), *failed))
    facts = world.facts(one)
    gates = {node: facts.gates[node] for node in ("lb1", "lb2", "lb3")}
    half = replace(facts, gates=gates)
    assert unheard(one, half) == {"web1": ("hale-exporter.service",)}
    world.dark.add("lb3")
    assert unheard(one, replace(world.facts(one), gates={**gates, "lb3": gates["lb2"]})) == {}
