"""Whatever the members of a database are like, nothing is done that could lose data, and the gate would say the same.

The oracle below is written from the promises, not from the code: who may lead next, whose data may be removed, and
which node may go.
"""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gate import databases as gates
from gate.database_rule import DatabaseRule
from gate.patroni import MemberSeen, Own, Sight
from gate.words import Refused
from healer.core.alert import Target
from healer.core.databases import candidates
from healer.core.decide import decide
from healer.core.decision import Act, Hold
from healer.core.facts import Facts
from healer.core.incident import Incident
from healer.core.look import DatabaseLook, DatabaseMember, Heard
from healer.core.plan import to_hear
from healer.core.verdict import Verdict
from tests.healer.core.guarded import opened, said
from tests.healer.core.replicated import NODES, lead, replicated
from tests.healer.core.world import World

MOST = 1024 * 1024

members = st.builds(
    DatabaseMember,
    role=st.sampled_from(["replica", "replica", "sync_standby"]),
    state=st.sampled_from(["running", "running", "running", "stopped", "start failed", "starting"]),
    timeline=st.sampled_from([4, 4, 4, 3, 5, None]),
    lag_bytes=st.sampled_from([0, 0, 100, MOST, MOST + 1, None]),
    barred=st.sampled_from([False, False, True]),
)


@st.composite
def looks(draw: st.DrawFn) -> DatabaseLook:
    found = {name: draw(members) for name in NODES}
    leader = draw(st.sampled_from([*NODES, None]))
    timeline = None
    if leader is not None:
        found[leader] = replace(found[leader], role="leader", lag_bytes=None)
        timeline = found[leader].timeline
    gone = draw(st.sets(st.sampled_from(NODES), max_size=1)) - {leader}
    return DatabaseLook(
        leader,
        timeline,
        paused=draw(st.sampled_from([False, False, False, True])),
        synchronous=draw(st.booleans()),
        members={name: one for name, one in found.items() if name not in gone},
    )


# --- The oracle -----------------------------------------------------------------------------


def has_all(look: DatabaseLook, node: str) -> bool:
    one = look.members.get(node)
    if one is None or one.state != "running" or one.timeline is None:
        return False
    if one.timeline != look.timeline:
        return False
    return node == look.leader or (one.lag_bytes is not None and one.lag_bytes <= MOST)


def may_lead(look: DatabaseLook, node: str) -> bool:
    one = look.members.get(node)
    if one is None or not has_all(look, node) or one.barred:
        return False
    return not look.synchronous or one.role == "sync_standby"


def copies_besides(look: DatabaseLook, node: str) -> int:
    return sum(has_all(look, other) for other in NODES if other != node)


# --- What is decided ------------------------------------------------------------------------


def broken(look: DatabaseLook, at: str) -> World:
    """A world with that database, in which one thing fails and all else rests."""
    world = replicated(budget_node=100, budget_group=100, budget_cluster=100)
    world.databases["main"] = look
    world.primaries = {"main": {name: name == look.leader for name in NODES}}
    node, _, service = at.partition("/")
    world.down.add(Target(node, service or None))
    world.look()
    world.now += 300
    return world


def decided(world: World, at: str, heal: str, **labels: str):
    incident = opened(world, at, name="Fails", heal=heal, group="db", **labels)
    world.now += 300
    world.look()
    world.now += 1
    return decide(incident, world.facts(incident), None)


patient = settings(
    deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@patient
@given(looks(), st.sampled_from(NODES))
def test_only_a_leader_is_switched_over_and_only_to_one_that_has_all_and_may_lead(look, node):
    match decided(broken(look, node), node, "move-away"):
        case Act(proposal) if proposal.rung.action == "database.switchover":
            candidate = dict(proposal.args)["candidate"]
            assert look.leader == node != candidate
            assert may_lead(look, candidate)
            assert not look.paused
        case Act(proposal):
            assert proposal.rung.action == "database.bar"
            assert look.leader != node
            others = [one for one in NODES if one != node and has_all(look, one)]
            assert any(not look.members[one].barred for one in others)


@patient
@given(looks(), st.sampled_from(NODES))
def test_no_data_are_removed_but_of_a_replica_besides_the_leader_and_one_more_good_copy(look, node):
    world = broken(look, f"{node}/postgres")
    ladder = world.topology.ladders["database"]
    only = replace(ladder, rungs=ladder.rungs[1:])
    ladders = {**world.topology.ladders, "database": only}
    world.topology = replace(world.topology, ladders=ladders)
    match decided(world, f"{node}/postgres", "database"):
        case Act(proposal):
            assert proposal.rung.action == "database.reinit"
            assert look.leader not in (None, node)
            assert has_all(look, look.leader)
            assert copies_besides(look, node) >= 2
            assert not look.paused


@patient
@given(looks(), st.sampled_from(NODES))
def test_no_node_goes_that_leads_or_has_the_last_good_copy(look, node):
    if isinstance(decided(broken(look, node), node, "reboot-node"), Act):
        assert look.leader not in (None, node)
        assert has_all(look, look.leader)
        assert not look.paused


def waiting_for(look: DatabaseLook, standby: str) -> DatabaseLook:
    """The same database, whose commits wait for a standby."""
    members = {
        name: replace(one, role="sync_standby") if name == standby else one
        for name, one in look.members.items()
    }
    return replace(look, synchronous=True, members=members)


@pytest.mark.parametrize(
    ("leader_says", "others_say", "chosen"),
    [("db3", "db3", "db3"), ("db3", "db2", None), ("db2", "db3", None)],
)
def test_who_is_to_lead_is_the_standby_by_every_gate_that_says_who_it_is(
    leader_says, others_say, chosen
):
    world = replicated()
    world.databases["main"] = waiting_for(world.databases["main"], others_say)
    said = waiting_for(replicated().databases["main"], leader_says)
    facts = world.facts(opened(world, "db1", name="Fails", heal="move-away", group="db"))
    heard = facts.heard("db1").look
    own = {"db1": Heard(replace(heard, databases={"main": said}))}
    facts = replace(facts, gates={**facts.gates, **own})
    assert candidates(world.topology.databases["main"], "db1", facts).best == chosen


@pytest.mark.parametrize("heal", ["move-away", "reboot-node", "database"])
@pytest.mark.parametrize("differ", [False, True])
def test_what_no_gate_says_or_two_say_differently_is_unknown(heal, differ):
    world = broken(replicated().databases["main"], "db1")
    at = "db1/postgres" if heal == "database" else "db1"
    world.down.add(Target("db1", "postgres"))
    incident = opened(world, at, name="Fails", heal=heal, group="db")
    world.now += 300
    world.look()
    facts = world.facts(incident)
    gates_said = dict(facts.gates)
    for number, name in enumerate(NODES):
        look = gates_said[name].look
        assert look is not None
        said = {"main": replace(world.databases["main"], timeline=number)} if differ else {}
        gates_said[name] = Heard(replace(look, databases=said))
    assert not isinstance(decide(incident, replace(facts, gates=gates_said), None), Act)


# --- The gate says the same -----------------------------------------------------------------


RULE = DatabaseRule(
    url="http://127.0.0.1:8008",
    scope="main",
    member="db1",
    members=NODES,
    unit="patroni.service",
    credentials=None,
    bar_file="/var/lib/hale-gate/bar/main.yml",
    max_lag_bytes=MOST,
)


def sight(look: DatabaseLook) -> Sight:
    """The same database as the gate has it."""
    found = {
        name: MemberSeen(one.role, one.state, one.timeline, one.lag_bytes, one.barred)
        for name, one in look.members.items()
    }
    return Sight(look.leader, look.timeline, look.paused, look.synchronous, False, found)


def gate_lets(check, *args) -> bool:
    try:
        check(*args)
    except Refused:
        return False
    return True


@patient
@given(looks(), st.sampled_from(NODES), st.sampled_from(NODES))
def test_a_gate_lets_none_lead_and_no_data_go_that_the_promises_do_not(look, node, other):
    streaming = tuple(NODES)
    own = Own("running", True, look.timeline, "today", streaming, barred=False)
    if other != look.leader:
        lets = gate_lets(gates.fit_to_lead, other, sight(look), own, RULE)
        assert lets == may_lead(look, other)
    wiped = gate_lets(gates.may_be_wiped, node, sight(look), RULE)
    safe = look.leader not in (None, node) and has_all(look, look.leader)
    assert wiped == (safe and copies_besides(look, node) >= 2)


# --- Who is left alone -----------------------------------------------------------------------


def test_a_leader_that_changed_after_the_last_scrape_has_just_changed():
    world = replicated()
    world.down.add(Target("db3", "postgres"))
    incident = opened(world, "db3/postgres", heal="database")
    facts = world.facts(incident)
    assert settled(incident, facts) is None
    lead(world, "db2")
    moved = world.facts(incident)
    assert settled(incident, replace(moved, picture=facts.picture)) == "leader_settling"


def test_where_nobody_leads_it_says_so_and_not_that_the_leader_changed():
    world = replicated()
    world.down.add(Target("db3", "postgres"))
    incident = opened(world, "db3/postgres", heal="database")
    world.databases["main"] = replace(world.databases["main"], leader=None)
    world.primaries = {one: dict.fromkeys(said, False) for one, said in world.primaries.items()}
    said = owner_settled(incident, world.facts(incident))
    assert said.sentence == "Nobody leads main; Patroni has its own time first."
    world.look()
    world.now += 400
    said = owner_settled(incident, world.facts(incident))
    assert said.allowed
    assert "main led by nobody for 400 s" in said.have
    assert "no change of who leads for 30 s" in said.need


def settled(incident: Incident, facts: Facts) -> str | None:
    """Return why who leads is not settled, whatever other guards say."""
    return owner_settled(incident, facts).reason


def owner_settled(incident: Incident, facts: Facts) -> Verdict:
    decision = decide(incident, facts, None)
    assert isinstance(decision, Hold | Act)
    return next(one for one in decision.verdicts if one.guard == "owner_settled")


@pytest.mark.parametrize(
    ("locked", "held", "why"),
    [({"db2": "roll 1"}, {}, "locked"), ({}, {"db2": "a fan"}, "a person holds it")],
)
def test_who_is_in_other_hands_is_not_chosen_to_lead(locked, held, why):
    world = replicated()
    facts = world.facts(opened(world, "db1", name="Fails", heal="move-away"))
    facts = replace(facts, locked=locked, standing=replace(facts.standing, held=held))
    found = candidates(world.topology.databases["main"], "db1", facts)
    assert (found.best, found.unfit) == ("db3", {"db2": why})


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (DatabaseMember("replica", "stopped", None, None, barred=False), "owner_busy"),
        (DatabaseMember("replica", "start failed", None, None, barred=False), "owner_busy"),
        (DatabaseMember("replica", "running", 4, 0, barred=False), None),
        (None, None),  # its Patroni has told nothing for its whole ttl
    ],
)
def test_a_patroni_that_starts_or_rewinds_is_not_restarted_and_a_silent_one_is(member, reason):
    world = replicated()
    look = world.databases["main"]
    members = {name: one for name, one in look.members.items() if name != "db3"}
    members |= {"db3": member} if member is not None else {}
    world.databases["main"] = replace(look, members=members)
    world.down.add(Target("db3", "postgres"))
    incident = opened(world, "db3/postgres")
    assert to_hear(incident, world.topology)["db3"] == ("database:main", "patroni.service")
    assert said(world, incident, "owner_settled").reason == reason
