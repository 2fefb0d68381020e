"""Forged and replayed requests at a real gate's process, by somebody who has the healer's key or heard it speak."""

from pathlib import Path
from typing import Any

import pytest

from tests.gate.real import Client, RealNode
from tests.hostile.words import HOSTILE


@pytest.fixture
def node(tmp_path: Path) -> RealNode:
    return RealNode(tmp_path)


class Listener:
    """Keeps every line that a client sends."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.heard: list[dict[str, Any]] = []
        self._send = client.send
        client.send = self.send  # type: ignore[method-assign]

    def send(self, message: Any) -> None:
        self.heard.append(message)
        self._send(message)


def test_a_session_that_was_recorded_has_no_second_effect(node: RealNode) -> None:
    with node.serve() as client:
        recorded = Listener(client)
        client.restart("1.4.1")
        assert client.receive()["state"] == "begun"
        assert client.receive()["state"] == "done"
    hello, request = recorded.heard
    node.nginx(ActiveState="failed", SubState="failed", InvocationID="a" * 32)
    with node.serve() as client:
        for _ in range(3):
            client.send(hello)
            client.receive()
            client.send(request)
            assert client.receive()["reason"] == "stale_nonce"
            # Whoever can speak, and not only repeat, puts a fresh nonce into it: it has been done already.
            client.send(hello)
            fresh = client.receive()["nonce"]
            client.send(request | {"nonce": fresh})
            assert client.receive()["state"] == "done", "the end as it was, from the ledger"
    assert node.read("effects") == ["nginx.service"]


FORGED: list[tuple[dict[str, Any], str]] = [
    ({"nonce": "0" * 32}, "stale_nonce"),
    ({"token": [1, 3], "id": "1.3.9"}, "lower_token"),
    ({"token": [1, 3]}, "malformed"),
    ({"store": "journal-of-mine"}, "other_store"),
    ({"cluster": "second"}, "wrong_cluster"),
    ({"node": "web2"}, "wrong_node"),
    ({"verb": "shell.run"}, "unknown_verb"),
    ({"args": {"unit": "ssh.service"}}, "not_listed"),
    ({"args": {"unit": "nginx.service", "shell": "reboot"}}, "bad_argument"),
    ({"extra": 1}, "unknown_key"),
    ({"token": [2**70, 1]}, "malformed"),
    ({"id": "1.4.1"}, "id_reused"),
]


@pytest.mark.parametrize(("change", "reason"), FORGED, ids=[str(one) for one, _ in FORGED])
def test_a_forged_request_is_refused_and_nothing_is_run(
    change: dict[str, Any], reason: str, node: RealNode
) -> None:
    with node.serve() as client:
        recorded = Listener(client)
        client.request("1.4.1", "service.reload", {"unit": "nginx.service"})
        while client.receive()["state"] == "begun":
            pass
        hello, true = recorded.heard
        before = node.read("effects")
        client.send(hello)
        nonce = client.receive()["nonce"]
        client.send(true | {"nonce": nonce, "id": "1.4.2", "verb": "service.restart"} | change)
        answer = client.receive()
    assert (answer.get("state", "refused"), answer["reason"]) == ("refused", reason)
    assert node.read("effects") == before


def test_hostile_words_as_arguments_run_nothing(node: RealNode) -> None:
    with node.serve() as client:
        for number, word in enumerate(HOSTILE, 1):
            client.request(f"1.4.{number}", "service.restart", {"unit": word})
            assert client.receive()["reason"] in ("not_listed", "bad_argument"), word
    assert node.read("effects") == []
    assert not [call for call in node.read("calls") if "restart" in call]
