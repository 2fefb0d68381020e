"""The eyes against real sockets that speak as Prometheus and the healer do."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web

from lab.drills.observation import (
    AlertsAt,
    AnswerAt,
    FreezesAt,
    IncidentsAt,
    LoggedLine,
    Mark,
    QueryAt,
    ServersAt,
)
from lab.drills.watched import (
    parse_ledger,
    parse_line,
    parse_local_addresses,
    parse_marks,
    when,
)
from lab.eyes import NODES, SERVICES, Notebook, Watcher, watch

ALERTS = {
    "status": "success",
    "data": {
        "alerts": [
            {
                "labels": {"alertname": "ServiceDown", "node": "web1", "service": "nginx"},
                "annotations": {},
                "state": "firing",
                "activeAt": "2026-01-02T03:04:05Z",
                "value": "0e+00",
            }
        ]
    },
}
SAMPLES = {
    "status": "success",
    "data": {
        "resultType": "vector",
        "result": [{"metric": {"node": "web1", "service": "nginx"}, "value": [1.5, "1"]}],
    },
}
INCIDENT = {
    "id": "1",
    "state": "closed",
    "cause": {"name": "ServiceDown", "labels": {"node": "web1", "service": "nginx"}},
    "symptoms": [
        {"name": "ServiceDown", "labels": {"node": "web1", "service": "shop"}},
        {"name": "NodeDown", "labels": {"node": "web1"}},
    ],
    "changed_at": 130.0,
    "attempts": [{"ended_at": 120.0, "outcome": "verified", "reason": "restarted"}],
    "verdicts": [{"guard": "capacity", "reason": None, "have": "1", "need": "1"}],
    "last_lines": [
        {
            "node": "web1",
            "read_at": "1970-01-01T00:02:10Z",
            "lines": [{"at": "1970-01-01T00:01:59.5Z", "by": "upsmon", "text": "on battery",
                       "failure_type": "thermal_power", "cause": "battery"}],
            "trouble": "",
        },
        {"node": "web2", "read_at": None, "lines": [], "trouble": "There is no line of web2."},
    ],
}  # fmt: skip


@dataclass
class Plane:
    """A monitoring plane on loopback."""

    url: str
    answers: dict[str, object] = field(default_factory=dict)


@pytest.fixture
async def plane() -> AsyncIterator[Plane]:
    plane = Plane("")

    async def answer(request: web.Request) -> web.Response:
        found = plane.answers.get(request.path)
        if isinstance(found, str):
            return web.Response(text=found)
        return web.json_response(found) if found is not None else web.Response(status=500)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    plane.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    plane.answers = {
        "/api/v1/alerts": ALERTS,
        "/api/v1/query": SAMPLES,
        "/api/v1/incidents": {"incidents": [{"id": "1"}]},
        "/api/v1/incidents/1": INCIDENT,
        "/api/v1/status": {"freezes": [{"reason": "no_watchdog", "sentence": ""}]},
        "/page": "some text",
        "/servers": SERVERS,
    }
    yield plane
    await runner.cleanup()


SERVERS = """\
# TYPE haproxy_server_status gauge
haproxy_server_status{proxy="web",server="web1",state="DOWN"} 0
haproxy_server_status{proxy="web",server="web1",state="UP"} 1
haproxy_server_status{proxy="web",server="web2",state="DOWN"} 1
haproxy_server_check_status{proxy="web",server="web1",state="HANA"} 1
"""


async def looked(plane: Plane, lines: int) -> dict[tuple[str, str], object]:
    """Watch until so many lines are written; return the last value of each source."""

    class Out(io.StringIO):
        enough = asyncio.Event()

        def flush(self) -> None:
            if self.getvalue().count("\n") >= lines:
                self.enough.set()

    out = Out()
    async with aiohttp.ClientSession() as session:
        watcher = Watcher(session, Notebook(out, lambda: 100.0), plane.url, (plane.url,))
        balancers = {"lb1": f"{plane.url}/servers"}
        asked = watch(watcher, ["up == 1"], [f"{plane.url}/page"], balancers)
        task = asyncio.create_task(asked)
        async with asyncio.timeout(20):
            await out.enough.wait()
        task.cancel()
        await asyncio.wait([task])
    found = (parse_line(line) for line in out.getvalue().splitlines())
    kept = {}
    for told in found:
        assert told is not None
        match told[0]:
            case QueryAt(_, expr) as one:
                kept["query", expr] = one
            case one:
                kept[type(one).__name__, ""] = one
    return kept


async def test_everything_is_seen(plane: Plane) -> None:
    """Alerts, samples, incidents with their history, and any URL."""
    seen = await looked(plane, 8)
    alerts, incidents = seen["AlertsAt", ""], seen["IncidentsAt", ""]
    assert isinstance(alerts, AlertsAt)
    assert alerts.alerts is not None
    assert alerts.alerts[0].name == "ServiceDown"
    assert alerts.alerts[0].firing
    assert {expr for kind, expr in seen if kind == "query"} == {SERVICES, NODES, "up == 1"}
    assert isinstance(incidents, IncidentsAt)
    assert incidents.incidents is not None
    (incident,) = incidents.incidents
    assert (incident.cause, incident.node, incident.service) == ("ServiceDown", "web1", "nginx")
    about = {"ServiceDown", "ServiceDown/nginx", "ServiceDown/shop", "NodeDown"}
    assert set(incident.alerts) == about
    assert [(step.at, step.word) for step in incident.states] == [
        (130.0, "VERIFIED"),
        (130.0, "CLOSED"),
    ]
    assert incident.guards[0].guard == "capacity"
    assert incident.last_lines == (LoggedLine("web1", 119.5, "on battery", "thermal_power"),)
    assert incident.lines_trouble == "There is no line of web2."
    freezes = seen["FreezesAt", ""]
    assert isinstance(freezes, FreezesAt)
    assert freezes.reasons == ("no_watchdog",)
    servers = seen["ServersAt", ""]
    assert isinstance(servers, ServersAt)
    assert (servers.balancer, servers.states) == ("lb1", {"web/web1": "UP", "web/web2": "DOWN"})
    page = seen["AnswerAt", ""]
    assert isinstance(page, AnswerAt)
    assert (page.answer.status, page.answer.body) == (200, "some text")


@pytest.mark.parametrize("nonsense", [None, "text", [], {}, {"data": None}])
async def test_a_source_without_a_sound_answer_is_unknown(plane: Plane, nonsense: object) -> None:
    """And it costs the others nothing."""
    plane.answers["/api/v1/alerts"] = nonsense
    seen = await looked(plane, 8)
    alerts = seen["AlertsAt", ""]
    assert isinstance(alerts, AlertsAt)
    assert alerts.alerts is None
    assert isinstance(seen["query", "up == 1"], QueryAt)


async def test_of_several_healers_the_one_that_leads_is_heard(plane: Plane) -> None:
    """A standby refuses, a frozen one accepts and says nothing, a dead one does not even accept."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    frozen = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = frozen.sockets[0].getsockname()[1]
    healers = (f"http://127.0.0.1:{port}", f"{plane.url}/standby", "http://127.0.0.1:1", plane.url)
    out = io.StringIO()
    async with frozen, aiohttp.ClientSession() as session:
        watcher = Watcher(session, Notebook(out, lambda: 100.0), plane.url, healers)
        async with asyncio.timeout(5):
            await watcher.freezes()
        with pytest.raises(TimeoutError, match="no healer leads"):
            await Watcher(session, Notebook(out), plane.url, healers[1:3]).freezes()
    (line,) = out.getvalue().splitlines()
    assert json.loads(line)["value"] == ["no_watchdog"]


async def test_incidents_that_were_over_long_ago_are_left_out(plane: Plane) -> None:
    """And one that is closed is asked for once."""
    rows = [
        {"id": "1", "state": "closed", "changed_at": "1970-01-01T00:01:30Z"},
        {"id": "2", "state": "closed", "changed_at": "1970-01-01T00:15:00Z"},
        {"id": "3", "state": "open", "changed_at": "1970-01-01T00:00:01Z"},
    ]
    plane.answers["/api/v1/incidents"] = {"incidents": rows}
    plane.answers |= {f"/api/v1/incidents/{row['id']}": INCIDENT | row for row in rows}
    out = io.StringIO()
    async with aiohttp.ClientSession() as session:
        notebook = Notebook(out, lambda: 1000.0)
        watcher = Watcher(session, notebook, plane.url, (plane.url,))
        await watcher.incidents()
        del plane.answers["/api/v1/incidents/2"]
        await watcher.incidents()
    (line,) = out.getvalue().splitlines()
    assert [one["id"] for one in json.loads(line)["value"]] == ["2", "3"]


def test_marks_are_read_as_the_gate_writes_them() -> None:
    """Whose they are decides who may take them back."""
    data = b'{"v":1,"marks":[{"mark":"pool.drain","subject":"web/web1","owners":["person:ada"]}]}'
    assert parse_marks(data) == (Mark("pool.drain", "web/web1", ("person:ada",)),)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"marks":[{}]}', b'{"marks":1}'])
def test_marks_that_cannot_be_read_are_said_so(data: bytes) -> None:
    """No marks and unread ones are not the same."""
    with pytest.raises(ValueError, match=r"."):
        parse_marks(data)


FIB_TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     +-- 10.77.0.0/24 2 0 2
        |-- 10.77.0.0
           /24 link UNICAST
        |-- 10.77.0.21
           /32 host LOCAL
        |-- 10.77.0.255
           /32 link BROADCAST
"""


def test_a_nodes_own_addresses_are_read_from_its_routes() -> None:
    """Neither its network nor its broadcast address is one."""
    assert parse_local_addresses(FIB_TRIE) == {"10.77.0.21"}
    assert parse_local_addresses("") == frozenset()


def test_what_did_not_change_is_written_once() -> None:
    """The file grows with events, not with time."""
    out = io.StringIO()
    notebook = Notebook(out, lambda: 1.0)
    for value in ([1], [1], [2], None, None, [2]):
        notebook.note("alerts", "", value)
    assert [json.loads(line)["value"] for line in out.getvalue().splitlines()] == [
        [1],
        [2],
        None,
        [2],
    ]


@pytest.mark.parametrize("line", ["", "{", "5", '{"at": 1}', '{"at":1,"name":"","source":"x"}'])
def test_a_line_that_cannot_be_read_is_skipped(line: str) -> None:
    """Cut off, or from another version."""
    assert parse_line(line) is None


def test_a_ledger_is_read_from_the_status_of_the_gate() -> None:
    """With the gate's own times."""
    last = {
        "id": "1.4.17",
        "verb": "service.restart",
        "target": "nginx.service",
        "state": "done",
        "reason": "restarted",
        "detail": "",
        "started_at": "1970-01-01T00:01:40Z",
        "ended_at": None,
    }
    (entry,) = parse_ledger(json.dumps({"problem": None, "last": [last]}))
    assert (entry.id, entry.started_at, entry.ended_at) == ("1.4.17", 100.0, None)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"last": 1}', '{"last": [], "problem": "unreadable"}']
)
def test_a_ledger_that_cannot_be_read_is_said_so(text: str) -> None:
    """An empty ledger and an unread one are not the same."""
    with pytest.raises(ValueError, match=r"."):
        parse_ledger(text)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (5, 5.0),
        ("1970-01-01T00:00:05Z", 5.0),
        (None, None),
        ("soon", None),
        (True, None),
        ("", None),
    ],
)
def test_times_are_numbers_or_rfc_3339(value: object, seconds: float | None) -> None:
    """Anything else is unknown."""
    assert when(value) == seconds
