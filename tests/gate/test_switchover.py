"""A database changes its leader only through Patroni, to a member that can; who led can be barred."""

from dataclasses import replace

import pytest

from gate.reapply import reapply
from tests.gate.databases import asked_of_patroni, database, replica, said
from tests.gate.healers import OTHER, OWNER, marked
from tests.gate.test_session import PluggedOut, pull_the_plug

SWITCHED = '/switchover {"leader": "web1", "candidate": "web2"}'


def test_a_switchover_names_both_and_is_done_when_the_candidate_leads_on_a_newer_timeline(world):
    answer = database(world, "database.switchover", 1, candidate="web2")
    assert said(answer) == ("done", "switched_over")
    assert answer["detail"] == "web2 leads on timeline 5"
    assert asked_of_patroni(world) == [SWITCHED]
    assert marked(world) == {}


def test_with_an_owner_who_led_is_marked_before_and_barred_after(world):
    seen = []
    world.patroni.while_asked = lambda: seen.append((marked(world), world.bar_file.exists()))
    answer = database(world, "database.switchover", 1, candidate="web2", owner=OWNER)
    assert answer["detail"] == "web2 leads on timeline 5; barred"
    assert seen[0] == ({"main": (OWNER,)}, False)
    assert world.patroni.sight.members["web1"].barred


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"state": "starting"}, "not_streaming"),
        ({"timeline": 3}, "other_timeline"),
        ({"timeline": None}, "other_timeline"),
        ({"lag_bytes": 1024 * 1024 + 1}, "lagging"),
        ({"lag_bytes": None}, "lagging"),
        ({"barred": True}, "candidate_barred"),
    ],
)
def test_a_candidate_that_could_lose_data_or_not_lead_is_refused(world, changes, reason):
    world.patroni.member("web2", **changes)
    answer = database(world, "database.switchover", 1, candidate="web2", owner=OWNER)
    assert said(answer) == ("refused", reason)
    assert asked_of_patroni(world) == []
    assert marked(world) == {}


def test_one_that_runs_but_does_not_stream_is_no_candidate(world):
    world.patroni.streaming = ("web3",)
    answer = database(world, "database.switchover", 1, candidate="web2")
    assert said(answer) == ("refused", "not_streaming")


def test_in_synchronous_mode_only_the_standby_that_has_everything_leads_next(world):
    world.patroni.sight = replace(world.patroni.sight, synchronous=True)
    world.patroni.member("web3", role="sync_standby")
    answer = database(world, "database.switchover", 1, candidate="web2")
    assert said(answer) == ("refused", "not_synchronous")
    answer = database(world, "database.switchover", 2, candidate="web3")
    assert said(answer) == ("done", "switched_over")


def test_who_does_not_lead_switches_nothing_over(world):
    replica(world)
    answer = database(world, "database.switchover", 1, candidate="web3")
    assert said(answer) == ("refused", "not_leader")


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ({}, "bad_argument"),
        ({"candidate": "web1"}, "bad_argument"),
        ({"candidate": "web9"}, "not_listed"),
        ({"candidate": "web2", "database": "other"}, "not_listed"),
        ({"candidate": "web2", "force": "true"}, "bad_argument"),
        ({"candidate": "web2", "owner": "person:alice"}, "bad_argument"),
    ],
)
def test_only_what_gate_json_lists_can_be_named(world, args, reason):
    assert said(database(world, "database.switchover", 1, **args)) == ("refused", reason)


@pytest.mark.parametrize("does", ["refuses", "gives up"])
def test_what_patroni_does_not_do_has_failed_and_leaves_no_mark(world, does):
    world.patroni.does = does
    answer = database(world, "database.switchover", 1, candidate="web2", owner=OWNER)
    assert said(answer) == ("failed", "not_switched")
    assert marked(world) == {}
    assert not world.bar_file.exists()


def test_a_mark_of_others_stays_when_a_switchover_fails(world):
    with world.marks.open() as marks:
        marks.own("database.bar", "main", (OTHER,), "2026-01-02T03:04:05Z")
    world.patroni.does = "refuses"
    database(world, "database.switchover", 1, candidate="web2", owner=OWNER)
    assert marked(world) == {"main": (OTHER,)}


def test_where_another_member_leads_in_the_end_it_has_failed_and_the_mark_stays(world):
    world.patroni.does = "other"
    answer = database(world, "database.switchover", 1, candidate="web2", owner=OWNER)
    assert said(answer) == ("failed", "not_switched")
    assert "web3 leads instead" in answer["detail"]
    assert marked(world) == {"main": (OWNER,)}


def test_without_an_answer_who_leads_says_how_it_ended(world):
    world.patroni.does = "hangs"
    assert said(database(world, "database.switchover", 1, candidate="web2")) == (
        "done",
        "switched_over",
    )


def test_without_an_answer_and_a_new_leader_nobody_knows(world):
    world.patroni.does = "dies"
    answer = database(world, "database.switchover", 1, candidate="web2", owner=OWNER)
    assert said(answer) == ("unknown", "deadline")
    assert marked(world) == {"main": (OWNER,)}  # it may yet happen


def test_killed_after_the_request_the_member_is_marked_and_reapply_bars_it(world):
    world.patroni.while_asked = pull_the_plug
    with pytest.raises(PluggedOut):
        database(world, "database.switchover", 1, candidate="web2", owner=OWNER)
    assert marked(world) == {"main": (OWNER,)}
    assert reapply(world.node, lambda: None, seconds=0)
    assert b"nofailover: true" in world.bar_file.read_bytes()
