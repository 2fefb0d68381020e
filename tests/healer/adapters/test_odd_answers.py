"""Whatever Prometheus and Alertmanager should never say is Unreachable, and names the URL."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from healer.adapters.alertmanager import HttpAlertmanagers
from healer.adapters.http_json import LIMIT
from healer.adapters.prometheus import HttpPrometheus, PrometheusSettings
from healer.core.alert import Alert, Target
from healer.errors import Unreachable
from healer.settings import read
from tests.healer.adapters.clocks import HandClock
from tests.healer.adapters.served import served

TOPOLOGY = read(Path(__file__).parents[3] / "scenarios/first/cluster.yml").topology
ALERT = Alert("f", "ServiceDown", (("alertname", "ServiceDown"), ("node", "web1")), 0.0)
GOOD = {
    "labels": {"alertname": "A", "cluster": "first", "node": "web1"},
    "startsAt": "2026-01-02T03:04:05Z",
    "updatedAt": "2026-01-02T03:04:05Z",
    "status": {"silencedBy": [], "inhibitedBy": [], "state": "active"},
}


def success(data):
    return json.dumps({"status": "success", "data": data}).encode()


def vector(*samples):
    found = [{"metric": metric, "value": [1.5, value]} for metric, value in samples]
    return success({"resultType": "vector", "result": found})


def saying(body, status=200):
    async def handler(request):
        return web.Response(body=body, status=status, content_type="application/json")

    return handler


ODD = [
    b"",
    b"<html>login</html>",
    b"null",
    b"{}",
    b"\xff\xfe",
    b'{"status":"error","errorType":"bad_data","error":"e"}',
    success([]),
    success({"resultType": "matrix", "result": []}),
    success({"resultType": "vector", "result": [{"metric": {}, "value": [1, "x"]}]}),
    success({"resultType": "vector", "result": [{"metric": {"a": 1}, "value": [1, "1"]}]}),
    vector(),
    vector(({"hale_part": "now"}, "NaN")),
]


@pytest.mark.parametrize("body", ODD, ids=lambda body: repr(body[:60]))
async def test_an_odd_answer_of_prometheus_proves_nothing(body):
    async with served(saying(body)) as (port, session):
        url = f"http://127.0.0.1:{port}"
        ours = HttpPrometheus(PrometheusSettings(url, "first"), session, HandClock())
        for ask in (
            ours.reading(Target("web1", "nginx"), "hale_service_up"),
            ours.picture(),
            ours.pending(),
            ours.evidence(ALERT, "hale_service_up"),
        ):
            with pytest.raises(Unreachable, match=url):
                await ask


async def test_a_sample_that_is_no_number_is_no_reading():
    parts = [
        ({"hale_part": "now"}, "100.5"),
        ({"hale_part": "reading", "node": "web1"}, "NaN"),
        ({"hale_part": "reading_at", "node": "web1"}, "99"),
    ]
    async with served(saying(vector(*parts))) as (port, session):
        settings = PrometheusSettings(f"http://127.0.0.1:{port}", "first")
        reading = await HttpPrometheus(settings, session, HandClock()).reading(
            Target("web1", "nginx"), "hale_service_up"
        )
    assert (reading.value, reading.sampled_at, reading.now) == (None, None, 100.5)


async def test_rules_are_read_once_in_thirty_seconds_whoever_asks():
    asked = []

    async def handler(request):
        asked.append(request.path)
        if request.path.endswith("rules"):
            rules = [{"type": "alerting", "name": "ServiceDown", "query": "vector(1)"}]
            return web.Response(body=success({"groups": [{"rules": rules}]}))
        return web.Response(body=vector(({"hale_part": "now"}, "1"), ({"node": "web1"}, "1")))

    clock = HandClock()
    async with served(handler) as (port, session):
        settings = PrometheusSettings(f"http://127.0.0.1:{port}", "first")
        ours = HttpPrometheus(settings, session, clock)
        for _ in range(3):
            assert (await ours.evidence(ALERT, "hale_service_up")).firing is True
        clock.now += 31
        await asyncio.gather(*(ours.evidence(ALERT, "hale_service_up") for _ in range(50)))
    assert asked.count("/api/v1/rules") == 2


@pytest.mark.parametrize(
    ("heal", "severity", "firing"),
    [
        ("restart-service", "critical", True),
        ("reboot-node", "critical", None),
        ("restart-service", "warning", None),
        ("", "critical", None),
        ("none", "", False),
    ],
)
async def test_only_a_rule_that_says_the_same_of_its_alerts_is_evidence(heal, severity, firing):
    """Whoever forges a twin of a true alert may choose another ladder for it."""
    rules = [
        ("vector(1)", {"heal": "restart-service", "severity": "critical"}),
        ("vector(0)", {"heal": "none"}),
    ]

    async def handler(request):
        if request.path.endswith("rules"):
            listed = [
                {"type": "alerting", "name": "ServiceDown", "query": query, "labels": labels}
                for query, labels in rules
            ]
            return web.Response(body=success({"groups": [{"rules": listed}]}))
        now = ({"hale_part": "now"}, "1")
        fires = (await request.post())["query"] == "vector(1)"
        return web.Response(body=vector(now, ({"node": "web1" if fires else "web2"}, "1")))

    said = {"heal": heal, "severity": severity}
    labels = ALERT.labels + tuple((name, value) for name, value in said.items() if value)
    async with served(handler) as (port, session):
        settings = PrometheusSettings(f"http://127.0.0.1:{port}", "first")
        ours = HttpPrometheus(settings, session, HandClock())
        evidence = await ours.evidence(replace(ALERT, labels=labels), "hale_service_up")
    assert evidence.firing is firing


TRUE = {
    *(("alertname", "DiskFailing"), ("cluster", "first"), ("node", "web1"), ("group", "web")),
    *(("failure_domain", "rack-b"), ("failure", "disk"), ("heal", "replace"), ("severity", "page")),
}


@pytest.mark.parametrize(
    ("less", "more", "firing"),
    [
        ((), (), True),
        ((), (("device", "sda"),), True),
        (("group", "web"), (), False),
        (("failure_domain", "rack-b"), (), False),
        (("failure", "disk"), (), False),
        (("failure", "disk"), (("failure", "filesystem"),), False),
        ((), (("service", "nginx"),), False),
        ((), (("mountpoint", "/data"),), False),
    ],
)
async def test_a_twin_that_says_less_or_more_of_what_it_is_about_is_not_evidence(
    less, more, firing
):
    """A stranger's label would make another trouble of it: deeper, without its group, or with attempts of its own."""

    async def handler(request):
        if request.path.endswith("rules"):
            said = {"failure": "disk", "heal": "replace", "severity": "page"}
            rule = {"type": "alerting", "name": "DiskFailing", "query": "up", "labels": said}
            return web.Response(body=success({"groups": [{"rules": [rule]}]}))
        place = {"node": "web1", "group": "web", "failure_domain": "rack-b", "device": "sda"}
        samples = [({"hale_part": "now"}, "1"), ({"cluster": "first"} | place, "1")]
        return web.Response(body=vector(*samples))

    async with served(handler) as (port, session):
        settings = PrometheusSettings(f"http://127.0.0.1:{port}", "first")
        ours = HttpPrometheus(settings, session, HandClock())
        found = Alert("f", "DiskFailing", tuple(sorted(TRUE - {less} | set(more))), 0.0)
        assert (await ours.evidence(found, "up")).firing is firing


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[1]",
        json.dumps([GOOD | {"startsAt": 0}]).encode(),
        json.dumps([GOOD | {"labels": {"a": 1}}]).encode(),
        json.dumps([GOOD | {"labels": {"a": "\ud800"}}]).encode(),
        json.dumps([{key: value for key, value in GOOD.items() if key != "status"}]).encode(),
    ],
)
async def test_an_odd_answer_of_an_alertmanager_is_no_answer(body):
    async with served(saying(body)) as (port, session):
        url = f"http://127.0.0.1:{port}"
        with pytest.raises(Unreachable, match=url):
            await HttpAlertmanagers([url], TOPOLOGY, session, HandClock()).read()


async def test_peers_that_disagree_are_taken_at_their_worst():
    async def handler(request):
        one = GOOD
        if request.path.startswith("/second"):
            one = GOOD | {"startsAt": "2026-01-02T03:00:00Z"}
            one |= {"status": {"silencedBy": ["s"], "inhibitedBy": [], "state": "suppressed"}}
        return web.json_response([one])

    async with served(handler) as (port, session):
        urls = [f"http://127.0.0.1:{port}/{peer}" for peer in ("first", "second")]
        sight = await HttpAlertmanagers(urls, TOPOLOGY, session, HandClock()).read()
    (alert,) = sight.alerts
    assert (alert.silenced, alert.began_at) == (True, 1767322800.0)
    assert sight.silent == ()
    assert sight.watchdog_at is None


async def test_a_silent_peer_is_called_by_the_node_that_it_stands_on():
    async def handler(request):
        if request.path.startswith("/first"):
            return web.json_response([])
        raise web.HTTPServiceUnavailable

    async with served(handler) as (port, session):
        urls = [f"http://127.0.0.1:{port}/{peer}" for peer in ("first", "second", "third")]
        topology = replace(TOPOLOGY, alertmanagers={urls[0]: "mon1", urls[1]: "mon2"})
        sight = await HttpAlertmanagers(urls, topology, session, HandClock()).read()
    assert sight.silent == ("mon2", urls[2])


NEVER = 60.0


@pytest.mark.parametrize(
    ("missed", "status", "takes", "silent"),
    [
        ({"mon2"}, 200, NEVER, ("mon2",)),
        ({"mon2"}, 200, 0.0, ()),  # it is back, and nobody has noticed yet
        ({"mon2"}, 503, 0.2, ("mon1",)),  # nobody else answers
        (set(), 200, 0.2, ()),  # slow, and it may know of a silence
        ({"mon1"}, 200, 0.2, ()),
    ],
)
async def test_only_a_peer_whose_node_is_missed_is_not_waited_for_once_the_others_answered(
    missed, status, takes, silent
):
    """The second peer, on mon2, is the one that knows of a silence."""

    async def handler(request):
        if request.path.startswith("/first"):
            return web.json_response([GOOD], status=status)
        await asyncio.sleep(takes)
        return web.json_response([GOOD | {"status": {"silencedBy": ["s"]}}])

    async with served(handler) as (port, session):
        urls = [f"http://127.0.0.1:{port}/{peer}" for peer in ("first", "second")]
        places = dict(zip(urls, ("mon1", "mon2"), strict=True))
        topology = replace(TOPOLOGY, alertmanagers=places)
        async with asyncio.timeout(3):
            sight = await HttpAlertmanagers(urls, topology, session, HandClock()).read(
                frozenset(missed)
            )
    assert sight.silent == silent
    assert [one.silenced for one in sight.alerts] == ["mon2" not in silent]


async def test_who_still_counts_upon_a_peer_waits_for_it_though_another_who_asks_does_not():
    answering = asyncio.Event()

    async def handler(request):
        if request.path.startswith("/second"):
            await answering.wait()
        return web.json_response([GOOD])

    async with served(handler) as (port, session):
        urls = [f"http://127.0.0.1:{port}/{peer}" for peer in ("first", "second")]
        topology = replace(TOPOLOGY, alertmanagers={urls[1]: "mon2"})
        peers = HttpAlertmanagers(urls, topology, session, HandClock())
        first = asyncio.create_task(peers.read(frozenset({"mon2"})))
        await asyncio.sleep(0)
        both = [asyncio.create_task(peers.read(one)) for one in (frozenset({"mon2"}), frozenset())]
        assert (await first).silent == ("mon2",)
        await asyncio.sleep(0.2)
        assert not any(one.done() for one in both)
        answering.set()
        assert [(await one).silent for one in both] == [(), ()]


async def test_errors_redirects_and_endless_or_slow_answers_are_unreachable():
    async def endless(request):
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            for _ in range(LIMIT // 65536 + 2):
                await response.write(b" " * 65536)
        except OSError:
            pass  # the healer hung up
        return response

    async def moved(request):
        raise web.HTTPFound("/elsewhere")

    async def slow(request):
        await asyncio.Event().wait()

    for handler, why in (
        (saying(b"no", 503), "status 503"),
        (moved, "status 302"),
        (endless, "longer than"),
        (slow, r"within 0\.2 s"),
    ):
        async with served(handler) as (port, session):
            seconds = 0.2 if handler is slow else 20.0
            settings = PrometheusSettings(f"http://127.0.0.1:{port}", "first", timeout=seconds)
            with pytest.raises(Unreachable, match=why):
                await HttpPrometheus(settings, session, HandClock()).pending()


async def test_an_alert_that_is_kept_firing_looks_back_as_much_longer():
    async def answer(request):
        rules = [
            {
                "type": "alerting",
                "name": "Errors",
                "query": "rate(x[5m]) > 1",
                "keepFiringFor": 120,
            },
            {
                "type": "alerting",
                "name": "Errors",
                "query": "rate(x[1m]) > 9",
                "labels": {"heal": "x"},
            },
        ]
        kept = rules if request.query["type"] == "alert" else []
        return web.Response(body=success({"groups": [{"rules": kept}]}))

    async with served(answer) as (port, session):
        settings = PrometheusSettings(f"http://127.0.0.1:{port}", "first")
        ours = HttpPrometheus(settings, session, HandClock())
        assert await ours.looks_back(["Errors", "up"]) == {"Errors": 420.0, "up": 0.0}
