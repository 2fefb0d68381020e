"""A Sentinel by its own commands: what it sees of three real Redis, and the failover that it is asked for."""

from collections.abc import Iterator

import pytest

from gate import resp
from gate.resp import Refusal
from gate.sentinel import Member, RedisSentinel, parse
from gate.sentinel_rule import sentinel_rule
from tests.gate.redis import NODES, Redises

RULE = {
    "host": "127.0.0.1",
    "port": 26379,
    "master": "cache",
    "member": "r1",
    "members": NODES,
    "credentials": None,
}


@pytest.fixture
def redis(tmp_path) -> Iterator[Redises]:
    found = Redises(tmp_path)
    try:
        yield found
    finally:
        found.end()


def test_it_sees_who_leads_who_follows_and_who_could_take_over(redis):
    sight = redis.whole()
    assert (sight.leader, sight.able()) == ("r1", ("r2", "r3"))
    assert sight.members["r1"] == Member("master", reached=True, linked=True)
    assert {sight.members[node].priority for node in ("r2", "r3")} == {100}
    redis.until(lambda seen: all(seen.members[one].lag_bytes is not None for one in seen.able()))


def test_a_failover_that_is_asked_for_raises_the_epoch(redis):
    before = redis.whole()
    assert RedisSentinel().failover(redis.rule("r2")) == ""
    after = redis.until(lambda sight: sight.leader in ("r2", "r3") and len(sight.able()) == 2)
    assert after.epoch > before.epoch
    assert after.members["r1"].role == "replica"


def test_without_anybody_who_could_take_over_it_says_why(redis):
    redis.whole()
    for node in ("r2", "r3"):
        redis.freeze(node, "redis")
    redis.until(lambda sight: not sight.able())
    assert RedisSentinel().failover(redis.rule("r1")).startswith("NOGOODSLAVE")
    assert redis.look().leader == "r1"


def test_without_the_other_sentinels_there_is_no_quorum(redis):
    redis.whole()
    for node in ("r2", "r3"):
        redis.running[node, "sentinel"].kill()
    redis.until(lambda sight: not sight.quorum, "r1")


def test_a_master_that_it_does_not_watch_is_not_known(redis):
    redis.whole()
    with pytest.raises(resp.Unanswered, match="No such master"):
        RedisSentinel().look(redis.rule("r1", master="other"))


def test_one_that_is_not_there_was_not_asked(redis):
    redis.whole()
    redis.running["r1", "sentinel"].kill()
    redis.running["r1", "sentinel"].wait(5)
    with pytest.raises(resp.NotSent):
        RedisSentinel().failover(redis.rule("r1"))


def test_one_that_hangs_may_have_been_asked(redis):
    redis.whole()
    redis.freeze("r1", "sentinel")
    with pytest.raises(resp.Unanswered) as raised:
        RedisSentinel(seconds=0.3).failover(redis.rule("r1"))
    assert not isinstance(raised.value, resp.NotSent)


def test_a_password_that_it_does_not_take_means_that_nothing_was_asked(redis, tmp_path):
    redis.whole()
    (tmp_path / "login").write_text("hale:wrong\n")
    with pytest.raises(resp.NotSent, match="does not take"):
        RedisSentinel().failover(redis.rule("r1", credentials=str(tmp_path / "login")))


@pytest.mark.parametrize("text", ["", "hale", "hale:", "x" * 5000])
def test_credentials_that_are_none_mean_that_nothing_was_asked(tmp_path, text):
    (tmp_path / "login").write_text(text)
    rule = sentinel_rule({**RULE, "credentials": str(tmp_path / "login")}, "x")
    with pytest.raises(resp.NotSent, match="user:password"):
        RedisSentinel().failover(rule)


MASTER = ["name", "cache", "ip", "127.0.0.11", "flags", "master", "config-epoch", "4"]
REPLICA = [
    *("ip", "127.0.0.12", "flags", "slave", "master-link-status", "ok"),
    *("slave-priority", "0"),
]
TOLD = [
    "cache",
    [
        [
            3,
            "# Replication\r\nrole:master\r\nslave0:ip=127.0.0.12,port=6379,state=online,offset=900,lag=0\r\n"
            "slave1:ip=127.0.0.13,port=6379,state=wait_bgsave,offset=0,lag=0\r\nmaster_repl_offset:1000\r\n",
        ],
        [7, "# Replication\r\nrole:slave\r\n"],
    ],
]


def test_how_far_a_replica_is_behind_the_master_says_of_all_at_once():
    other = [word.replace("127.0.0.12", "127.0.0.13") for word in REPLICA]
    members = parse(MASTER, [REPLICA, other], "OK", TOLD, NODES).members
    assert (members["r2"].lag_bytes, members["r3"].lag_bytes) == (100, None)


@pytest.mark.parametrize(
    "told",
    [
        None,
        Refusal("ERR"),
        [],
        ["cache", []],
        ["cache", [[1, None]]],
        ["cache", [[1, "role:slave"]]],
    ],
)
def test_where_the_master_did_not_tell_nobody_knows_how_far_anybody_is_behind(told):
    assert parse(MASTER, [REPLICA], "OK", told, NODES).members["r2"].lag_bytes is None


def test_one_with_priority_0_never_takes_over():
    sight = parse(MASTER, [REPLICA], "OK", TOLD, NODES)
    assert sight.able() == ()
    assert sight.members["r2"].linked


def test_a_master_on_no_node_of_ours_is_nobody():
    other = [word.replace("127.0.0.11", "192.0.2.1") for word in MASTER]
    sight = parse(other, [REPLICA], "OK", TOLD, NODES)
    assert sight.leader is None
    assert list(sight.members) == ["r2"]


@pytest.mark.parametrize(
    ("master", "replicas"),
    [
        (Refusal("ERR No such master with that name"), []),
        (MASTER[:-2], []),
        ([*MASTER[:-1], "x"], []),
        (MASTER, "OK"),
        (MASTER, [REPLICA[:-2]]),
        (MASTER, [[]]),
    ],
)
def test_an_answer_that_lacks_something_is_no_answer(master, replicas):
    with pytest.raises(resp.Unanswered):
        parse(master, replicas, "OK", TOLD, NODES)


@pytest.mark.parametrize(
    "change",
    [
        {"host": "localhost"},
        {"port": 0},
        {"port": 65536},
        {"member": "r9"},
        {"members": {"r1": "127.0.0.1", "r2": "127.0.0.1"}},
        {"members": []},
        {"credentials": "login"},
        {"master": "a b"},
        {"more": 1},
    ],
)
def test_a_rule_that_is_wrong_is_refused_with_its_place(change):
    with pytest.raises(ValueError, match="sentinels"):
        sentinel_rule({**RULE, **change}, "sentinels['cache']")
