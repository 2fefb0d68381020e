"""Redis moves its master only through Sentinel, from the node that has it, while enough Sentinels agree."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from gate.clock import SystemClock
from gate.resp import Unanswered
from gate.sentinel import Member, RedisSentinel, Sight
from gate.sentinel_rule import SentinelRule
from tests.gate.fakes import World
from tests.gate.redis import Redises
from tests.gate.test_session import ask, request


@pytest.fixture
def redis(tmp_path) -> Iterator[Redises]:
    found = Redises(tmp_path / "redis")
    try:
        yield found
    finally:
        found.end()


def world(folder, redis: Redises, node: str) -> World:
    """Return the gate of one node."""
    found = World(folder / "gate")
    found.clock = SystemClock()
    found.config.sentinels["cache"] = redis.rule(node)
    return found


def failover(world: World, leader: str | None, epoch: int, seconds: int = 20) -> Any:
    expect = {
        "boot_id": str(world.clock.boot_id()),
        "databases": {"cache": {"leader": leader, "timeline": epoch}},
    }
    told = {"verb": "sentinel.failover", "args": {"database": "cache"}, "expect": expect}
    return ask(world, request(world, 1, **told, deadline_seconds=seconds))[-1]


def said(answer: Any) -> tuple[str, str]:
    return answer["state"], answer["reason"]


def test_it_is_done_when_another_node_has_the_master_in_a_later_epoch(redis, tmp_path):
    before = redis.whole()
    answer = failover(world(tmp_path, redis, "r1"), "r1", before.epoch)
    assert said(answer) == ("done", "switched_over")
    assert redis.look("r1").leader in ("r2", "r3")


def test_only_the_gate_of_the_node_that_has_the_master_asks_for_it(redis, tmp_path):
    before = redis.whole()
    answer = failover(world(tmp_path, redis, "r2"), "r1", before.epoch)
    assert said(answer) == ("refused", "not_leader")
    assert redis.look("r1").epoch == before.epoch


@pytest.mark.parametrize(("leader", "epochs"), [("r2", 0), ("r1", 1), (None, 0)])
def test_a_decision_that_rests_on_another_leader_or_epoch_is_refused(
    redis, tmp_path, leader, epochs
):
    before = redis.whole()
    answer = failover(world(tmp_path, redis, "r1"), leader, before.epoch + epochs)
    assert said(answer) == ("refused", "changed")


def test_without_enough_sentinels_nothing_is_asked(redis, tmp_path):
    redis.whole()
    for node in ("r2", "r3"):
        redis.running[node, "sentinel"].kill()
    before = redis.until(lambda sight: not sight.quorum, "r1")
    answer = failover(world(tmp_path, redis, "r1"), "r1", before.epoch)
    assert said(answer) == ("refused", "no_quorum")


def test_without_a_replica_that_follows_nothing_is_asked(redis, tmp_path):
    redis.whole()
    for node in ("r2", "r3"):
        redis.freeze(node, "redis")
    before = redis.until(lambda sight: not sight.able())
    answer = failover(world(tmp_path, redis, "r1"), "r1", before.epoch)
    assert said(answer) == ("refused", "not_streaming")


def test_a_sentinel_that_hangs_lets_nothing_begin(redis, tmp_path):
    before = redis.whole()
    redis.freeze("r1", "sentinel")
    gate = world(tmp_path, redis, "r1")
    gate.sentinel = RedisSentinel(seconds=0.3)
    assert said(failover(gate, "r1", before.epoch)) == ("refused", "changed")


@dataclass
class Told:
    """A Sentinel that says what the test has it say; whoever it is asked to replace stays."""

    refusal: str = ""
    silent: bool = False

    def look(self, rule: SentinelRule) -> Sight:
        one = Member("replica", reached=True, linked=True, priority=100, lag_bytes=0)
        first = Member("master", reached=True, linked=True)
        return Sight("r1", 4, busy=False, quorum=True, members={"r1": first, "r2": one})

    def failover(self, rule: SentinelRule) -> str:
        if self.silent:
            raise Unanswered("it hangs")
        return self.refusal


@pytest.mark.parametrize(
    ("sentinel", "said_so"),
    [
        (Told("NOGOODSLAVE No suitable replica to promote"), ("failed", "not_switched")),
        (Told(), ("unknown", "deadline")),
        (Told(silent=True), ("unknown", "deadline")),
    ],
)
def test_what_it_refuses_has_failed_and_what_nobody_saw_the_end_of_is_unknown(
    world_alone, sentinel, said_so
):
    world_alone.sentinel = sentinel
    members = {"r1": "10.0.0.1", "r2": "10.0.0.2"}
    world_alone.config.sentinels["cache"] = SentinelRule(
        "10.0.0.1", 1, "cache", "r1", members, None
    )
    assert said(failover(world_alone, "r1", 4)) == said_so


@pytest.mark.parametrize("args", [{}, {"database": 1}, {"database": "cache", "candidate": "r2"}])
def test_arguments_that_are_none_are_refused(world_alone, args):
    expect = {"boot_id": "x", "databases": {"cache": {"leader": None, "timeline": 1}}}
    asked = request(world_alone, 1, verb="sentinel.failover", args=args, expect=expect)
    assert said(ask(world_alone, asked)[-1]) == ("refused", "bad_argument")


def test_a_database_of_patroni_is_none_of_sentinels(world_alone):
    expect = {"boot_id": "x", "databases": {"main": {"leader": None, "timeline": 1}}}
    told = {"verb": "sentinel.failover", "args": {"database": "main"}, "expect": expect}
    assert said(ask(world_alone, request(world_alone, 1, **told))[-1]) == ("refused", "not_listed")


@pytest.fixture
def world_alone(tmp_path) -> World:
    return World(tmp_path)


def test_the_look_says_of_redis_what_it_says_of_any_database(redis, tmp_path):
    redis.whole()
    gate = world(tmp_path, redis, "r2")
    hello = json.dumps({"v": 1, "hello": True, "look": ["database:cache"]}).encode()
    seen = json.loads(gate.talk(hello)[0])["seen"]["database:cache"]
    assert (seen["leader"], seen["paused"], seen["synchronous"]) == ("r1", False, False)
    assert {name: one["role"] for name, one in seen["members"].items()} == {
        "r1": "leader",
        "r2": "replica",
        "r3": "replica",
    }
    assert all(one["state"] == "running" for one in seen["members"].values())
