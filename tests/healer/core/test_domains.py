"""A lost failure domain is one incident: what it takes in, what it takes over, when it ends, and who hears of it."""

from dataclasses import replace

import pytest

from healer.core import incident_events as ie
from healer.core.alert import Target
from healer.core.attempt import Outcome
from healer.core.causes import Outages
from healer.core.correlate import MOST_SYMPTOMS, claims, correlate
from healer.core.decide import decide
from healer.core.decision import Close, Stay
from healer.core.facts import Evidence
from healer.core.incident import FOR_A_PERSON, Incident
from healer.core.plan import Escalate
from healer.core.recovery import seen_gone
from healer.core.states import State
from healer.core.topology import UNKNOWN_DOMAIN
from tests.healer.core.domains import ALL, RACKS, down, exporter, incidents, lost, racks, told
from tests.healer.core.guarded import acted
from tests.healer.core.world import NOW, World, alert, glance, with_databases

# --- One incident ---------------------------------------------------------------------------


def test_a_lost_rack_is_one_incident_with_all_that_fires_in_it() -> None:
    world = told(World(racks()), *ALL)
    assert incidents(world) == [("rack-a", ["web1", "web1", "web2", "web2/nginx"])]
    assert world.board.incidents["1"].confirmed


def test_what_fires_elsewhere_is_none_of_it() -> None:
    world = told(World(racks()), *ALL, down("web3"), alert(at="web3/nginx"), exporter("mon1"))
    assert sorted(target for target, _ in incidents(world)) == ["mon1", "rack-a", "web3"]


def test_an_alert_alone_opens_nothing_about_a_domain_and_swallows_nothing() -> None:
    world = told(World(racks()), *ALL, true=False)
    assert sorted(target for target, _ in incidents(world)) == ["web1", "web2/nginx"]


def test_whether_a_domain_is_lost_is_asked_of_the_evidence_before_anything_is_opened() -> None:
    world, shallow = World(racks()), exporter("web1")
    outages = Outages.seen(world.board, [shallow, lost()], world.topology)
    assert claims(world.board, [shallow, lost()], outages) == [lost()]
    told(world, lost())
    assert claims(world.board, [lost()], outages) == []


@pytest.mark.parametrize("domain", ["rack-0", "rack-z", UNKNOWN_DOMAIN])
def test_one_node_alone_and_nodes_of_which_nobody_said_it_are_no_domain(domain: str) -> None:
    cluster = racks({"web3": UNKNOWN_DOMAIN, "web4": UNKNOWN_DOMAIN})
    assert not cluster.knows(Target("", domain=domain))
    assert cluster.nodes_in(domain) == frozenset()


def test_a_part_of_a_rack_is_no_lost_rack() -> None:
    world = told(World(racks()), down("web1"), alert(at="web1/nginx"), exporter("web2"))
    assert sorted(incidents(world)) == [("web1", ["web1/nginx"]), ("web2", [])]


def test_who_needs_what_stood_in_the_rack_is_explained_by_its_loss() -> None:
    cluster = with_databases(racks(), 2)
    loss = lost("rack-9")
    apps = [alert(at="web1/app"), alert(at="web3/app")]
    world = told(World(cluster), loss, *apps, down("db1"), down("db2"))
    assert incidents(world) == [("rack-9", ["db1", "db2", "web1/app", "web3/app"])]


def test_a_rack_may_have_as_many_alerts_for_each_node_as_one_node_has() -> None:
    world = told(World(racks()), lost())
    flood = [
        replace(exporter(f"web{1 + number % 2}"), fingerprint=f"f{number}", began_at=NOW + number)
        for number in range(3 * MOST_SYMPTOMS)
    ]
    seen = glance(missed=("web1", "web2"))
    for found in correlate(world.board, flood, world.topology, picture=seen):
        world.journal(*found)
    assert len(world.board.incidents["1"].symptoms) == 2 * MOST_SYMPTOMS


# --- A cause that comes late ----------------------------------------------------------------


def test_the_loss_takes_over_what_was_opened_for_its_nodes_before_it_was_whole() -> None:
    world = told(World(racks()), exporter("web1"), alert(at="web2/nginx"), alert(at="web3/nginx"))
    assert len(world.board.open) == 3
    told(world, *ALL, alert(at="web3/nginx"))
    assert incidents(world) == [
        ("web3/nginx", []),
        ("rack-a", ["web1", "web1", "web2", "web2/nginx"]),
    ]
    assert [one.outcome for one in world.board.ended.values()] == ["merged", "merged"]


def test_what_was_taken_away_for_a_node_stays_with_its_own_incident() -> None:
    world = told(World(racks()), alert(at="web1/nginx"))
    before = world.board.incidents["1"]
    acted(world, "1", ended=Outcome.VERIFIED)
    marked = world.board.incidents["1"].attempts[0]
    world.board.incidents["1"] = replace(
        before, attempts=(replace(marked, action="pool.drain"),), state=State.MITIGATED
    )
    told(world, *ALL, alert(at="web1/nginx"))
    assert ("web1/nginx", []) in incidents(world)
    assert len(world.board.open) == 2


def test_a_repair_under_way_ends_under_its_own_name_and_then_belongs_to_the_loss() -> None:
    world = told(World(racks()), alert(at="web1/nginx"))
    acted(world, "1", ended=None)
    told(world, *ALL, alert(at="web1/nginx"))
    acting = world.board.incidents["1"]
    assert (str(acting.target), acting.state) == ("web1/nginx", State.ACTING)
    world.journal(ie.ActionEnded("1", acting.attempts[0].action_id, Outcome.FAILED, "", "", 0.0))
    told(world, *ALL, alert(at="web1/nginx"))
    assert [target for target, _ in incidents(world)] == ["rack-a"]
    # A member elsewhere that fails alike still hears that the repair did not help.
    other = told(world, alert(at="web3/nginx")).board.open[-1]
    assert [one.id for one in world.board.alike(other)] == ["1"]


def test_what_a_person_said_no_to_stays_theirs_beside_the_loss() -> None:
    world = told(World(racks()), alert(at="web1/nginx"))
    world.journal(ie.ApprovalDenied("1", 0, "ann"))
    told(world, *ALL, alert(at="web1/nginx"))
    assert world.board.incidents["1"].state is State.ESCALATED
    assert sorted(target for target, _ in incidents(world)) == ["rack-a", "web1/nginx"]


# --- Nested and overlapping -----------------------------------------------------------------


def test_the_smallest_domain_with_all_lost_nodes_is_the_cause() -> None:
    switch = {"web1", "web2", "web3"}
    world = World(racks(switch=switch, hall={"web1", "web2", "web3", "web4"}))
    told(world, *ALL)
    assert [target for target, _ in incidents(world)] == ["rack-a"]
    told(world, *ALL, lost("switch"), down("web3"))
    assert incidents(world) == [
        ("switch", ["rack-a", "web1", "web1", "web2", "web2/nginx", "web3"])
    ]


def test_of_two_domains_with_the_same_nodes_the_first_by_name_is_the_cause() -> None:
    world = World(racks(pdu={"web1", "web2"}))
    told(world, lost("rack-a"), lost("pdu"), down("web1"), down("web2"))
    assert incidents(world) == [("pdu", ["rack-a", "web1", "web2"])]


def test_a_wider_loss_goes_on_in_the_incident_of_the_smaller_one() -> None:
    world = told(World(racks(power={"web1", "web2", "web3"})), lost())
    told(world, lost(), lost("power"))
    assert [(one.id, str(one.target)) for one in world.board.open] == [("1", "power")]
    assert not world.board.ended


def test_of_two_that_overlap_each_is_lost_and_the_smaller_one_has_the_node_of_both() -> None:
    world = World(racks(switch={"web2", "web3", "web4"}))
    nodes = [down(f"web{number}") for number in (1, 2, 3, 4)]
    told(world, lost(), lost("switch"), *nodes)
    assert sorted(incidents(world)) == [
        ("rack-a", ["web1", "web2"]),
        ("switch", ["web3", "web4"]),
    ]


# --- The end --------------------------------------------------------------------------------


def said(world: World, *dark: str, firing: bool = True, clear: float | None = None):
    """Decide about incident 1 while these nodes are heard of by nobody."""
    incident: Incident = world.board.incidents["1"]
    world.dark = set(dark)
    facts = world.facts(incident)
    assert facts.evidence is not None
    evidence = Evidence(firing, facts.evidence.reading)
    return decide(incident, replace(facts, evidence=evidence), clear)


def test_no_ladder_acts_upon_it_and_a_person_reads_what_is_lost_and_where() -> None:
    world = told(World(racks()), *ALL)
    escalated = said(world, "web1", "web2")
    assert isinstance(escalated, Escalate)
    assert escalated.reason == FOR_A_PERSON
    assert "rack-a" in escalated.detail
    assert "web1, web2" in escalated.detail
    world.journal(ie.IncidentEscalated("1", escalated.reason, escalated.detail))
    # Their own alert has called them already.
    assert not world.board.incidents["1"].calls
    assert isinstance(said(world, "web1", "web2"), Stay)


@pytest.mark.parametrize(
    ("dark", "firing", "gone"),
    [
        (("web1", "web2"), True, False),
        (("web2",), False, False),  # its witness is gone too: nothing says that it is back
        ((), True, False),
        ((), False, True),
    ],
)
def test_it_is_gone_when_each_of_its_nodes_is_heard_of_again(dark, firing, gone) -> None:
    world = told(World(racks()), *ALL)
    incident = world.board.incidents["1"]
    world.dark = set(dark)
    facts = world.facts(incident)
    assert facts.evidence is not None
    facts = replace(facts, evidence=Evidence(firing, facts.evidence.reading))
    assert seen_gone(incident, facts) is gone


def test_it_closes_as_cleared_and_what_fires_on_has_an_incident_of_its_own() -> None:
    world = told(World(racks()), *ALL)
    world.journal(ie.IncidentEscalated("1", FOR_A_PERSON, ""))
    over = said(world, firing=False, clear=60.0)
    assert isinstance(over, Close)
    assert over.outcome == "cleared"
    world.journal(ie.IncidentClosed("1", over.outcome, over.detail))
    told(world, alert(at="web2/nginx"), present=tuple(RACKS))
    assert incidents(world) == [("web2/nginx", [])]


def test_what_fires_on_a_node_that_is_back_is_treated_while_the_others_stay_explained() -> None:
    world = told(World(racks()), *ALL, alert(at="web1/nginx"))
    told(world, *ALL, alert(at="web1/nginx"), present=("mon1", "web1"))
    assert incidents(world) == [
        ("rack-a", ["web1", "web2", "web2/nginx"]),
        ("web1", []),
        ("web1/nginx", []),
    ]
    # It goes again before the rack is whole: the same loss.
    told(world, *ALL, alert(at="web1/nginx"))
    assert [target for target, _ in incidents(world)] == ["rack-a"]


def test_what_leaves_the_domain_s_incident_has_its_own_within_the_same_look() -> None:
    late = alert(at="web1/nginx")
    world = told(World(racks()), late)
    told(world, *ALL, late)
    assert [target for target, _ in incidents(world)] == ["rack-a"]
    found = frozenset({lost().fingerprint})  # of the late one nothing is found again
    seen = glance(missed=("web2",), present=("mon1", "web1"))
    for changes in correlate(world.board, [*ALL, late], world.topology, found, seen):
        world.journal(*changes)
    assert ("web1/nginx", []) in incidents(world)


@pytest.mark.parametrize("picture", ["none", "half"])
def test_where_nobody_can_tell_a_lost_node_from_one_that_is_back_nothing_is_taken_in_or_let_go(
    picture: str,
) -> None:
    firing = (*ALL, alert(at="web1/nginx"))
    world = told(World(racks()), *firing)
    told(world, *firing, present=("mon1", "web1"))
    before = incidents(world)
    assert [target for target, _ in before] == ["rack-a", "web1", "web1/nginx"]
    left = ("mon1",) if picture == "half" else ()
    told(world, *firing, present=left, missed=())
    assert incidents(world) == before
    # What nobody has placed yet stands by itself meanwhile.
    told(world, *firing, alert(at="web2/app"), present=left, missed=())
    assert incidents(world) == [*before, ("web2/app", [])]


def test_who_needs_a_lost_rack_leaves_its_incident_only_once_all_of_it_is_heard_of() -> None:
    cluster = with_databases(racks(), 2)
    firing = (lost("rack-9"), alert(at="web1/app"), down("db1"), down("db2"))
    world = told(World(cluster), *firing)
    whole = incidents(world)
    assert whole == [("rack-9", ["db1", "db2", "web1/app"])]
    told(world, *firing[:2], present=("mon1", "db1"), missed=())
    assert incidents(world) == whole
    told(world, *firing[:2], present=("mon1", "db1", "db2"), missed=())
    assert ("web1/app", []) in incidents(world)
