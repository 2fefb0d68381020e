"""A peer with a stolen key and all the time in the world."""

import json
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gate.protocol import LINE_LIMIT, Hello, Request, parse_line
from gate.replies import Welcome, welcome
from gate.words import Unreadable
from tests.gate.fakes import World
from tests.gate.real import RealNode


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_are_unreadable(line: bytes) -> None:
    try:
        assert isinstance(parse_line(line), Hello | Request)
    except Unreadable:
        pass


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
)
KEYS = ("v", "hello", "look", "nonce", "id", "token", "store", "cluster", "verb", "args", "expect")


# On a busy machine the first draws of so wide a strategy take longer than Hypothesis likes.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(KEYS), JSON))
def test_any_values_under_known_keys_are_a_message_or_are_unreadable(
    found: dict[str, object],
) -> None:
    try:
        parse_line(json.dumps(found | {"v": 1}).encode())
    except Unreadable:
        pass


@pytest.mark.parametrize(
    "line",
    [b'{"v":1,"hello":true,"look":' + b"[" * 60000, b'{"v":' + b"1" * 60000 + b"}", b"\0" * 60000],
    ids=["deep", "long number", "zeros"],
)
def test_text_that_breaks_parsers_is_unreadable(line: bytes) -> None:
    with pytest.raises(Unreadable):
        parse_line(line)


def test_an_answer_never_exceeds_a_line(tmp_path: Path) -> None:
    answer = Welcome(
        "first", "web1", "b", None, None, "n", (), {"\x01" * 255 + str(n): None for n in range(256)}
    )
    assert len(welcome(answer)) <= LINE_LIMIT


def test_many_hellos_in_one_go_are_answered_in_turn(tmp_path: Path) -> None:
    answers = World(tmp_path).talk(*[b'{"v":1,"hello":true}'] * 500)
    assert len({json.loads(answer)["nonce"] for answer in answers}) == 500


def test_a_flood_that_never_reads_neither_hangs_nor_reaches_systemd(tmp_path: Path) -> None:
    node = RealNode(tmp_path)
    with node.serve() as client:
        for name in ("--force", "nginx.service\nssh.service", "/etc/passwd", "*", "ssh.service"):
            client.request("1.4.1", "service.restart", {"unit": name})
            assert client.receive()["reason"] == "not_listed"
        client.socket.sendall(b"x" * (LINE_LIMIT + 10))
        assert client.receive()["reason"] == "malformed"
        client.socket.shutdown(socket.SHUT_RDWR)
        client.process.wait(30)
    assert node.read("calls") == []
