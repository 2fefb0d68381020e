"""A database is changed only through Patroni, as it was seen, and never loses its last good copy."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.gate.databases import asked_of_patroni, database, expecting, replica, said
from tests.gate.healers import OTHER, OWNER, marked


@pytest.mark.parametrize(
    ("verb", "args"),
    [
        ("database.switchover", {"candidate": "web2"}),
        ("database.restart", {}),
        ("database.reinit", {}),
        ("database.bar", {"owner": OWNER}),
        ("database.admit", {"owner": OWNER}),
    ],
)
def test_nothing_is_asked_of_a_patroni_of_another_cluster(world, verb, args):
    if verb == "database.reinit":
        replica(world)
    world.patroni.scope = "other"
    answer = database(world, verb, 1, **args)
    assert said(answer) == ("refused", "changed")
    assert "of the cluster 'other'" in answer["detail"]
    assert asked_of_patroni(world) == []
    assert marked(world) == {}


@pytest.mark.parametrize("reason", ["paused", "scheduled"])
@pytest.mark.parametrize("verb", ["switchover", "restart", "reinit"])
def test_what_a_person_told_patroni_to_wait_for_is_waited_for(world, reason, verb):
    world.patroni.sight = replace(world.patroni.sight, **{reason: True})
    args = {"candidate": "web2"} if verb == "switchover" else {}
    assert said(database(world, f"database.{verb}", 1, **args)) == ("refused", reason)
    assert asked_of_patroni(world) == []


@pytest.mark.parametrize(("leader", "timeline"), [("web2", 4), ("web1", 3), (None, None)])
@pytest.mark.parametrize("verb", ["switchover", "restart", "reinit", "bar", "admit"])
def test_another_leader_or_timeline_than_expected_refuses_every_verb(world, verb, leader, timeline):
    args = {
        "switchover": {"candidate": "web2"},
        "bar": {"owner": OWNER},
        "admit": {"owner": OWNER},
    }.get(verb, {})
    answer = expecting(world, f"database.{verb}", 1, leader, timeline, **args)
    assert said(answer) == ("refused", "changed")
    assert asked_of_patroni(world) == []


@pytest.mark.parametrize("answers", ["no", "off"])
@pytest.mark.parametrize("verb", ["switchover", "restart", "reinit", "bar", "admit"])
def test_a_patroni_that_does_not_answer_is_unknown_and_nothing_is_done(world, verb, answers):
    world.patroni.answers = answers
    args = {"switchover": {"candidate": "web2"}}.get(verb, {})
    args |= {"owner": OWNER} if verb in ("bar", "admit") else {}
    assert said(database(world, f"database.{verb}", 1, **args)) == ("refused", "changed")
    assert marked(world) == {}


# --- Restart --------------------------------------------------------------------------------


def test_a_restart_is_proved_by_the_start_of_postgresql(world):
    answer = database(world, "database.restart", 1)
    assert said(answer) == ("done", "restarted")
    assert asked_of_patroni(world) == ["/restart {}"]


def test_a_restart_without_an_answer_is_unknown(world):
    world.patroni.does = "hangs"
    assert said(database(world, "database.restart", 1)) == ("unknown", "deadline")


def test_a_restart_that_patroni_does_not_do_has_failed(world):
    world.patroni.does = "refuses"
    assert said(database(world, "database.restart", 1)) == ("failed", "start_failed")


# --- Reinitialize ---------------------------------------------------------------------------


def test_a_broken_replica_is_copied_anew(world):
    replica(world)
    world.patroni.member("web1", state="start failed", timeline=None, lag_bytes=None)
    answer = database(world, "database.reinit", 1)
    assert said(answer) == ("done", "reinitialized")
    assert asked_of_patroni(world) == ["/reinitialize {}"]


def test_the_leader_is_never_wiped(world):
    assert said(database(world, "database.reinit", 1)) == ("refused", "leads")


def test_without_a_leader_nothing_is_wiped(world):
    world.patroni.sight = replace(world.patroni.sight, leader=None, timeline=None)
    assert said(database(world, "database.reinit", 1)) == ("refused", "not_leader")


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("web3", {"state": "stopped"}),
        ("web3", {"timeline": 4}),
        ("web3", {"lag_bytes": None}),
        ("web3", {"lag_bytes": 2 * 1024 * 1024}),
        ("web2", {"state": "starting"}),
        ("web2", {"timeline": None}),
    ],
)
def test_with_fewer_than_two_good_copies_besides_it_nothing_is_wiped(world, name, changes):
    replica(world)
    world.patroni.member(name, **changes)
    expected = world.patroni.sight.timeline
    answer = expecting(world, "database.reinit", 1, "web2", expected)
    assert said(answer) == ("refused", "last_copy")
    assert asked_of_patroni(world) == []


def test_a_copy_of_which_patroni_says_nothing_is_unknown(world):
    replica(world)
    world.patroni.does = "dies"
    assert said(database(world, "database.reinit", 1)) == ("unknown", "unreadable")


def test_what_is_copied_beyond_the_deadline_is_unknown(world):
    replica(world)
    world.patroni.member("web1", state="start failed", timeline=None, lag_bytes=None)
    world.patroni.does = "goes on"
    assert said(database(world, "database.reinit", 1)) == ("unknown", "deadline")


def test_patroni_that_only_tries_to_start_it_is_told_by_force(world):
    replica(world)
    world.patroni.member("web1", state="start failed", timeline=None, lag_bytes=None)
    world.patroni.does = "is busy"
    assert said(database(world, "database.reinit", 1)) == ("done", "reinitialized")
    assert asked_of_patroni(world) == ["/reinitialize {}", '/reinitialize {"force": true}']


# --- Bar and admit --------------------------------------------------------------------------


def test_a_member_is_barred_by_its_mark_and_admitted_with_the_last_owner(world):
    replica(world)
    assert said(database(world, "database.bar", 1, owner=OWNER)) == ("done", "barred")
    assert said(database(world, "database.bar", 2, owner=OTHER)) == ("done", "barred")
    assert said(database(world, "database.admit", 3, owner=OWNER)) == ("done", "still_marked")
    assert world.patroni.sight.members["web1"].barred
    assert said(database(world, "database.admit", 4, owner=OTHER)) == ("done", "admitted")
    assert not world.patroni.sight.members["web1"].barred
    assert marked(world) == {}


def test_anybody_can_read_the_file_since_patroni_is_not_root(world):
    replica(world)
    database(world, "database.bar", 1, owner=OWNER)
    assert world.bar_file.stat().st_mode & 0o777 == 0o644
    assert world.bar_file.parent.stat().st_mode & 0o777 == 0o755


def test_the_last_member_that_could_lead_is_not_barred(world):
    replica(world)
    world.patroni.member("web2", barred=True)
    world.patroni.member("web3", state="stopped")
    answer = database(world, "database.bar", 1, owner=OWNER)
    assert said(answer) == ("refused", "last_member")
    assert marked(world) == {}


@pytest.mark.parametrize(
    "changes",
    [{"state": "starting"}, {"timeline": 4}, {"lag_bytes": None}, {"lag_bytes": 1 << 30}],
)
def test_who_led_comes_back_only_as_a_replica_with_all_of_the_data(world, changes):
    replica(world)
    database(world, "database.bar", 1, owner=OWNER)
    world.patroni.member("web1", **changes)
    answer = database(world, "database.admit", 2, owner=OWNER)
    assert said(answer) == ("refused", "not_replica")
    assert marked(world) == {"main": (OWNER,)}
    assert b"nofailover: true" in world.bar_file.read_bytes()


def test_what_patroni_does_not_read_in_time_is_not_barred_and_stays_marked(world):
    replica(world)
    world.patroni.loop = 1000.0
    assert said(database(world, "database.bar", 1, owner=OWNER)) == ("failed", "not_barred")
    assert marked(world) == {"main": (OWNER,)}


def test_a_tag_that_patroni_keeps_leaves_the_mark_and_the_file_as_they_were(world):
    replica(world)
    database(world, "database.bar", 1, owner=OWNER)
    world.patroni.loop = 1000.0
    assert said(database(world, "database.admit", 2, owner=OWNER)) == ("failed", "not_admitted")
    assert marked(world) == {"main": (OWNER,)}
    assert b"nofailover: true" in world.bar_file.read_bytes()


def test_what_was_barred_by_hand_stays_barred(world):
    replica(world)
    world.bar_file.parent.mkdir(parents=True)
    world.bar_file.write_text("tags: {}\n# nofailover: true\n")
    database(world, "database.bar", 1, owner=OWNER)
    assert marked(world) == {"main": (OWNER, "person:unknown")}
    assert said(database(world, "database.admit", 2, owner=OWNER)) == ("done", "still_marked")


# --- Looks ----------------------------------------------------------------------------------


def test_hello_shows_a_database_and_whether_its_mark_is_applied(world):
    replica(world)
    database(world, "database.bar", 1, owner=OWNER)
    look = json.dumps({"v": 1, "hello": True, "look": ["database:main", "database:none"]})
    (line,) = world.talk(look.encode())
    found = json.loads(line)
    assert found["seen"]["database:none"] is None
    assert found["seen"]["database:main"] == {
        "kind": "database",
        "leader": "web2",
        "timeline": 5,
        "paused": False,
        "synchronous": False,
        "members": {
            "web1": member("replica", barred=True),
            "web2": member("leader", lag_bytes=None),
            "web3": member("replica"),
        },
    }
    assert [one["applied"] for one in found["marks"]] == [True]


def member(role: str, lag_bytes: int | None = 0, *, barred: bool = False) -> dict[str, Any]:
    return {
        "role": role,
        "state": "running",
        "timeline": 5,
        "lag_bytes": lag_bytes,
        "barred": barred,
    }
