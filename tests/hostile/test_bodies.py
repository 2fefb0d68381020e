"""Hostile requests to the webhook over real sockets: fuzzed, huge, slow, cut off, in one piece."""

import asyncio
import http.client
import json
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import aiohttp
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healer.adapters.codec import decode, encode
from healer.core import events as ev
from healer.web.bodies import MOST_OF_ONE
from tests.healer.web.house import PATIENCE, House, message
from tests.healer.web.test_webhook import alert, counted, hints
from tests.hostile.words import HOSTILE

MANY = settings(
    max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
ANSWERS = {202, 400, 413, 415, 503}
HEAD = b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(HOSTILE),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
WORDS = st.text(max_size=40) | st.sampled_from(HOSTILE)
LABELS = st.dictionaries(
    st.sampled_from(["alertname", "cluster", "node", "service", "heal", "note"]) | WORDS,
    WORDS | JSON,
    max_size=8,
)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """Alertmanager's messages with something in them that it would not send."""
    body = message(alert(), alert(node="web2"))
    one = draw(st.sampled_from(body["alerts"]))
    for _ in range(draw(st.integers(0, 3))):
        where: dict[str, Any] = draw(st.sampled_from([body, one, one["labels"]]))
        where[draw(st.sampled_from([*sorted(where), "x"]) | WORDS)] = draw(JSON)
        if not isinstance(one["labels"], dict):
            one["labels"] = draw(LABELS)
    if draw(st.booleans()):
        one["labels"] = {**one["labels"], **draw(LABELS)}
    text = json.dumps(body, ensure_ascii=draw(st.booleans()), default=str)
    return text.encode("utf-8", "surrogatepass")


def post(port: int, body: bytes) -> int:
    """Post a body; return the status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/webhook", body, {"Content-Type": "application/json"})
        return connection.getresponse().status
    finally:
        connection.close()


async def fuzzed(house: House, run: Any) -> None:
    """Let a function run against the house's port in a thread; then nothing is broken and nothing was invented."""
    async with house.public() as session:
        await asyncio.to_thread(run)
        assert (await session.get("/-/healthy")).status == 200
        assert (await session.post("/webhook", json=message(alert(node="web3")))).status == 202
    for record in house.store.records:
        assert isinstance(record.event, ev.AlertsReceived)
        assert decode(*encode(record.event)) == record.event


async def test_any_bytes_are_a_body_that_is_taken_or_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    house = House()

    @MANY
    @given(st.binary(max_size=400))
    def run(body: bytes) -> None:
        assert post(house.port, body) in ANSWERS

    await fuzzed(house, run)
    assert not caplog.records, "no bug was logged"


async def test_a_body_of_any_shape_is_taken_or_refused(caplog: pytest.LogCaptureFixture) -> None:
    house = House()

    @MANY
    @given(messages())
    def run(body: bytes) -> None:
        assert post(house.port, body) in ANSWERS

    await fuzzed(house, run)
    assert not caplog.records, "no bug was logged"


LINES = st.lists(
    st.binary(max_size=60)
    | st.sampled_from(
        [
            b"Content-Length: 5",
            b"Content-Length: -1",
            b"Content-Length: 99999999999999999999",
            b"Content-Length: 0x10",
            b"Transfer-Encoding: chunked",
            b"Transfer-Encoding: chunked, identity",
            b"Expect: 100-continue",
            b"Connection: upgrade\r\nUpgrade: h2c",
            b"Host: a\r\nHost: b",
            b"X-A: " + 9000 * b"x",
            b": ",
            b" folded",
        ]
    ),
    max_size=6,
)
FIRST = st.sampled_from(
    [
        b"POST /webhook HTTP/1.1",
        b"POST /webhook HTTP/1.0",
        b"POST /webhook HTTP/9.9",
        b"POST /webhook",
        b"PRI * HTTP/2.0",
        b"CONNECT evil.example:443 HTTP/1.1",
        b"GET http://evil.example/webhook HTTP/1.1",
        b"POST //webhook/..%2f..%00 HTTP/1.1",
        b"GET /static/..%2f..%2fetc%2fpasswd HTTP/1.1",
    ]
)


async def test_any_bytes_on_the_port_are_answered_or_hung_up_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    house = House()

    @MANY
    @given(FIRST | st.binary(max_size=60), LINES, st.binary(max_size=200))
    def run(first: bytes, lines: list[bytes], rest: bytes) -> None:
        with (
            socket.create_connection(("127.0.0.1", house.port), timeout=10) as raw,
            suppress(ConnectionError),
        ):
            raw.sendall(b"\r\n".join([first, *lines, b"", rest]))
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(65536):
                pass

    await fuzzed(house, run)
    assert not caplog.records, "no bug was logged"


async def test_a_hundred_megabytes_from_eight_at_once_leave_the_memory_as_it_was() -> None:
    house, process = House(), psutil.Process()
    before, most = process.memory_info().rss, 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal most
        piece = b" " * 65536
        for _ in range(1600):
            most = max(most, process.memory_info().rss)
            yield piece

    async def send(session: aiohttp.ClientSession, told: bool) -> int | None:
        headers = {"Content-Type": "application/json"}
        if told:
            headers["Content-Length"] = str(1600 * 65536)
        try:
            async with session.post("/webhook", data=pieces(), headers=headers) as answer:
                return answer.status
        except aiohttp.ClientError:
            return None  # hung up on while it still sent

    async with house.public() as session:
        answers = await asyncio.gather(*(send(session, told) for told in 4 * [True, False]))
        assert set(answers) <= {413, None}
        assert (await session.post("/webhook", json=message(alert()))).status == 202
    assert most - before < 100 * 1024 * 1024
    assert counted(house, 413) == 8
    assert len(hints(house)) == 1


async def test_heads_that_never_end_are_refused_and_take_little_memory() -> None:
    house, process = House(), psutil.Process()
    before, line = process.memory_info().rss, b"X: " + 8000 * b"x" + b"\r\n"
    async with house.public() as session:
        heads = [await asyncio.open_connection("127.0.0.1", house.port) for _ in range(100)]
        for _, writer in heads:
            writer.write(HEAD + 40 * line)
            await writer.drain()
        await asyncio.sleep(0.2)
        # What the senders have not got rid of yet is in this process too.
        assert process.memory_info().rss - before < 200 * 1024 * 1024
        assert (await session.get("/-/healthy")).status == 200
        for reader, writer in heads[:10]:
            writer.write(20 * line + b"\r\n")
            async with asyncio.timeout(PATIENCE):
                assert b" 400 " in await reader.readline()
        for _, writer in heads:
            writer.close()
    assert not house.store.records


async def flood(port: int, seconds: float) -> int:
    """Post what makes no sense as fast as 50 connections can, from another process; return how often."""
    program = f"""
import socket, threading, time
until, sent = time.monotonic() + {seconds}, []
def run():
    with socket.create_connection(("127.0.0.1", {port}), timeout=30) as raw:
        while time.monotonic() < until:
            raw.sendall({HEAD!r} + b"Content-Length: 1\\r\\n\\r\\n{{")
            if not raw.recv(65536):
                return
            sent.append(1)
threads = [threading.Thread(target=run) for _ in range(50)]
[one.start() for one in threads]
[one.join() for one in threads]
print(len(sent))
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return int(said)


async def test_a_flood_of_messages_leaves_the_healer_its_turns_and_alertmanager_its_answer() -> (
    None
):
    house, loop, gaps = House(), asyncio.get_running_loop(), list[float]()

    async def heal() -> None:
        while True:
            before = loop.time()
            await asyncio.sleep(0)
            gaps.append(loop.time() - before)

    async with house.public():
        flooding = asyncio.create_task(flood(house.port, 2.0))
        await asyncio.sleep(1.0)
        healing = asyncio.create_task(heal())
        elsewhere = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
        async with aiohttp.ClientSession(
            f"http://127.0.0.1:{house.port}", connector=elsewhere
        ) as session:
            assert (await session.post("/webhook", json=message(alert()))).status == 202
        healing.cancel()
        assert await flooding > 50
    assert gaps
    assert sorted(gaps)[len(gaps) // 2] < 0.1, "half of its turns come within a tenth of a second"
    assert len(hints(house)) == 1


async def test_while_many_send_one_byte_at_a_time_alertmanager_is_heard_at_once() -> None:
    house, loop = House(), asyncio.get_running_loop()
    slow: list[asyncio.StreamWriter] = []

    async def drip(writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)

    async with house.public(read_seconds=20.0):
        for number in range(100):
            whole, part = HEAD + b"Content-Length: 100000\r\n\r\n{", HEAD[:40]
            _, writer = await asyncio.open_connection("127.0.0.1", house.port)
            writer.write(whole if number < 80 else part)
            slow.append(writer)
        dripping = [asyncio.create_task(drip(one)) for one in slow]
        await asyncio.sleep(0.5)
        elsewhere = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
        async with aiohttp.ClientSession(
            f"http://127.0.0.1:{house.port}", connector=elsewhere
        ) as session:
            began = loop.time()
            assert (await session.post("/webhook", json=message(alert()))).status == 202
            assert loop.time() - began < 10.0
        for one in dripping:
            one.cancel()
        await asyncio.gather(*dripping, return_exceptions=True)
        for writer in slow:
            writer.close()
    assert MOST_OF_ONE < 8
    assert len(hints(house)) == 1


async def test_messages_in_one_piece_are_answered_one_by_one_in_order() -> None:
    """HTTP/1.1 pipelining: no message is lost, and none is taken for a part of another."""
    house = House()
    good = json.dumps(message(alert())).encode()
    bodies = [good, b"{", good, b"[]", json.dumps(message(alert(node="web2"))).encode()]
    sent = b"".join(HEAD + b"Content-Length: %d\r\n\r\n" % len(one) + one for one in bodies)
    async with house.public():
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(sent)
        said = b""
        async with asyncio.timeout(PATIENCE):
            while said.count(b"HTTP/1.1 ") < len(bodies):
                said += await reader.read(65536)
        writer.close()
    codes = [int(one) for one in re.findall(rb"HTTP/1[.]1 (\d+)", said)]
    assert codes == [202, 400, 202, 400, 202]
    assert len(hints(house)) == 2


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 6\r\nContent-Length: 7\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
    ],
)
async def test_a_request_with_two_ends_smuggles_no_other(head: bytes) -> None:
    house = House()
    inner = HEAD + b"Content-Length: 2\r\n\r\n{}"
    async with house.public():
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(HEAD + head + b"\r\n0\r\n\r\nX" + inner)
        writer.write_eof()
        async with asyncio.timeout(PATIENCE):
            said = await reader.read()
        writer.close()
    assert said.count(b"HTTP/1.1 ") <= 1, "one request, one answer"
    assert not said or b" 400 " in said.splitlines()[0]
    assert not house.store.records


@pytest.mark.parametrize("reset", [False, True])
async def test_half_a_message_is_none(reset: bool) -> None:
    house = House()
    body = json.dumps(message(alert())).encode()
    async with house.public() as session:
        _, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body[: len(body) // 2])
        await writer.drain()
        await asyncio.sleep(0.1)
        if reset:
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.close()
        async with asyncio.timeout(PATIENCE):
            while not counted(house, 400):
                await asyncio.sleep(0.02)
        assert not house.store.records
        assert (await session.post("/webhook", json=message(alert()))).status == 202
    assert counted(house, 400) == 1
    assert len(hints(house)) == 1
