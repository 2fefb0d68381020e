"""The webhook over a real socket: what is durable is acknowledged, and nothing else is."""

import asyncio
import gzip
import io
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from healer.adapters.codec import encode
from healer.core import events as ev
from healer.core.alert import Alert
from healer.errors import ConfigError, StoreFull
from healer.web.bodies import MOST_AT_ONCE, MOST_OF_ONE, Bodies, Busy
from healer.web.webhook import MOST_AT_HAND, WINDOW_SECONDS, Allowance, size_of
from tests.healer.core import world
from tests.healer.fakes import FakeStore
from tests.healer.web.house import HOSTILE, House, message, signed

JSON = {"Content-Type": "application/json"}


def alert(at: str = "web1/nginx", **labels: Any) -> Alert:
    return signed(world.alert(at=at, **labels))


def hints(house: House) -> list[ev.AlertsReceived]:
    events = [record.event for record in house.store.records]
    return [event for event in events if isinstance(event, ev.AlertsReceived)]


def counted(house: House, code: int) -> float | None:
    name, labels = "healer_webhook_requests_total", {"code": str(code)}
    return house.desk.metrics.registry.get_sample_value(name, labels)


async def test_alerts_are_durable_before_they_are_acknowledged_and_the_engine_wakes() -> None:
    house = House()
    async with house.public() as session:
        response = await session.post("/webhook", json=message(alert()))
        assert (response.status, await response.json()) == (202, {"accepted": 1})
    assert hints(house) == [ev.AlertsReceived((alert(),))]
    assert len(house.wakes) == 1
    assert counted(house, 202) == 1


async def test_what_is_repeated_is_acknowledged_and_not_journalled_again() -> None:
    house = House()
    again = alert(began=alert().began_at + 60)
    async with house.public() as session:
        for body in (message(alert()), message(alert(), alert()), message(alert(), again)):
            response = await session.post("/webhook", json=body)
            assert response.status == 202
    assert hints(house) == [ev.AlertsReceived((alert(),)), ev.AlertsReceived((again,))]
    assert len(house.wakes) == 3


class SlowStore(FakeStore):
    """A store whose disk takes its time, and fails as often as a test says."""

    failing: int = 0

    async def append(self, events: Sequence[ev.Event], *, closing: bool = False) -> list[ev.Record]:
        await asyncio.sleep(0.05)
        if self.failing:
            self.failing -= 1
            raise StoreFull("no space left on device")
        return await super().append(events, closing=closing)


@pytest.mark.parametrize("failing", [0, 1])
async def test_the_same_message_twice_at_the_same_moment_is_journalled_once(failing: int) -> None:
    """Both peers send it, or Alertmanager again because it heard no answer."""
    house = House()
    house.store = SlowStore(house.clock)
    house.store.failing = failing
    house.journal.store = house.store
    other = alert(node="web2")
    async with house.public() as session:
        bodies = [message(alert()), message(alert(), other), message(alert()), message(other)]
        sent = [session.post("/webhook", json=body) for body in bodies]
        codes = sorted(one.status for one in await asyncio.gather(*sent))
        assert codes == (3 - failing) * [202] + [202] + failing * [503]
    told = [one.episode for hint in hints(house) for one in hint.alerts]
    assert sorted(told) == sorted([alert().episode, other.episode])


@pytest.mark.parametrize("closed", [False, True])
async def test_an_episode_that_an_incident_knows_is_not_journalled(closed: bool) -> None:
    house = House()
    await house.arm()
    await house.open(alert())
    if closed:
        await house.healed()
    async with house.public() as session:
        response = await session.post("/webhook", json=message(alert()))
    assert response.status == 202
    assert not hints(house)


async def test_a_group_without_firing_alerts_writes_nothing() -> None:
    house = House()
    async with house.public() as session:
        response = await session.post("/webhook", json=message())
        assert (response.status, await response.json()) == (202, {"accepted": 0})
    assert not house.store.records


async def test_a_full_store_answers_503_and_journals_nothing() -> None:
    house = House()
    house.store.full = True
    async with house.public() as session:
        response = await session.post("/webhook", json=message(alert()))
        assert response.status == 503
        assert response.headers["Retry-After"] == "30"
        assert (await response.json())["reason"] == "store_full"
        assert not house.store.records
        assert not house.wakes
        house.store.full = False
        assert (await session.post("/webhook", json=message(alert()))).status == 202
    assert hints(house) == [ev.AlertsReceived((alert(),))]
    assert (counted(house, 503), counted(house, 202)) == (1, 1)


async def test_a_healer_that_lost_its_lease_sends_the_alert_elsewhere() -> None:
    house = House()
    house.store.lost = True
    async with house.public() as session:
        response = await session.post("/webhook", json=message(alert()))
        assert (response.status, (await response.json())["reason"]) == (503, "not_leader")
    assert not house.store.records


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"null", b"\xff\xfe", b'{"alerts":[{}]}', b"[" * 100_000, b'{"alerts":1}'],
)
async def test_what_can_never_be_taken_is_refused_with_the_reason(body: bytes) -> None:
    house = House()
    async with house.public() as session:
        response = await session.post("/webhook", data=body, headers=JSON)
        assert response.status == 400
        assert (await response.json())["reason"] == "malformed"
    assert not house.store.records
    assert counted(house, 400) == 1


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_is_too_large_is_refused(chunked: bool) -> None:
    house = House()

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(5 * 16):
            yield b" " * 65536

    body = pieces() if chunked else io.BytesIO(b" " * (5 * 1024 * 1024))
    async with house.public() as session:
        response = await session.post("/webhook", data=body, headers=JSON)
        assert response.status == 413
        assert (await response.json())["reason"] == "too_large"
    assert not house.store.records
    assert house.wakes, "what it would have said is read from Alertmanager"
    assert counted(house, 413) == 1


@pytest.mark.parametrize("packed", ["gzip", "deflate", "br", "identity, gzip"])
async def test_nothing_is_unpacked_so_no_bomb_bursts(packed: str) -> None:
    house = House()
    bomb = io.BytesIO(gzip.compress(b" " * (50 * 1024 * 1024)))
    async with house.public() as session:
        headers = JSON | {"Content-Encoding": packed}
        response = await session.post("/webhook", data=bomb, headers=headers)
        assert (response.status, (await response.json())["reason"]) == (415, "content_encoding")
        headers = JSON | {"Content-Encoding": "identity"}
        body = json.dumps(message(alert())).encode()
        response = await session.post("/webhook", data=body, headers=headers)
        assert response.status == 202
    assert counted(house, 415) == 1


async def test_a_body_that_does_not_arrive_is_given_up_and_wanted_back() -> None:
    house = House()

    async def never() -> AsyncIterator[bytes]:
        yield b'{"alerts":'
        await asyncio.Event().wait()

    async with house.public(read_seconds=0.05) as session:
        response = await session.post("/webhook", data=never(), headers=JSON)
        assert (response.status, (await response.json())["reason"]) == (503, "too_slow")
        assert response.headers["Retry-After"] == "30"
    assert not house.store.records
    assert counted(house, 503) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
async def test_alertmanager_posts_and_nothing_else_is_taken(method: str) -> None:
    house = House()
    async with house.public() as session:
        response = await session.request(method, "/webhook", json=message(alert()))
        assert (response.status, response.headers["Allow"]) == (405, "POST")
    assert not house.store.records
    assert counted(house, 405) == 1


async def test_a_web_page_in_somebodys_browser_cannot_post() -> None:
    """A browser sends text/plain across origins without asking us first."""
    house = House()
    body = json.dumps(message(alert())).encode()
    async with house.public() as session:
        response = await session.post("/webhook", data=body, headers={"Content-Type": "text/plain"})
        assert response.status == 415
    assert not house.store.records


async def test_alerts_of_another_cluster_alone_are_refused_and_beside_ours_left_out() -> None:
    house = House()
    other = alert(cluster="second")
    async with house.public() as session:
        response = await session.post("/webhook", json=message(other))
        assert (response.status, (await response.json())["reason"]) == (400, "wrong_cluster")
        response = await session.post("/webhook", json=message(other, alert()))
        assert (response.status, await response.json()) == (202, {"accepted": 1})
    assert hints(house) == [ev.AlertsReceived((alert(),))]


async def test_alerts_about_what_the_cluster_does_not_have_do_not_grow_the_journal() -> None:
    house = House()
    strangers = [alert(at=f"{HOSTILE}{number}/nginx") for number in range(50)]
    async with house.public() as session:
        response = await session.post("/webhook", json=message(*strangers))
        assert (response.status, await response.json()) == (202, {"accepted": 0})
    assert not house.store.records
    assert house.wakes, "the truth is looked at all the same"


async def test_a_flood_of_new_episodes_is_turned_away_until_the_allowance_is_back() -> None:
    house = House()
    notes = {f"note{number}": "x" * 4000 for number in range(15)}
    big = [alert(began=float(number), number=str(number), **notes) for number in range(60)]
    async with house.public() as session:
        codes = []
        for turn in range(11):
            body = message(*(replace(one, began_at=one.began_at + 100 * turn) for one in big))
            data = io.BytesIO(json.dumps(body).encode())
            codes.append((await session.post("/webhook", data=data, headers=JSON)).status)
        assert codes == 9 * [202] + 2 * [503]
        written = len(house.store.records)
        house.clock.pass_by(4 * 3600)
        known = io.BytesIO(json.dumps(message(*big[:1])).encode())
        assert (await session.post("/webhook", data=known, headers=JSON)).status == 202
        assert (await session.post("/webhook", json=message(alert()))).status == 202
    assert len(house.store.records) == written + 1, "the first of them was known already"


async def test_what_former_lives_journalled_counts_so_that_a_restart_gives_nothing_anew() -> None:
    house = House()
    house.store.hinted = 64 * 1024 * 1024
    async with house.public() as session:
        response = await session.post("/webhook", json=message(alert()))
        assert (response.status, (await response.json())["reason"]) == (503, "flood")
        house.clock.pass_by(60)
        assert (await session.post("/webhook", json=message(alert()))).status == 202
    assert len(hints(house)) == 1


def test_in_thirty_days_no_more_than_64_mib_are_taken() -> None:
    allowance, taken, now = Allowance(MOST_AT_HAND, 0.0), 0, 0.0
    while now <= WINDOW_SECONDS:
        while allowance.take(1024 * 1024, now):
            taken += 1024 * 1024
        now += 3600
    assert 63 * 1024 * 1024 <= taken <= 64 * 1024 * 1024


@pytest.mark.parametrize("words", ["plain", "\x1b\x00\x7f" * 9, "ü\u202e😀" * 9, '"\\' * 9, ""])
def test_a_hint_is_counted_as_no_less_than_the_journal_writes(words: str) -> None:
    alerts = [alert(began=1e9 + number / 7, note=words) for number in range(3)]
    _, _, body = encode(ev.AlertsReceived(tuple(alerts)))
    assert len(body.encode()) <= size_of(alerts) <= 3 * len(body.encode()) + 1000


class TornStore(FakeStore):
    """A store whose disk does not give the hints back."""

    async def hint_bytes(self, since: float) -> int:
        raise ConfigError("journal.db: it cannot be read as a journal: disk I/O error")


async def test_a_journal_that_cannot_be_read_takes_no_hint() -> None:
    house = House()
    house.journal.store = TornStore()
    async with house.public() as session:
        response = await session.post("/webhook", json=message(alert()))
        assert (response.status, (await response.json())["reason"]) == (503, "journal_unreadable")
    assert counted(house, 503) == 1


async def test_while_there_is_no_room_a_message_is_sent_back_to_come_again() -> None:
    house = House()
    async with house.public(read_seconds=0.05) as session, AsyncExitStack() as stack:
        for number in range(MOST_AT_ONCE):
            await stack.enter_async_context(house.hints.bodies.room(f"192.0.2.{number}", 1.0))
        response = await session.post("/webhook", json=message(alert()))
        assert (response.status, (await response.json())["reason"]) == (503, "busy")
        assert not house.store.records
        await stack.aclose()
        assert (await session.post("/webhook", json=message(alert()))).status == 202


async def test_one_address_that_sends_slowly_leaves_room_for_the_others() -> None:
    bodies = Bodies()
    async with AsyncExitStack() as stack:
        for _ in range(MOST_OF_ONE):
            await stack.enter_async_context(bodies.room("192.0.2.1", 1.0))
        with pytest.raises(Busy):
            await stack.enter_async_context(bodies.room("192.0.2.1", 0.01))
        for number in range(MOST_AT_ONCE - MOST_OF_ONE):
            await stack.enter_async_context(bodies.room(f"192.0.2.{2 + number}", 1.0))
        with pytest.raises(Busy):
            await stack.enter_async_context(bodies.room("192.0.2.99", 0.01))
    async with bodies.room("192.0.2.1", 0.01):
        pass
    assert bodies == Bodies(bodies._all), "nothing is remembered of who is gone"


async def test_a_message_that_is_refused_gives_its_door_back() -> None:
    house = House()
    async with house.public() as session:
        for _ in range(MOST_AT_ONCE + 1):
            response = await session.post("/webhook", data=b"{", headers=JSON)
            assert response.status == 400


async def test_messages_are_understood_one_at_a_time_so_that_the_healer_goes_on_meanwhile() -> None:
    house, under_way, most = House(), list[bytes](), list[int]()

    def parse(body: bytes) -> tuple[Alert, ...]:
        under_way.append(body)
        most.append(len(under_way))
        time.sleep(0.02)
        under_way.remove(body)
        return ()

    house.desk = replace(house.desk, parse=parse)
    async with house.public() as session:
        sent = [session.post("/webhook", json=message(alert())) for _ in range(MOST_AT_ONCE)]
        assert [one.status for one in await asyncio.gather(*sent)] == MOST_AT_ONCE * [202]
    assert most == MOST_AT_ONCE * [1]


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
        b"GET /* HTTP/1.1\r\nHost: \x01\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + 9000 * b"x" + b"\r\n\r\n",
    ],
)
async def test_what_is_cut_off_or_no_http_fills_no_log(
    sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with House().public() as session:
        assert session._base_url is not None
        _, writer = await asyncio.open_connection("127.0.0.1", session._base_url.port)
        writer.write(sent)
        await writer.drain()
        writer.close()
        await asyncio.sleep(0.2)
    assert not caplog.records


async def test_strangers_cannot_fill_the_log_and_what_was_left_out_is_counted() -> None:
    house = House()
    async with house.public() as session:
        with capture_logs() as lines:
            for _ in range(100):
                await session.post("/webhook", data=b"{", headers=JSON)
                await session.post("/do/%1B%5B2J")
            house.clock.pass_by(10.0)
            await session.post("/do/%1B%5B2J")
    told = [one for one in lines if one["event"] in ("webhook.refused", "form.refused")]
    assert len(told) == 31
    assert told[-1]["omitted"] == 170
    assert told[-1]["command"] == "\\u001b[2J"
    assert counted(house, 400) == 100, "the metric counts them all"
