"""A lost failure domain that a person closed is theirs, with all that comes later of the same loss."""

import pytest

from healer.core import events as ev
from healer.core import incident_events as ie
from healer.core.board import Board
from healer.core.correlate import Place, place_of, settled
from healer.core.history import Keep, as_told
from healer.core.incident import FOR_A_PERSON
from tests.healer.core.domains import ALL, down, exporter, incidents, lost, racks, told
from tests.healer.core.world import NOW, World, alert


def by_hand(world: World) -> World:
    told(world, *ALL)
    world.journal(ie.IncidentEscalated("1", FOR_A_PERSON, ""))
    world.journal(
        ie.IncidentSettled("1", "ann", "moving the rack"),
        ie.IncidentClosed("1", "by_hand", "ann: moving the rack"),
    )
    return world


LATE = alert(at="web1/nginx", began=NOW + 60)


def test_a_loss_that_a_person_closed_is_not_opened_again_however_long_it_goes_on() -> None:
    world = by_hand(World(racks(), board=Board(keep_episodes=1)))
    assert len(world.board.closed_episodes) == 1
    told(world, *ALL)
    assert world.board.open == []
    assert settled(world.board, ALL) == [lost()]


def test_what_comes_later_of_the_same_loss_is_theirs_too_and_that_is_on_record() -> None:
    world = by_hand(World(racks()))
    before = world.seq
    told(world, *ALL, LATE)
    told(world, *ALL, LATE)
    assert world.board.open == []
    assert world.seq == before + 1
    assert world.board.pre_existing[LATE.fingerprint] == LATE
    assert LATE.fingerprint in world.board.by_hand
    # It waits for nothing: a person has it.
    assert place_of(world.board, LATE, world.topology) is Place.PERSON
    # Not what fails elsewhere, nor on a node that is back.
    told(world, *ALL, LATE, exporter("web3"))
    assert incidents(world) == [("web3", [])]
    back = alert(at="web2/app", began=NOW + 90)
    told(world, lost(), back, present=("mon1", "web2", "web3"))
    assert ("web2/app", []) in incidents(world)


def test_of_a_closed_loss_nothing_is_theirs_on_a_node_of_which_nobody_can_tell() -> None:
    world = by_hand(World(racks()))
    told(world, *ALL, LATE, present=(), missed=())
    assert LATE.fingerprint not in world.board.by_hand
    assert world.board.open == []
    told(world, *ALL, LATE, present=("mon1", "web1"), missed=("web2",))
    assert incidents(world) == [("web1", ["web1", "web1/nginx"])]


def test_a_part_of_what_was_closed_that_is_lost_again_is_theirs_once_it_is_found_true() -> None:
    cluster = racks(switch={"web1", "web2", "web3"})
    world = World(cluster)
    told(world, lost("switch"), down("web1"), down("web2"), down("web3"))
    world.journal(ie.IncidentEscalated("1", FOR_A_PERSON, ""))
    world.journal(
        ie.IncidentSettled("1", "ann", "a new switch"),
        ie.IncidentClosed("1", "by_hand", "ann: a new switch"),
    )
    told(world, lost("switch"), lost(), true=False)
    assert lost().fingerprint not in world.board.by_hand
    told(world, lost("switch"), lost())
    assert lost().fingerprint in world.board.by_hand
    assert world.board.open == []


def test_taking_stock_anew_gives_nobody_the_loss_back_that_they_closed() -> None:
    world = by_hand(World(racks()))
    fires_on = (exporter("web1"), alert(at="web2/nginx"))
    world.journal(ev.Armed("blind", fires_on))
    told(world, *ALL)
    assert world.board.open == []
    theirs = {one.fingerprint for one in ALL}
    assert set(world.board.by_hand) == theirs
    assert set(world.board.pre_existing) == theirs | {one.fingerprint for one in fires_on}


def test_once_it_was_seen_clear_its_next_loss_is_an_incident() -> None:
    world = by_hand(World(racks()))
    world.journal(ev.SeenClear(lost().fingerprint))
    told(world, lost(began=NOW + 3600))
    assert incidents(world) == [("rack-a", [])]


@pytest.mark.parametrize("clear", [False, True])
def test_pruning_forgets_no_loss_that_a_person_closed_and_brings_none_back(clear: bool) -> None:
    world = World(racks(), board=Board(keep_closed=0))
    records: list[ev.Record] = []
    taken = world.board.apply

    def noted(record: ev.Record) -> None:
        records.append(record)
        taken(record)

    world.board.apply = noted  # type: ignore[method-assign]
    by_hand(world)
    told(world, *ALL, LATE)
    if clear:
        world.journal(ev.SeenClear(lost().fingerprint))
    world.journal(ev.Armed("blind", ()))
    _, history = as_told(records)
    keep = Keep(healed=0.0, failed=1e9, size=0)  # what ended well goes, what a person ruled stays
    for kept in (keep, Keep(0.0, 0.0, 0)):
        gone = set(history.due(world.board, NOW + 1e8, kept).seqs)
        left, _ = as_told([one for one in records if one.seq not in gone])
        assert left.by_hand == world.board.by_hand
        assert left.pre_existing == world.board.pre_existing
        assert (lost().fingerprint in left.by_hand) is not clear
