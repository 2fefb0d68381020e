"""What Redis and its Sentinel may answer, and what is none of their answers."""

import socket
import threading
import time

import pytest

from gate import resp
from gate.resp import Refusal


def answered(text: bytes, *commands: tuple[str, ...], seconds: float = 1.0, close: bool = True):
    """Return what is made of an answer, and what was asked."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            wire, _ = door.accept()
            with wire:
                heard.append(wire.recv(4096))
                wire.sendall(text)
                if not close:
                    wire.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            return resp.ask(door.getsockname()[:2], commands or (("PING",),), seconds), heard
        finally:
            thread.join()


def test_each_command_has_its_reply():
    text = b"+OK\r\n:12\r\n$5\r\nhello\r\n$-1\r\n-ERR no such\r\n*2\r\n$1\r\na\r\n*1\r\n:1\r\n"
    replies, _ = answered(text, *[("PING",)] * 6)
    assert replies == ["OK", 12, "hello", None, Refusal("ERR no such"), ["a", [1]]]


def test_a_word_cannot_be_taken_for_two():
    _, heard = answered(b"+OK\r\n", ("SENTINEL", "FAILOVER", "a\r\nSHUTDOWN"))
    assert heard == [b"*3\r\n$8\r\nSENTINEL\r\n$8\r\nFAILOVER\r\n$11\r\na\r\nSHUTDOWN\r\n"]


def test_a_string_may_hold_an_end_of_line():
    assert answered(b"$4\r\na\r\nb\r\n")[0] == ["a\r\nb"]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"+O",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"$5\r\nhell",
        b"$2\r\nhello\r\n",
        b"$99999999999\r\n",
        b"*99999999999\r\n",
        b"$x\r\n",
        b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
    ],
)
def test_what_is_cut_off_or_no_reply_is_no_answer(text):
    with pytest.raises(resp.Unanswered):
        answered(text)


def test_one_that_never_ends_is_given_up_in_time():
    began = time.monotonic()
    with pytest.raises(resp.Unanswered, match="no answer within"):
        answered(b"$5\r\nhel", seconds=0.2, close=False)
    assert time.monotonic() - began < 10


def test_an_answer_without_end_is_given_up_by_its_length():
    with pytest.raises(resp.Unanswered, match="longer than"):
        answered(b"+" + b"x" * (resp.ANSWER_BYTES + 100_000) + b"\r\n")


def test_where_nobody_listens_nothing_was_sent():
    with socket.create_server(("127.0.0.1", 0)) as door:
        nobody = door.getsockname()[:2]
    with pytest.raises(resp.NotSent):
        resp.ask(nobody, [("PING",)], 1.0)


@pytest.mark.parametrize("reply", [["a"], "a", None, 1])
def test_names_and_values_come_in_pairs(reply):
    with pytest.raises(resp.Unanswered, match="names and values"):
        resp.pairs(reply)
