"""A socket between a healer and etcd that cuts or swallows what one asks it to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import urlsplit


class Fault(Enum):
    """What happens to one request."""

    REFUSED = "it is cut before etcd sees it"
    UNANSWERED = "etcd does it, and the answer is cut"
    SILENT = "etcd does it, and nobody hears of it"


@dataclass
class Proxy:
    """Counts requests, and does something to some.

    Attributes:
        faults: By the number of the request, from 1; watches are not counted.
        asked: The path of each request.
    """

    target: str
    faults: dict[int, Fault] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            try:
                while await self._one(reader, writer):
                    pass
            finally:
                writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ", 2)[1].decode()
        body = await reader.readexactly(_length(head))
        if path == "/v3/watch":
            return False  # it says nothing certain; who asks looks for himself
        self.asked.append(path)
        fault = self.faults.get(len(self.asked))
        if fault is Fault.REFUSED:
            return False
        answer = await self._forwarded(head, body)
        if fault is Fault.UNANSWERED:
            return False
        if fault is Fault.SILENT:
            await asyncio.sleep(3600)
        writer.write(answer)
        await writer.drain()
        return True

    async def _forwarded(self, head: bytes, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*_place(self.target))
        try:
            lines = head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
            writer.write(lines + body)
            whole = await reader.read()
            # Our own client keeps its connection.
            return whole.replace(b"Connection: close\r\n", b"", 1) + await reader.read()
        finally:
            writer.close()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port


@asynccontextmanager
async def proxy(target: str) -> AsyncIterator[Proxy]:
    """Stand before an etcd member."""
    found = Proxy(target)
    tasks: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)  # a task that is cancelled before it began closes nothing
        task = asyncio.create_task(found.serve(reader, writer), name="proxied")
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=16 * 1024 * 1024)
    host, port = server.sockets[0].getsockname()
    found.url = f"http://{host}:{port}"
    try:
        yield found
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        await server.wait_closed()
