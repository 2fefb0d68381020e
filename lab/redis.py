"""The protocol that Redis and its Sentinel speak, over one connection.

Format: RESP version 2, <https://redis.io/docs/latest/develop/reference/protocol-spec/>. Rule: one command at a time;
after an error or a time-out the connection is of no use any more, and its owner hangs up.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Self

LONGEST = 1024 * 1024
"""Bytes of one line or string."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error reply: a word in capitals, and why."""

    text: str

    @property
    def word(self) -> str:
        """What kind of refusal it is, such as READONLY or NOREPLICAS."""
        return self.text.partition(" ")[0]


Reply = str | int | None | Refusal | list["Reply"]


@dataclass(frozen=True, slots=True)
class Wire:
    """A connection to one Redis or Sentinel. The caller has the deadline."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def to(cls, host: str, port: int) -> Self:
        """Connect.

        Raises:
            OSError: Nobody listens.
        """
        return cls(*await asyncio.open_connection(host, port, limit=LONGEST))

    async def say(self, *words: str) -> Reply:
        """Send a command and return its reply.

        Raises:
            OSError: The connection ended, or what came is no reply. What was asked may have been done.
        """
        parts = [f"*{len(words)}\r\n".encode("ascii")]
        for word in words:
            data = word.encode()
            parts += [f"${len(data)}\r\n".encode("ascii"), data, b"\r\n"]
        self.writer.write(b"".join(parts))
        try:
            await self.writer.drain()
            return await self._reply()
        except (EOFError, ValueError) as error:
            raise ConnectionError(f"no reply: {error}") from error

    async def _reply(self) -> Reply:
        line = (await self.reader.readuntil(b"\r\n"))[:-2].decode("utf-8", "replace")
        kind, rest = line[:1], line[1:]
        match kind:
            case "+":
                return rest
            case "-":
                return Refusal(rest)
            case ":":
                return int(rest)
            case "$":
                return None if int(rest) < 0 else await self._bulk(int(rest))
            case "*":
                return [await self._reply() for _ in range(int(rest))]
        raise ValueError(f"it begins with {kind!r}")

    async def _bulk(self, length: int) -> str:
        data = await self.reader.readexactly(length + 2)
        return data[:-2].decode("utf-8", "replace")

    def hang_up(self) -> None:
        """End the connection, without waiting for the other end."""
        with contextlib.suppress(OSError):
            self.writer.transport.abort()
