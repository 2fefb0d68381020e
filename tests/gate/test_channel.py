"""Lines over a socket: whole, bounded, and without patience for a peer that stalls."""

import socket
from collections.abc import Iterator

import pytest

from gate.channel import FdChannel
from gate.protocol import LINE_LIMIT
from gate.words import Unreadable


@pytest.fixture
def pair() -> Iterator[tuple[FdChannel, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(30)
        yield FdChannel(ours.fileno(), ours.fileno(), silence=0.0), theirs


def test_lines_come_one_by_one_however_they_were_sent(
    pair: tuple[FdChannel, socket.socket],
) -> None:
    channel, peer = pair
    peer.sendall(b"one\ntw")
    assert channel.read_line() == b"one"
    peer.sendall(b"o\n\nrest")
    assert channel.read_line() == b"two"
    assert channel.read_line() == b""
    peer.shutdown(socket.SHUT_WR)
    assert channel.read_line() is None, "half a line is no line"


def test_silence_ends_the_session(pair: tuple[FdChannel, socket.socket]) -> None:
    assert pair[0].read_line() is None


def test_a_line_of_64_kib_is_taken_and_a_longer_one_is_not(
    pair: tuple[FdChannel, socket.socket],
) -> None:
    channel, peer = pair
    peer.sendall(b"x" * (LINE_LIMIT - 1) + b"\n")
    assert channel.read_line() == b"x" * (LINE_LIMIT - 1)
    peer.sendall(b"x" * LINE_LIMIT + b"\n")
    with pytest.raises(Unreadable, match="at most 65536"):
        channel.read_line()


def test_a_line_without_end_is_not_collected(pair: tuple[FdChannel, socket.socket]) -> None:
    channel, peer = pair
    peer.sendall(b"x" * LINE_LIMIT)
    with pytest.raises(Unreadable):
        channel.read_line()


def test_a_peer_that_is_gone_loses_the_answer_and_nothing_else(
    pair: tuple[FdChannel, socket.socket],
) -> None:
    channel, peer = pair
    peer.close()
    channel.write(b"begun\n")
    channel.write(b"done\n")
    assert channel.read_line() is None
