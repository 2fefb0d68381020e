"""A dead node without a ladder is an incident of its own, for a person."""

from healer.core import incident_events as ie
from healer.core.causes import Outages
from healer.core.correlate import claims
from healer.core.decide import decide
from healer.core.incident import FOR_A_PERSON
from healer.core.plan import Escalate
from healer.core.recovery import seen_gone
from tests.healer.core.domains import down, exporter, incidents, lost, racks, told
from tests.healer.core.world import World, alert


def test_a_dead_node_without_a_ladder_is_an_incident_of_its_own_that_calls_nobody() -> None:
    world = told(World(racks()), down("web1"))
    assert incidents(world) == [("web1", [])]
    dead = world.board.incidents["1"]
    assert dead.confirmed
    decided = decide(dead, world.facts(dead), None)
    assert isinstance(decided, Escalate)
    assert decided.reason == FOR_A_PERSON
    world.journal(ie.IncidentEscalated("1", decided.reason, decided.detail))
    assert not world.board.incidents["1"].calls


def test_a_dead_nodes_alert_alone_opens_nothing_and_is_asked_of_the_evidence() -> None:
    world = told(World(racks()), down("web1"), true=False)
    assert world.board.open == []
    outages = Outages.seen(world.board, [down("web1")], world.topology)
    assert claims(world.board, [down("web1")], outages) == [down("web1")]
    told(world, down("web1"))
    assert claims(world.board, [down("web1")], outages) == []


def test_what_fires_on_a_dead_node_joins_it_and_what_fires_elsewhere_does_not() -> None:
    world = told(World(racks()), down("web1"))
    told(world, down("web1"), alert(at="web1/nginx"), exporter("web1"), alert(at="web3/nginx"))
    assert sorted(incidents(world)) == [("web1", ["web1", "web1/nginx"]), ("web3/nginx", [])]


def test_another_alert_without_a_ladder_opens_nothing_though_it_is_true() -> None:
    world = told(World(racks()), alert("Failure", "web1", heal="none"))
    assert world.board.open == []


def test_a_dead_node_becomes_part_of_the_loss_that_is_told_later() -> None:
    world = told(World(racks()), down("web1"))
    told(world, down("web1"), down("web2"), lost())
    assert incidents(world) == [("rack-a", ["web1", "web2"])]
    assert world.board.incidents["1"].outcome == "merged"


def test_under_a_closed_loss_a_dead_node_opens_nothing_and_is_not_settled() -> None:
    world = told(World(racks()), lost(), down("web1"))
    world.journal(ie.IncidentEscalated("1", FOR_A_PERSON, ""))
    world.journal(
        ie.IncidentSettled("1", "ann", "moving the rack"),
        ie.IncidentClosed("1", "by_hand", "ann: moving the rack"),
    )
    told(world, lost(), down("web1"), down("web2"))
    assert world.board.open == []
    assert down("web2").fingerprint not in world.board.by_hand


def test_a_dead_node_that_a_person_closed_is_not_opened_again_while_it_lasts() -> None:
    world = told(World(racks()), down("web1"))
    world.journal(ie.IncidentEscalated("1", FOR_A_PERSON, ""))
    world.journal(
        ie.IncidentSettled("1", "ann", "a new power supply is on its way"),
        ie.IncidentClosed("1", "by_hand", "ann"),
    )
    told(world, down("web1"))
    assert world.board.open == []


def test_a_dead_nodes_incident_closes_when_its_rule_is_not_true_any_more() -> None:
    world = told(World(racks()), down("web1"))
    world.journal(ie.IncidentEscalated("1", FOR_A_PERSON, ""))
    dead = world.board.incidents["1"]
    assert seen_gone(dead, world.facts(dead))
    world.down = {dead.target}
    assert not seen_gone(dead, world.facts(dead))
