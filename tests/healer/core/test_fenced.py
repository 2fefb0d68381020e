"""A dead node is cut off by one that lives, and only then may another one have what only one may have."""

from dataclasses import replace

import pytest

from healer.core import incident_events as ie
from healer.core.actions import steps
from healer.core.alert import Target
from healer.core.attempt import Attempt, Outcome
from healer.core.decide import decide, unheard
from healer.core.decision import Act, Hold, Mitigate, Stay
from healer.core.facts import Facts
from healer.core.incident import Incident
from healer.core.ladder import Ladder, Mode, Rung, Verification
from healer.core.look import Heard
from healer.core.plan import Escalate, to_hear
from healer.core.states import State
from healer.core.topology import Stores, Topology
from healer.core.verification import Proof, Verified, verify
from tests.healer.core.guarded import opened, said
from tests.healer.core.world import CALL, NOW, RESTART, World, alert, topology

UP = Verification("up", 0.0, within_seconds=300.0, soak_seconds=0.0)
FENCING = Rung("node.fence", None, False, 60.0, UP, attempts=1, wait_seconds=0.0)
ARGS = (("node", "web1"), ("owner", f"incident:{NOW:.0f}.1"))


def pair(*rungs: Rung, mode: Mode = Mode.ACT, web: int = 2) -> Topology:
    """One of the web nodes runs nginx at a time; mon1 and the others can cut the power of each."""
    plain = topology(web=web, mode=mode)
    alone = replace(plain.services["nginx"], exclusive=True)
    ladders = {
        "fence-node": Ladder("fence-node", mode, (*(rungs or (FENCING,)), CALL)),
        "restart-service": Ladder("restart-service", mode, (RESTART, CALL)),
    }
    members = plain.groups["web"].nodes
    fencing = {one: ("mon1", *(host for host in members if host != one)) for one in members}
    services = {"nginx": alone, "hale-exporter": plain.services["hale-exporter"]}
    return replace(plain, services=services, ladders=ladders, fencing=fencing)


def dead(**changes: object) -> tuple[World, Incident]:
    """web1 ran nginx and is heard of no more; web2 does not run it."""
    world = World(topology=pair(), dark={"web1"}, unit_state="inactive")
    for name, value in changes.items():
        setattr(world, name, value)
    world.down |= {Target("web1"), Target("web2", "nginx")}
    incident = opened(world, "web1", heal="fence-node")
    world.now += 60  # others that fail alike would be told of by then
    return world, incident


def decided(world: World, incident: Incident) -> object:
    return decide(world.board.incidents[incident.id], world.facts(incident), None)


def attempt(world: World, incident: Incident, action: Act, outcome: Outcome, reason: str) -> None:
    """Journal what was decided, and how its gate said that it ended."""
    chosen = action.proposal
    action_id = f"1.1.{world.seq}"
    world.journal(
        ie.ActionIntended(
            *(incident.id, action_id, chosen.ladder.name, chosen.rung_index, chosen.rung.action),
            *(chosen.target, incident.target, chosen.gate, chosen.args, chosen.footprint),
            *("ledger-1", action.expect, NOW + 60, action.verdicts),
            verify=chosen.rung.verify,
            ladder_digest=chosen.ladder.digest,
        ),
        ie.ActionEnded(incident.id, action_id, outcome, reason, "", world.now),
    )


def proved(world: World, incident: Incident, *, verified: bool = True) -> None:
    last = world.board.incidents[incident.id].attempts[-1]
    world.journal(ie.VerificationEnded(incident.id, last.action_id, verified, False, "", ""))


def fence(world: World, incident: Incident) -> None:
    """Have web1 fenced and proved."""
    action = decided(world, incident)
    assert isinstance(action, Act)
    attempt(world, incident, action, Outcome.DONE, "fenced")
    proved(world, incident)


# --- node.fence -----------------------------------------------------------------------------


def test_a_dead_node_is_cut_off_through_another_ones_gate():
    world, incident = dead()
    action = decided(world, incident)
    assert isinstance(action, Act)
    assert (action.proposal.gate, action.proposal.args) == ("mon1", ARGS)
    assert action.proposal.footprint.targets == {
        Target("web1"),
        Target("web1", "nginx"),
        Target("web1", "hale-exporter"),
    }
    assert action.expect == '{"boot_id":"boot-1"}'


def test_of_fencing_hosts_one_that_lives_does_it_and_one_is_enough():
    world, incident = dead()
    facts = world.facts(incident)
    silent = replace(facts, gates={**facts.gates, "mon1": Heard(None, "no route")})
    action = decide(incident, silent, None)
    assert isinstance(action, Act)
    assert action.proposal.gate == "web2"
    fence(world, incident)
    assert isinstance(decided(world, incident), Mitigate)


def test_what_one_host_could_not_do_another_one_tries():
    world, incident = dead()
    first = decided(world, incident)
    assert isinstance(first, Act)
    attempt(world, incident, first, Outcome.FAILED, "fence_refused")
    world.now += 10  # Prometheus has a sample of after it
    second = decided(world, incident)
    assert isinstance(second, Act)
    assert second.proposal.gate == "web2"
    attempt(world, incident, second, Outcome.FAILED, "still_on")
    assert isinstance(decided(world, incident), Escalate)


def test_a_fencing_whose_outcome_is_unknown_is_not_proved_by_a_node_that_is_missed():
    world, incident = dead()
    action = decided(world, incident)
    assert isinstance(action, Act)
    attempt(world, incident, action, Outcome.UNKNOWN, "deadline")
    last = world.board.incidents["1"].attempts[-1]
    proof = Proof(None, None)
    assert type(verify(UP, last, proof, None, 0.0)).__name__ == "NotVerified"


@pytest.mark.parametrize("seen", ["gate", "scrape"])
def test_whoever_is_heard_of_is_not_cut_off(seen):
    world, incident = dead()
    facts = world.facts(incident)
    if seen == "gate":
        gates = {**facts.gates, "web1": facts.heard("web2")}
        facts = replace(facts, gates=gates)
    else:
        assert facts.picture is not None
        nodes = {**facts.picture.nodes, "web1": facts.picture.nodes["web2"]}
        facts = replace(facts, picture=replace(facts.picture, nodes=nodes))
    held = decide(incident, facts, None)
    assert isinstance(held, Hold)
    assert (
        next(one for one in held.verdicts if one.guard == "two_witnesses").reason == "one_witness"
    )


def test_a_dead_node_is_out_of_its_groups_already_and_is_still_no_voter_to_spare():
    world, incident = dead()
    assert said(world, incident, "capacity").allowed
    groups = {**world.topology.groups, "web": replace(world.topology.groups["web"], votes=True)}
    world.topology = replace(world.topology, groups=groups)
    assert said(world, incident, "quorum").reason == "quorum"


def test_a_node_with_the_last_good_copy_is_not_cut_off():
    world, incident = dead()
    services = dict(world.topology.services)
    services["nginx"] = replace(services["nginx"], stores=Stores.ONLY_COPY)
    world.topology = replace(world.topology, services=services)
    assert said(world, incident, "last_copy").reason == "last_copy"


def test_nothing_of_the_control_plane_is_cut_off():
    world, _ = dead()
    world.topology = replace(world.topology, fencing={"mon1": ("web1",)})
    incident = opened(world, "mon1", number=2, heal="fence-node", group="control")
    world.dark = {"mon1"}
    assert said(world, incident, "known_target").reason == "control_plane"


def test_a_node_that_nobody_can_fence_is_a_persons():
    world, incident = dead()
    world.topology = replace(world.topology, fencing={})
    assert steps("node.fence", Target("web1"), world.topology, "me") == ()
    assert isinstance(decided(world, incident), Escalate)


def test_a_person_is_asked_where_the_rung_says_so():
    world, incident = dead()
    world.topology = replace(
        world.topology,
        ladders={
            "fence-node": Ladder("fence-node", Mode.ACT, (replace(FENCING, approve=True), CALL))
        },
    )
    assert said(world, incident, "approved").reason == "approval_needed"


# --- what another node may start then -------------------------------------------------------


def takeover(world: World) -> tuple[Incident, Facts]:
    incident = opened(world, "web2/nginx", number=2)
    world.now += 60
    return incident, world.facts(incident)


def answer(incident: Incident, facts: Facts) -> tuple[str | None, str]:
    decision = decide(incident, facts, None)
    assert isinstance(decision, Hold | Act)
    verdict = next(one for one in decision.verdicts if one.guard == "fenced")
    return verdict.reason, verdict.have


@pytest.mark.parametrize(
    ("fenced", "powers", "reason"),
    [
        ({"web1": "mon1"}, {"web1": "off"}, None),
        ({"web1": "web2"}, {"web1": "off"}, None),
        ({"web1": "mon1"}, {"web1": "on"}, "not_fenced"),
        ({"web1": "mon1"}, {"web1": "unknown"}, "not_fenced"),
        ({"web1": "mon1"}, {}, "not_fenced"),
        ({}, {"web1": "off"}, "not_fenced"),
    ],
    ids=str,
)
def test_it_takes_over_with_the_mark_and_a_fresh_reading_and_with_nothing_less(
    fenced, powers, reason
):
    world, _ = dead(fenced=fenced, powers=powers)
    assert answer(*takeover(world))[0] == reason


def test_who_reads_it_off_has_to_be_who_fenced_it():
    world, _ = dead(fenced={"web1": "mon1"}, powers={"web1": "off"})
    incident, facts = takeover(world)
    look = facts.heard("mon1").look
    assert look is not None
    unread = replace(facts, gates={**facts.gates, "mon1": Heard(replace(look, powers={}))})
    assert answer(incident, unread)[0] == "not_fenced"


def test_a_fenced_node_whose_own_gate_answers_is_believed_and_not_its_power_device():
    world, _ = dead(fenced={"web1": "mon1"}, powers={"web1": "off"}, dark=set())
    assert answer(*takeover(world)) == ("not_fenced", "nginx on web1: active")


def test_the_service_starts_where_it_never_ran_since_the_boot():
    world, _ = dead(fenced={"web1": "mon1"}, powers={"web1": "off"}, unit_age=None)
    assert isinstance(decide(*takeover(world), None), Act)


def test_power_is_asked_for_only_of_a_node_whose_gate_is_silent():
    world, _ = dead(fenced={"web1": "mon1"})
    incident, facts = takeover(world)
    assert "power:web1" not in str(to_hear(incident, world.topology))
    wanted = unheard(incident, facts)
    assert {host for host, names in wanted.items() if "power:web1" in names} == {"mon1", "web2"}
    assert "nginx.service" in wanted["web2"]
    world.powers = {"web1": "off"}
    assert unheard(incident, world.facts(incident)) == {}
    world.dark = set()
    world.powers = {}
    assert unheard(incident, world.facts(incident)) == {}


# --- until a person admits it ---------------------------------------------------------------


def test_what_was_fenced_stays_off_though_its_trouble_is_gone():
    world, incident = dead()
    fence(world, incident)
    world.journal(ie.IncidentMitigated("1", "it is off"))
    world.down, world.dark = set(), set()
    known = world.board.incidents["1"]
    held = decide(known, world.facts(known), 60.0)
    assert isinstance(held, Hold)
    assert (held.proposal.rung.action, held.hold.reason) == ("node.unfence", "not_admitted")


@pytest.mark.parametrize("mitigated", [True, False])
def test_a_person_admits_it_then_it_is_switched_on_while_it_is_still_missed(mitigated):
    world, incident = dead()
    fence(world, incident)
    if mitigated:
        world.journal(ie.IncidentMitigated("1", "it is off"))
    else:
        world.journal(ie.IncidentEscalated("1", "ladder_exhausted", ""))
    world.journal(ie.NodeAdmitted("1", "ann"))
    action = decided(world, incident)
    assert isinstance(action, Act)
    assert (action.proposal.rung.action, action.proposal.gate) == ("node.unfence", "mon1")
    attempt(world, incident, action, Outcome.DONE, "unfenced")
    last: Attempt = world.board.incidents["1"].attempts[-1]
    assert isinstance(verify(UP, last, Proof(None, None), None, 0.0), Verified)
    proved(world, incident)
    assert world.board.incidents["1"].marks == ()
    assert isinstance(decided(world, incident), Stay)  # it boots: nothing is tried meanwhile


def test_an_admitted_node_that_does_not_come_back_is_a_persons():
    world, incident = dead()
    fence(world, incident)
    world.journal(ie.NodeAdmitted("1", "ann"))
    action = decided(world, incident)
    assert isinstance(action, Act)
    attempt(world, incident, action, Outcome.DONE, "unfenced")
    proved(world, incident)
    world.now += 601
    decision = decided(world, incident)
    assert isinstance(decision, Escalate)
    assert decision.reason == "not_back"


def test_one_that_came_back_is_over_and_may_be_fenced_again_another_time():
    world, incident = dead()
    fence(world, incident)
    world.journal(ie.NodeAdmitted("1", "ann"))
    action = decided(world, incident)
    assert isinstance(action, Act)
    attempt(world, incident, action, Outcome.DONE, "unfenced")
    proved(world, incident)
    world.down, world.dark = set(), set()
    known = world.board.incidents["1"]
    assert type(decide(known, world.facts(known), 60.0)).__name__ == "Close"


def test_adoption_gives_an_admitted_node_back_to_its_ladder():
    world, incident = dead()
    fence(world, incident)
    world.journal(ie.NodeAdmitted("1", "ann"), ie.IncidentEscalated("1", "not_back", ""))
    world.journal(ie.IncidentAdopted("1", "ann"))
    known = world.board.incidents["1"]
    assert (known.state, known.admitted_by) == (State.OPEN, None)


def test_alert_names_are_no_grounds_for_a_fencing():
    world = World(topology=pair(), dark={"web1"})
    world.journal(
        ie.IncidentOpened("1", alert("NodeDown", "web1", heal="fence-node"), "fence-node", "d1")
    )
    incident = world.board.incidents["1"]
    assert said(world, incident, "still_true").reason == "not_confirmed"
