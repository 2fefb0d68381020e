"""What is taken away on purpose is durable before it is gone, and comes back only with its last owner."""

import json
from pathlib import Path

import pytest

from gate import declining
from gate.mark import parse
from gate.marks import MarksUnreadable
from gate.reapply import reapply
from tests.gate.healers import OWNER, address, hello, marked, pool

# --- Addresses ------------------------------------------------------------------------------


def test_a_decline_waits_until_the_address_is_gone(world):
    def taken_over(seconds: float) -> None:
        world.held = False
        world.clock.pass_seconds(seconds)

    world.clock.sleep = taken_over
    said = address(world, "address.decline", 1)
    assert (said["state"], said["reason"]) == ("done", "declined")
    assert Path(world.config.addresses["vip"].track_file).read_text() == "1\n"


def test_the_last_candidate_serves_on_and_says_so(world):
    said = address(world, "address.decline", 1)
    assert (said["state"], said["reason"]) == ("done", "last_candidate")


def test_an_accept_takes_the_decline_back(world):
    address(world, "address.decline", 1)
    said = address(world, "address.accept", 2)
    assert (said["state"], said["reason"]) == ("done", "accepted")
    assert declining.is_declined(world.config.addresses["vip"]) is False
    assert marked(world) == {}


def test_what_a_person_declined_by_hand_stays_declined(world):
    declining.write(world.config.addresses["vip"], declining.DECLINED)
    address(world, "address.decline", 1)
    assert marked(world) == {"vip": (OWNER, "person:unknown")}
    assert address(world, "address.accept", 2)["reason"] == "still_marked"
    assert declining.is_declined(world.config.addresses["vip"]) is True


# --- What hello shows -----------------------------------------------------------------------


def test_hello_shows_pools_addresses_file_systems_and_marks(world):
    pool(world, "pool.drain", 1)
    answer = hello(world, "pool:web", "vip", "/data", "/nowhere", "pool:other")
    assert answer["seen"]["pool:web"]["members"]["web1"] == {
        "admin": "drain",
        "operational": "up",
        "sessions": 0,
    }
    assert answer["seen"]["vip"] == {"kind": "address", "address": "10.0.0.100", "held": True}
    assert answer["seen"]["/data"] == {
        "kind": "filesystem",
        "size_bytes": 1000,
        "available_bytes": 10,
        "device": "/dev/sdb1",
    }
    assert answer["seen"]["/nowhere"] is None
    assert answer["seen"]["pool:other"] is None
    (mark,) = answer["marks"]
    assert (mark["mark"], mark["subject"], mark["owners"]) == ("pool.drain", "web/web1", [OWNER])
    assert mark["applied"] is True


def test_a_mark_that_a_new_worker_forgot_is_not_applied(world):
    pool(world, "pool.drain", 1)
    world.balancer.reload()
    assert hello(world)["marks"][0]["applied"] is False
    world.balancer.answers = "no"
    assert hello(world)["marks"][0]["applied"] is None


def test_a_wedged_haproxy_is_asked_once_for_a_hello(world):
    pool(world, "pool.drain", 1)
    looks = []
    plain = world.balancer.look
    world.balancer.look = lambda path: looks.append(path) or plain(path)
    hello(world, "pool:web")
    assert len(looks) == 1


# --- A file that is damaged -----------------------------------------------------------------


@pytest.mark.parametrize("text", [b"", b"{", b'{"v":1,"marks":[{}]}', b'{"v":2,"marks":[]}'])
def test_damaged_marks_are_unknown_and_nothing_is_drained_or_returned(world, text):
    pool(world, "pool.drain", 1)
    (world.marks.state / "marks.json").write_bytes(text)
    with pytest.raises(MarksUnreadable):
        world.marks.read()
    assert hello(world)["marks"] is None
    assert pool(world, "pool.return", 2, admin="drain")["reason"] == "marks_unreadable"
    assert pool(world, "pool.drain", 3, member="web2")["reason"] == "marks_unreadable"
    assert address(world, "address.decline", 4)["reason"] == "marks_unreadable"
    assert world.balancer.admin == {"web1": "drain"}
    assert not reapply(world.node, lambda: None)
    copy = json.loads((world.marks.run / "marks.json").read_text())
    assert copy == {"v": 1, "marks": None}


def test_exporters_read_a_copy_that_anybody_may_read(world):
    pool(world, "pool.drain", 1)
    copy = world.marks.run / "marks.json"
    assert copy.stat().st_mode & 0o777 == 0o644
    assert parse(copy.read_bytes()) == world.marks.read()
