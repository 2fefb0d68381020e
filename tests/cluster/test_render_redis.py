"""What is rendered for a Redis under Sentinel, and for what watches it."""

import json

from tests.cluster.examples import REDIS
from tests.cluster.rendering import text_of, tree_of

TREE = tree_of(REDIS)


def test_a_members_gate_asks_the_sentinel_of_its_own_node() -> None:
    found = json.loads(text_of(TREE, "r2/etc/hale/gate.json"))["sentinels"]
    assert found == {
        "cache": {
            "host": "10.0.0.42",
            "port": 26379,
            "master": "cache",
            "member": "r2",
            "members": {"r1": "10.0.0.41", "r2": "10.0.0.42", "r3": "10.0.0.43"},
            "credentials": None,
        }
    }
    assert json.loads(text_of(TREE, "mon1/etc/hale/gate.json"))["sentinels"] == {}


def test_at_the_first_start_all_but_the_first_follow_it() -> None:
    firsts = {node: text_of(TREE, f"{node}/etc/redis/first/redis.conf") for node in ("r1", "r2")}
    assert "replicaof" not in firsts["r1"]
    assert "replicaof 10.0.0.41 6379" in firsts["r2"]
    watch = text_of(TREE, "r3/etc/redis/first/sentinel.conf")
    assert "sentinel monitor cache 10.0.0.41 6379 2\n" in watch
    assert "sentinel down-after-milliseconds cache 5000\n" in watch


def test_the_files_that_the_programs_rewrite_are_made_once_and_started_with() -> None:
    assert (
        "C /var/lib/redis/redis.conf 0640 redis redis - /etc/redis/first/redis.conf\n"
        in text_of(TREE, "r1/etc/tmpfiles.d/hale-redis.conf")
    )
    start = text_of(TREE, "r1/etc/systemd/system/redis-sentinel.service.d/hale-file.conf")
    assert "\nExecStart=\nExecStart=/usr/bin/redis-sentinel /var/lib/redis/sentinel.conf " in start


def test_a_master_that_is_cut_off_stops_taking_writes() -> None:
    settings = text_of(TREE, "r1/etc/redis/hale.conf")
    assert "appendonly yes\n" in settings  # what it starts again with is not empty
    assert "min-replicas-to-write 1\nmin-replicas-max-lag 10\n" in settings


def test_a_new_master_does_not_wait_for_a_second_replica_before_the_first_one_copies_it() -> None:
    """Until one has, it takes no writes."""
    assert "repl-diskless-sync-delay 0\n" in text_of(TREE, "r1/etc/redis/hale.conf")


def test_sentinel_prefers_whom_the_group_names_earlier() -> None:
    assert "replica-priority 10\n" in text_of(TREE, "r1/etc/redis/hale.conf")
    assert "replica-priority 30\n" in text_of(TREE, "r3/etc/redis/hale.conf")


def test_without_passwords_redis_is_told_to_let_others_in_and_else_it_is_not() -> None:
    assert "include /etc/redis/passwords.conf" in text_of(TREE, "r1/etc/redis/hale.conf")
    assert "protected-mode" not in text_of(TREE, "r1/etc/redis/hale.conf")
    bare = tree_of(REDIS.replace("passwords: /etc/redis/passwords.conf, ", ""))
    assert "protected-mode no" in text_of(bare, "r1/etc/redis/hale.conf")


def test_nothing_of_redis_is_written_where_somebody_else_does() -> None:
    foreign = tree_of(REDIS.replace(", manage: true", ""))
    assert not [
        file.path for file in foreign.files if "redis" in file.path and "targets" not in file.path
    ]


def test_prometheus_asks_each_members_exporter_of_redis_and_of_sentinel() -> None:
    redis = json.loads(text_of(TREE, "mon1/etc/prometheus/targets/redis.json"))
    sentinel = json.loads(text_of(TREE, "mon1/etc/prometheus/targets/sentinel.json"))
    assert [one["targets"] for one in redis] == [[f"10.0.0.4{n}:9121"] for n in (1, 2, 3)]
    assert {one["labels"]["__param_target"] for one in sentinel} == {"redis://127.0.0.1:26379"}
    assert "metrics_path: /scrape" in text_of(TREE, "mon1/etc/prometheus/prometheus.yml")
