"""The pager on a real socket, and the dead man's switch by its clock."""

import io
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web

from lab.pager import DeadMan, Event, Pager, parse_line, parse_second_path, parse_webhook

# In the form that Alertmanager 0.25 posts.
NOTIFICATION = {
    "version": "4",
    "groupKey": "{}:{alertname='HealerHolds'}",
    "truncatedAlerts": 0,
    "status": "firing",
    "receiver": "people",
    "groupLabels": {"alertname": "HealerHolds"},
    "commonLabels": {"alertname": "HealerHolds"},
    "commonAnnotations": {},
    "externalURL": "http://mon1:9093",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "HealerHolds", "node": "web1"},
            "annotations": {"summary": "The healer will not act on web1."},
            "startsAt": "2026-01-02T03:04:05Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "",
            "fingerprint": "0123456789abcdef",
        },
        {"status": "resolved", "labels": {"alertname": "HealerHolds", "node": "web2"}},
    ],
}
BODY = json.dumps(NOTIFICATION).encode()


@dataclass
class Served:
    """A pager that listens on loopback."""

    url: str
    pager: Pager
    out: io.StringIO
    session: aiohttp.ClientSession
    time: list[float] = field(default_factory=lambda: [100.0])

    async def post(self, path: str, body: bytes) -> int:
        async with self.session.post(self.url + path, data=io.BytesIO(body)) as response:
            await response.read()
            return response.status

    def lines(self) -> list[Event]:
        found = [parse_line(line) for line in self.out.getvalue().splitlines()]
        return [event for event in found if event]


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    time, out = [100.0], io.StringIO()
    pager = Pager(out, DeadMan(30.0), clock=lambda: time[0])
    runner = web.AppRunner(pager.app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession() as session:
        yield Served(f"http://{host}:{port}", pager, out, session, time)
    await runner.cleanup()


async def test_each_alert_of_a_notification_is_one_line(served: Served) -> None:
    """With its name, its labels, its summary, and whether it fires."""
    assert await served.post("/page", BODY) == 200
    assert served.lines() == [
        Event(
            100.0,
            "page",
            "HealerHolds",
            "firing",
            {"alertname": "HealerHolds", "node": "web1"},
            "The healer will not act on web1.",
        ),
        Event(
            100.0, "page", "HealerHolds", "resolved", {"alertname": "HealerHolds", "node": "web2"}
        ),
    ]


@pytest.mark.parametrize("path", ["/page", "/deadman"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"alerts": 1}', b'{"alerts": [1]}', b"\xff"])
async def test_what_cannot_be_read_is_refused_and_noted(
    served: Served, path: str, body: bytes
) -> None:
    """A broken page is still something that a person should see; it is no beat."""
    assert await served.post(path, body) == 400
    assert [event.status for event in served.lines()] == ["malformed"]
    assert served.pager.deadman.last is None


async def test_what_is_too_large_is_refused(served: Served) -> None:
    """One mebibyte is far above any notification."""
    assert await served.post("/page", b" " * (1024 * 1024 + 1)) == 413
    assert served.lines() == []


async def test_the_log_is_readable_over_http(served: Served) -> None:
    """The same lines as in the file."""
    await served.post("/page", BODY)
    async with served.session.get(served.url + "/log") as response:
        assert await response.text() == served.out.getvalue()


async def test_a_silence_of_the_watchdog_is_reported_once(served: Served) -> None:
    """And again after it came back and went silent again."""
    await served.post("/deadman", BODY)
    for now in (125.0, 131.0, 140.0):
        served.time[0] = now
        served.pager.check()
    await served.post("/deadman", BODY)
    served.time[0] = 171.0
    served.pager.check()
    reports = [event for event in served.lines() if event.path == "deadman-report"]
    assert [(event.at, event.text) for event in reports] == [
        (131.0, "no Watchdog for 31 s: monitoring is silent"),
        (171.0, "no Watchdog for 31 s: monitoring is silent"),
    ]


def test_a_watchdog_that_never_came_cannot_stop() -> None:
    """Before monitoring is up there is nothing to miss."""
    assert not DeadMan(30.0).is_due(1e9)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b'{"alert": "HealerEscalation", "reason": "ladder_exhausted"}', "HealerEscalation"),
        (b'{"labels": {"alertname": "HealerHolds"}}', "HealerHolds"),
        (b"help", ""),
        (b"[1, 2]", ""),
        (b"", ""),
        (b"\xff\xfe", ""),
    ],
)
def test_the_second_path_takes_whatever_it_is_told(body: bytes, name: str) -> None:
    """A call for help is never refused for its form."""
    (event,) = parse_second_path(body, 1.0)
    assert (event.path, event.alert, event.status) == ("second-path", name, "firing")


def test_the_daily_test_of_the_second_path_is_no_page() -> None:
    """It is written down, and wakes nobody."""
    (event,) = parse_second_path(b'{"subject": "test", "text": "Nothing is wrong."}', 1.0)
    assert (event.alert, event.status) == ("test", "test")


def test_a_line_cut_off_is_skipped() -> None:
    """The pager may be writing while it is read."""
    line = Event(1.0, "page", "A").line()
    assert parse_line(line) == Event(1.0, "page", "A")
    assert parse_line(line[:-3]) is None
    assert parse_line("5") is None


def test_a_notification_without_alerts_is_empty() -> None:
    """Alertmanager sends none, but it would be no mistake."""
    read: Callable[[bytes, str, float], list[Event]] = parse_webhook
    assert read(b'{"alerts": []}', "page", 1.0) == []
