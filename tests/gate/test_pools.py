"""A member of a pool is marked before HAProxy hears of it, also for its next start; its last owner gives it back."""

from dataclasses import replace
from pathlib import Path

import pytest

from gate import pools
from gate.reapply import reapply
from tests.gate.fakes import World
from tests.gate.healers import OTHER, OWNER, marked, pool
from tests.gate.test_session import PluggedOut, pull_the_plug


def test_a_drain_is_marked_then_set_then_proved_and_a_return_takes_all_of_it_back(world):
    said = pool(world, "pool.drain", 1)
    assert (said["state"], said["reason"]) == ("done", "drained")
    assert marked(world) == {"web/web1": (OWNER,)}
    assert world.balancer.admin["web1"] == "drain"
    said = pool(world, "pool.return", 2, admin="drain")
    assert (said["state"], said["reason"]) == ("done", "returned")
    assert marked(world) == {}
    assert world.balancer.admin["web1"] == "ready"


def test_the_mark_is_on_disk_before_haproxy_hears_of_it(world):
    seen = []
    world.balancer.while_set = lambda: seen.append(marked(world))
    pool(world, "pool.drain", 1)
    assert seen == [{"web/web1": (OWNER,)}]


def test_killed_between_mark_and_effect_the_member_is_drained_by_reapply(world):
    world.balancer.while_set = pull_the_plug
    world.balancer.answers = "stubborn"
    with pytest.raises(PluggedOut):
        pool(world, "pool.drain", 1)
    world.balancer.while_set, world.balancer.answers = lambda: None, "yes"
    assert marked(world) == {"web/web1": (OWNER,)}
    assert world.balancer.admin == {}
    assert reapply(world.node, lambda: None)
    assert world.balancer.admin == {"web1": "drain"}


def test_the_last_member_that_serves_is_never_drained(world):
    world.balancer.operational = {"web2": "down", "web3": "down"}
    said = pool(world, "pool.drain", 1)
    assert (said["state"], said["reason"]) == ("refused", "last_member")
    assert world.balancer.admin == {}
    assert marked(world) == {}


def test_a_member_that_is_marked_but_not_drained_yet_counts_as_gone(world):
    world.balancer.operational = {"web3": "down"}
    with world.marks.open() as marks:
        marks.own("pool.drain", "web/web2", ("lock:roll",), "2026-01-02T03:04:05Z")
    assert pool(world, "pool.drain", 1)["reason"] == "last_member"


def test_it_goes_back_only_with_its_last_owner(world):
    pool(world, "pool.drain", 1)
    pool(world, "pool.drain", 2, admin="drain", owner=OTHER)
    said = pool(world, "pool.return", 3, admin="drain")
    assert (said["state"], said["reason"]) == ("done", "still_marked")
    assert marked(world) == {"web/web1": (OTHER,)}
    assert world.balancer.admin["web1"] == "drain"
    assert pool(world, "pool.return", 4, admin="drain", owner=OTHER)["reason"] == "returned"


@pytest.mark.parametrize("state", ["drain", "maint"])
def test_what_a_person_took_out_by_hand_is_never_returned(world, state):
    world.balancer.admin["web1"] = state
    pool(world, "pool.drain", 1, admin=state)
    assert marked(world) == {"web/web1": (OWNER, "person:unknown")}
    assert pool(world, "pool.return", 2, admin=state)["reason"] == "still_marked"
    assert world.balancer.admin["web1"] == state
    assert marked(world) == {"web/web1": ("person:unknown",)}


def test_a_return_of_what_was_never_marked_leaves_a_persons_drain_alone(world):
    world.balancer.admin["web1"] = "drain"
    assert pool(world, "pool.return", 1, admin="drain")["reason"] == "still_marked"
    assert world.balancer.admin["web1"] == "drain"


@pytest.mark.parametrize("owner", ["person:alice", "alice", "", "incident:", "incident:a b", "x:1"])
def test_nobody_can_own_a_mark_over_the_wire_but_incidents_and_locks(world, owner):
    said = pool(world, "pool.drain", 1, owner=owner)
    assert (said["state"], said["reason"]) == ("refused", "bad_argument")
    assert marked(world) == {}


def test_an_owner_too_many_is_refused(world):
    for number in range(16):
        pool(
            world,
            "pool.drain",
            number + 1,
            admin="drain" if number else "ready",
            owner=f"lock:{number}",
        )
    assert pool(world, "pool.drain", 17, admin="drain")["reason"] == "too_many_owners"


@pytest.mark.parametrize(("answers", "reason"), [("no", "changed"), ("off", "changed")])
def test_a_wedged_haproxy_refuses_in_time_and_nothing_is_marked(world, answers, reason):
    world.balancer.answers = answers
    assert pool(world, "pool.drain", 1)["reason"] == reason
    assert marked(world) == {}


def test_what_haproxy_does_not_do_is_no_drain_and_stays_marked(world):
    world.balancer.answers = "stubborn"
    said = pool(world, "pool.drain", 1)
    assert (said["state"], said["reason"]) == ("failed", "not_drained")
    assert marked(world) == {"web/web1": (OWNER,)}


def test_state_for_the_next_start_holds_only_what_is_marked(world):
    pool(world, "pool.drain", 1)
    kept = Path(world.config.pools["web"].state_file).read_text()
    assert "web1" in kept
    assert "web2" not in kept


def test_a_member_stays_marked_until_haproxys_next_start_knows_that_it_is_back(world):
    """Else that start would take it out again, and no mark would say why."""
    pool(world, "pool.drain", 1)
    kept = Path(world.config.pools["web"].state_file)
    in_the_way = kept.with_name(f".{kept.name}.hale")
    in_the_way.mkdir()
    said = pool(world, "pool.return", 2, admin="drain")
    assert (said["state"], said["reason"]) == ("failed", "not_returned")
    assert marked(world) == {"web/web1": (OWNER,)}
    in_the_way.rmdir()
    said = pool(world, "pool.return", 3, admin="drain")
    assert (said["state"], said["reason"]) == ("done", "returned")
    assert marked(world) == {}
    assert "web1" not in kept.read_text()


def test_a_new_worker_that_still_has_it_drained_is_told_of_a_return_as_well(world):
    pool(world, "pool.drain", 1)
    sleeps = []

    def taken_over(seconds: float) -> None:
        sleeps.append(seconds)
        if len(sleeps) == 1:
            world.balancer.reload()
            world.balancer.admin["web1"] = "drain"  # it read the state file before the return

    world.clock.sleep = taken_over
    assert pool(world, "pool.return", 2, admin="drain")["reason"] == "returned"
    assert world.balancer.admin["web1"] == "ready"
    assert marked(world) == {}


def test_who_drains_by_hand_during_a_return_has_it_so(world):
    pool(world, "pool.drain", 1)
    world.clock.sleep = lambda seconds: world.balancer.admin.update(web1="maint")
    assert pool(world, "pool.return", 2, admin="drain")["reason"] == "not_returned"
    assert world.balancer.admin["web1"] == "maint"
    assert marked(world) == {"web/web1": (OWNER,)}


def test_a_person_may_take_out_even_the_last_one_and_marks_where_haproxy_is_away(world):
    world.balancer.operational = {"web2": "down", "web3": "down"}
    member = pools.member_of(world.node, "web", "web1")
    assert member is not None
    assert pools.drain(world.node, member, "person:ann", 5).reason == "last_member"
    assert pools.drain(world.node, member, "person:ann", 5, even_last=True).reason == "drained"
    assert pools.give_back(world.node, member, OWNER, 5).reason == "still_marked"
    assert pools.give_back(world.node, member, "person:ann", 5).reason == "returned"


# --- HAProxy's state file -------------------------------------------------------------------


def state(world: World) -> Path:
    return Path(world.config.pools["web"].state_file)


def test_the_state_file_has_the_member_before_haproxy_hears_of_it_and_loses_it_before(world):
    seen = []
    world.balancer.while_set = lambda: seen.append("web1" in state(world).read_text())
    pool(world, "pool.drain", 1)
    pool(world, "pool.return", 2, admin="drain")
    assert seen == [True, False]


def test_what_haproxy_does_not_return_stays_in_the_state_file(world):
    pool(world, "pool.drain", 1)
    world.balancer.answers = "stubborn"
    assert pool(world, "pool.return", 2, admin="drain")["reason"] == "not_returned"
    assert "web1" in state(world).read_text()


def test_a_member_that_haproxy_no_longer_has_leaves_the_state_file_too(world):
    pool(world, "pool.drain", 1)
    world.balancer.members = ("web2", "web3")
    member = pools.member_of(world.node, "web", "web1")
    assert member is not None
    assert pools.give_back(world.node, member, OWNER, 5).reason == "returned"
    assert "web1" not in state(world).read_text()


def test_a_lost_state_file_is_written_anew_by_reapply(world):
    pool(world, "pool.drain", 1)
    state(world).unlink()
    reapply(world.node, lambda: None)
    assert "web1" in state(world).read_text()


def test_where_there_can_be_no_state_file_a_member_is_returned_all_the_same(world):
    rule = world.config.pools["web"]
    world.config.pools["web"] = replace(rule, state_file="/proc/none/hale-state")
    assert pool(world, "pool.drain", 1)["reason"] == "drained"
    assert pool(world, "pool.return", 2, admin="drain")["reason"] == "returned"


def test_a_link_in_its_place_is_not_read(world):
    pool(world, "pool.drain", 1)
    secret = state(world).with_name("secret")
    secret.write_text("1 web 1 web1\nof nobody else's\n")
    state(world).unlink()
    state(world).symlink_to(secret)
    assert pool(world, "pool.return", 2, admin="drain")["reason"] == "not_returned"
    assert state(world).is_symlink()
    reapply(world.node, lambda: None)
    assert "else" not in state(world).read_text()
