"""What Patroni answers, as a real Patroni 3.0.2 said it, and what is none of its answers. Over a real socket."""

import base64
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gate.database_rule import DatabaseRule
from gate.databases import is_good, others_to_lead
from gate.patroni import NotRunning, NotSent, OtherCluster, RestApi, Unanswered, parse, parse_own

CAPTURED = Path(__file__).parent / "patroni"
HEAD = b"HTTP/1.0 200 OK\r\nServer: BaseHTTP/0.6 Python/3.11.2\r\nContent-Type: application/json\r\n\r\n"


def captured(name: str) -> bytes:
    return (CAPTURED / f"{name}.json").read_bytes()


def sight(cluster: str, config: str = "config"):
    return parse(json.loads(captured(cluster)), json.loads(captured(config)))


@dataclass
class Door:
    """Answers each connection in turn; `heard` is what was asked."""

    port: int
    heard: list[bytes] = field(default_factory=list)

    def rule(self, credentials: str | None = None) -> DatabaseRule:
        return rule(self.port, credentials)


def rule(port: int, credentials: str | None = None) -> DatabaseRule:
    return DatabaseRule(
        url=f"http://127.0.0.1:{port}",
        scope="main",
        member="db1",
        members=("db1", "db2", "db3"),
        unit="patroni.service",
        credentials=credentials,
        bar_file="/var/lib/hale-gate/bar/main.yml",
        max_lag_bytes=1024 * 1024,
    )


@contextmanager
def serving(*answers: bytes, pause: float = 0.0, close: bool = True) -> Iterator[Door]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        door = Door(listener.getsockname()[1])

        def serve() -> None:
            for answer in answers:
                wire, _ = listener.accept()
                with wire:
                    door.heard.append(wire.recv(4096))
                    if pause:
                        trickle(wire, answer, pause)
                    else:
                        wire.sendall(answer)
                    if not close:
                        wire.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield door
        finally:
            thread.join()


def trickle(wire: socket.socket, answer: bytes, pause: float) -> None:
    try:
        for at in range(len(answer)):
            wire.sendall(answer[at : at + 1])
            time.sleep(pause)
    except OSError:
        pass  # who asked has given up


# --- What it says ---------------------------------------------------------------------------


def test_a_database_that_is_well():
    found = sight("cluster_healthy")
    assert (found.leader, found.timeline) == ("db1", 1)
    assert (found.paused, found.synchronous, found.scheduled) == (False, False, False)
    assert {name: one.role for name, one in found.members.items()} == {
        "db1": "leader",
        "db2": "replica",
        "db3": "replica",
    }
    assert [one.lag_bytes for one in found.members.values()] == [None, 0, 0]
    assert others_to_lead("db1", found, rule(1)) == ["db2", "db3"]


def test_right_after_a_switchover_the_old_leader_is_no_copy_and_nor_is_one_that_has_not_followed_yet():
    found = sight("cluster_after_switchover")
    assert (found.leader, found.timeline) == ("db2", 2)
    assert (found.members["db1"].state, found.members["db1"].lag_bytes) == ("stopped", None)
    assert [is_good(name, found, rule(1)) for name in ("db1", "db2", "db3")] == [False, True, False]


def test_one_that_is_barred_could_not_lead():
    found = sight("cluster_barred")
    assert found.members["db1"].barred
    assert others_to_lead("db2", found, rule(1)) == ["db3"]
    assert parse_own(json.loads(captured("own_barred"))).barred


def test_one_that_does_not_start():
    found = sight("cluster_start_failed")
    assert found.members["db2"].state == "crashed"
    assert not is_good("db2", found, rule(1))
    own = parse_own(json.loads(captured("own_start_failed")))
    assert (own.state, own.started_at, own.timeline) == ("start failed", "", None)


def test_a_pause_a_plan_and_synchronous_mode():
    assert sight("cluster_paused").paused
    assert sight("cluster_scheduled").scheduled
    found = sight("cluster_synchronous", "config_synchronous")
    assert found.synchronous
    assert found.members["db3"].role == "sync_standby"
    # Whoever is switching the mode has the one before the other.
    assert sight("cluster_synchronous", "config").synchronous
    assert sight("cluster_healthy", "config_synchronous").synchronous


@pytest.mark.parametrize("about", [{"version": "3.0.2", "scope": "other"}, {}, None])
def test_a_patroni_of_another_cluster_is_told_apart_also_where_its_members_have_our_names(about):
    told = json.loads(captured("own_leader")) | {"patroni": about}
    with serving(HEAD + json.dumps(told).encode()) as door, pytest.raises(OtherCluster):
        RestApi().own(door.rule())
    with serving(HEAD + captured("own_leader")) as door:
        assert RestApi().own(door.rule()).primary


def test_the_leader_itself_knows_who_streams():
    own = parse_own(json.loads(captured("own_leader")))
    assert (own.primary, own.state, own.streaming) == (True, "running", ("db2", "db3"))
    assert own.started_at.startswith("2026-")
    replica = parse_own(json.loads(captured("own_replica")))
    assert (replica.primary, replica.streaming) == (False, ())


@pytest.mark.parametrize(
    "cluster",
    [
        {},
        {"members": {}},
        {"members": ["db1"]},
        {"members": [{"name": "db1"}]},
        {"members": [{"name": 1, "role": "leader", "state": "running"}]},
    ],
)
def test_what_is_not_as_its_source_says_is_unknown(cluster):
    with pytest.raises(Unanswered):
        parse(cluster, {})


def test_tags_that_cannot_be_read_bar():
    member = {"name": "db1", "role": "replica", "state": "running", "tags": "nofailover"}
    assert parse({"members": [member]}, {}).members["db1"].barred


# --- The wire -------------------------------------------------------------------------------


def test_two_answers_are_one_look():
    with serving(HEAD + captured("cluster_healthy"), HEAD + captured("config")) as door:
        found = RestApi().look(door.rule())
    assert found.leader == "db1"
    assert [one.split(b"\r\n")[0] for one in door.heard] == [
        b"GET /cluster HTTP/1.0",
        b"GET /config HTTP/1.0",
    ]


def test_what_changes_something_is_posted_with_the_credentials(tmp_path):
    secret = tmp_path / "patroni"
    secret.write_text("hale:s3cret\n")
    with serving(b"HTTP/1.0 412 Precondition Failed\r\n\r\nno good candidates\n") as door:
        said = RestApi().post(door.rule(str(secret)), "/switchover", {"leader": "db1"}, 2.0)
    assert (said.status, said.text, said.good) == (412, "no good candidates", False)
    head, _, body = door.heard[0].partition(b"\r\n\r\n")
    assert b"Authorization: Basic " + base64.b64encode(b"hale:s3cret") in head
    assert json.loads(body) == {"leader": "db1"}
    assert f"Content-Length: {len(body)}".encode() in head


@pytest.mark.parametrize("content", [None, "", "no colon\n"])
def test_without_credentials_nothing_is_asked_and_the_secret_is_not_told(tmp_path, content):
    secret = tmp_path / "patroni"
    if content is not None:
        secret.write_text(content)
    with pytest.raises(NotSent) as caught:
        RestApi().post(rule(1, str(secret)), "/restart", {}, 1.0)
    assert "no colon" not in str(caught.value).replace("want user:password", "")


def test_where_nobody_listens_nothing_was_asked():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotRunning):
        RestApi().own(rule(port))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.0 200",
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        HEAD + b"not json",
        HEAD + b"[]",
        b"HTTP/1.0 503 Service Unavailable\r\n\r\n{}",
        HEAD + b"[" * 100_000,
        HEAD + b" " * (1024 * 1024),
    ],
)
def test_what_is_no_answer_is_unknown(answer):
    with serving(answer) as door, pytest.raises(Unanswered) as caught:
        RestApi().own(door.rule())
    assert not isinstance(caught.value, NotSent)


def test_one_that_takes_connections_and_says_nothing_costs_its_time_and_no_more():
    with serving(b"", close=False) as door, pytest.raises(Unanswered):
        RestApi(seconds=0.2).own(door.rule())


def test_one_byte_at_a_time_does_not_lengthen_the_time():
    with serving(HEAD + captured("own_leader"), pause=0.02) as door, pytest.raises(Unanswered):
        RestApi(seconds=0.3).own(door.rule())
