"""The protocol that Redis and its Sentinel speak: some commands out, as many replies back, in one connection.

Format: RESP version 2, <https://redis.io/docs/latest/develop/reference/protocol-spec/>. What is not of it, too
long, too deep or too late is `Unanswered`.
"""

import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

ANSWER_BYTES = 1024 * 1024
DEPTH = 4
"""Lists within lists. Sentinel's answers have two."""


class Unanswered(Exception):  # reads as what happened
    """It did not answer, or not as the protocol says. What was asked may yet be done."""


class NotSent(Unanswered):
    """Nobody listens, so nothing was asked."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error reply: a word in capitals, and why."""

    text: str


Reply = str | int | None | Refusal | list["Reply"]


def ask(
    address: tuple[str, int], commands: Sequence[tuple[str, ...]], seconds: float
) -> list[Reply]:
    """Send commands and return a reply for each.

    Args:
        address: Host and port.
        commands: The words of each.
        seconds: For all of it.

    Raises:
        NotSent: nobody listens.
        Unanswered: not every reply came in time, or one is none.
    """
    end, where = time.monotonic() + seconds, f"{address[0]}:{address[1]}"
    try:
        wire = socket.create_connection(address, seconds)
    except OSError as error:
        raise NotSent(f"{where}: {error}") from error
    with wire:
        try:
            wire.sendall(b"".join(_command(words) for words in commands))
            lines = _Lines(wire, where, end)
            return [_reply(lines, DEPTH) for _ in commands]
        except OSError as error:
            raise Unanswered(f"{where}: no answer within {seconds:g} s ({error})") from error


def pairs(reply: Reply) -> dict[str, str]:
    """Read a list of names and values in turns.

    Raises:
        Unanswered: it is none.
    """
    if not isinstance(reply, list) or len(reply) % 2:
        raise Unanswered(f"want names and values, got {reply!r:.200}")
    texts = [str(one) for one in reply]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def _command(words: tuple[str, ...]) -> bytes:
    """Write a command as a list of bulk strings, so that no word can be taken for two."""
    parts = [f"*{len(words)}\r\n".encode("ascii")]
    for word in words:
        data = word.encode()
        parts += [f"${len(data)}\r\n".encode("ascii"), data, b"\r\n"]
    return b"".join(parts)


@dataclass(slots=True)
class _Lines:
    """What comes in, up to a limit and a time."""

    wire: socket.socket
    where: str
    end: float
    kept: bytes = b""
    taken: int = 0

    def line(self) -> str:
        """Return the next line, without its end."""
        while b"\r\n" not in self.kept:
            self._more()
        line, _, self.kept = self.kept.partition(b"\r\n")
        return line.decode("utf-8", "replace")

    def bulk(self, length: int) -> str:
        """Return so many bytes, and take the line's end after them."""
        if length > ANSWER_BYTES:
            raise Unanswered(f"{self.where}: a string of {length} bytes is too long")
        while len(self.kept) < length + 2:
            self._more()
        data, end, self.kept = (
            self.kept[:length],
            self.kept[length : length + 2],
            self.kept[length + 2 :],
        )
        if end != b"\r\n":
            raise Unanswered(f"{self.where}: a string is longer than it says")
        return data.decode("utf-8", "replace")

    def _more(self) -> None:
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError("it was over")
        self.wire.settimeout(left)
        chunk = self.wire.recv(65536)
        self.taken += len(chunk)
        if not chunk:
            raise Unanswered(f"{self.where}: the connection ended in the midst of an answer")
        if self.taken > ANSWER_BYTES:
            raise Unanswered(f"{self.where}: the answer is longer than {ANSWER_BYTES} bytes")
        self.kept += chunk


def _reply(lines: _Lines, depth: int) -> Reply:
    head = lines.line()
    kind, rest = head[:1], head[1:]
    match kind:
        case "+":
            return rest
        case "-":
            return Refusal(rest)
        case ":":
            return _number(rest, lines)
        case "$":
            length = _number(rest, lines)
            return None if length < 0 else lines.bulk(length)
        case "*" if depth:
            return list(_items(_number(rest, lines), lines, depth - 1))
    raise Unanswered(f"{lines.where}: not a reply: {head!r:.100}")


def _items(length: int, lines: _Lines, depth: int) -> Iterator[Reply]:
    if length > ANSWER_BYTES // 4:  # each takes four bytes at least
        raise Unanswered(f"{lines.where}: a list of {length} is too long")
    for _ in range(length):
        yield _reply(lines, depth)


def _number(text: str, lines: _Lines) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise Unanswered(f"{lines.where}: not a number: {text!r:.100}") from error
