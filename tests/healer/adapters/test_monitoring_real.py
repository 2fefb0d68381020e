"""What the healer reads from a real Prometheus and a real Alertmanager."""

import asyncio
import json
import re
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from healer.adapters.alertmanager import HttpAlertmanagers
from healer.adapters.prometheus import HttpPrometheus, PrometheusSettings
from healer.clock import SystemClock
from healer.core.alert import Alert, Target
from healer.core.order import OwnAlert
from healer.core.picture import NodeHealth, SeenMark
from healer.errors import Unreachable
from healer.settings import read
from healer.web.evidence import NAMES
from tests.healer.adapters.monitoring import HARDWARE, monitoring

pytestmark = pytest.mark.tools

TOPOLOGY = read(Path(__file__).parents[3] / "scenarios/first/cluster.yml").topology
DOWN = (
    ("alertname", "ServiceDown"),
    ("cluster", "first"),
    ("failure_domain", "rack-b"),
    ("group", "web"),
    ("heal", "restart-service"),
    ("node", "web1"),
    ("service", "nginx"),
    ("severity", "critical"),
)
WEIRD = 'we"i\\r\nd'


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with monitoring(tmp_path_factory.mktemp("monitoring")) as found:
        yield found


@asynccontextmanager
async def prometheus_at(url, **changes):
    async with aiohttp.ClientSession() as session:
        settings = replace(PrometheusSettings(url, "first"), **changes)
        yield HttpPrometheus(settings, session, SystemClock())


@asynccontextmanager
async def alertmanagers_at(*urls):
    async with aiohttp.ClientSession() as session:
        yield HttpAlertmanagers(urls, TOPOLOGY, session, SystemClock())


async def until(ask, good):
    """Ask until the answer is good; things take their time to arrive."""
    deadline = time.monotonic() + 30
    while True:
        answer = await ask()
        if good(answer):
            return answer
        assert time.monotonic() < deadline, f"still {answer!r} after 30 s"
        await asyncio.sleep(0.1)


def alert(**changes):
    labels = dict(DOWN) | changes
    return Alert("f", labels["alertname"], tuple(sorted(labels.items())), 0.0)


async def test_evidence_is_the_rules_own_answer_for_exactly_the_alerts_labels(real):
    async with prometheus_at(real.prometheus) as ours:
        found = await until(
            lambda: ours.evidence(alert(), "hale_service_up"),
            # Two queries at once: the first sample may come between them.
            lambda found: found.firing and found.reading.value is not None,
        )
        assert found.reading.value == 0
        assert 0 <= found.reading.age < 5
        twins = ({"service": WEIRD}, {"node": "web2"}, {"group": "db"}, {"cluster": "x"})
        added = ({"mountpoint": "/data"}, {"failure": "disk"})
        less = ({"group": ""}, {"failure_domain": ""}, {"service": ""})
        for changes in (*twins, *added, *less):
            assert (await ours.evidence(alert(**changes), "hale_service_up")).firing is False
        for forged in ({"heal": "reboot-node"}, {"severity": "warning"}):
            assert (await ours.evidence(alert(**forged), "hale_service_up")).firing is None
        unknown = await ours.evidence(alert(alertname="NoSuchRule"), "hale_service_up")
        assert unknown.firing is None


async def test_a_vendors_evidence_is_every_figure_of_the_nodes_hardware_and_no_other(real):
    told = {
        # Prometheus keeps no empty label, and the parser calls a counter NAME_total, also where the text does not.
        (
            name,
            frozenset(pair for pair in sample.labels.items() if pair[1]),
            str(float(sample.value)),
        )
        for family in text_string_to_metric_families(HARDWARE)
        for sample in family.samples
        for name in [sample.name if sample.name in HARDWARE else family.name]
        if re.fullmatch(NAMES, name)
    }
    added = {"cluster", "node", "group", "failure_domain", "job", "instance", "__name__"}
    async with prometheus_at(real.prometheus) as ours:
        found = await until(
            lambda: ours.samples("web1", NAMES), lambda found: len(found) > len(told)
        )
        shown = {
            (
                labels["__name__"],
                frozenset(pair for pair in labels.items() if pair[0] not in added),
                str(float(value)),
            )
            for labels, value in found
        }
        assert told <= shown
        names = {name for name, _, _ in shown}
        assert {"hale_failure", "node_dmi_info", "ipmi_temperature_celsius"} <= names
        assert "hale_service_up" not in names
        assert {labels["node"] for labels, _ in found} == {"web1"}
        assert await ours.samples("web9", NAMES) == []
        now = time.time()
        before = await ours.samples("web1", NAMES, before=now)
        assert {labels["__name__"] for labels, _ in before} >= names
        assert await ours.samples("web1", NAMES, before=now - 7 * 86400) == []


async def test_the_loss_of_a_domain_is_asked_about_by_its_name_alone(real):
    def loss(domain):
        labels = {"alertname": "DomainLost", "cluster": "first", "failure_domain": domain}
        labels |= {"heal": "none", "severity": "critical"}
        return Alert("f", "DomainLost", tuple(sorted(labels.items())), 0.0)

    async with prometheus_at(real.prometheus) as ours:
        found = await until(
            lambda: ours.evidence(loss("rack-b"), "up"),
            lambda found: found.firing and found.reading.value is not None,
        )
        assert found.reading.value == 2
        assert 0 <= found.reading.age < 5
        other = await ours.evidence(loss("rack-c"), "up")
        assert (other.firing, other.reading.value) == (False, None)


async def test_a_reading_of_a_hostile_name_is_of_that_name_alone(real):
    async with prometheus_at(real.prometheus) as ours:
        await until(
            lambda: ours.reading(Target("web1", WEIRD), "hale_service_up"),
            lambda reading: reading.value == 1,
        )
        for hostile in ('nginx"} or vector(1) #', "\\", '"', "\n", "\x00", "😀", ""):
            reading = await ours.reading(Target("web1", hostile), "hale_service_up")
            assert (reading.value, reading.age) == (None, None)
            assert abs(reading.now - time.time()) < 60
        with pytest.raises(Unreachable, match="no metric"):
            await ours.reading(Target("web1"), "up} or vector(1")
        with pytest.raises(Unreachable, match=r"no metric|surrogates"):
            await ours.reading(Target("web1", "\ud800"), "hale_service_up")


async def test_readings_that_are_asked_for_together_are_what_each_is_alone(real):
    names = (
        "nginx",
        WEIRD,
        'nginx"} or vector(1) #',
        "ngin.",
        "nginx|.*",
        "\\",
        '"',
        "\n",
        "😀",
        "",
    )
    targets = [Target(node, name) for name in names for node in ("web1", "web2")]
    async with prometheus_at(real.prometheus) as ours:
        await until(
            lambda: ours.reading(Target("web1", WEIRD), "hale_service_up"),
            lambda reading: reading.value == 1,
        )
        together = await asyncio.gather(
            *(ours.reading(target, "hale_service_up") for target in targets)
        )
        for target, reading in zip(targets, together, strict=True):
            wanted = {("web1", "nginx"): 0.0, ("web1", WEIRD): 1.0}.get(
                (target.node, target.service)
            )
            assert reading.value == wanted, target


async def test_the_exporters_own_reading_is_up_whatever_the_service(real):
    async with prometheus_at(real.prometheus) as ours:
        for node, value in (("web1", 1), ("web2", 0)):
            for service in (None, "hale-exporter"):
                reading = await until(
                    lambda node=node, service=service: ours.reading(Target(node, service), "up"),
                    lambda reading: reading.value is not None,
                )
                assert reading.value == value


async def test_series_that_disagree_are_no_reading(real):
    async with prometheus_at(real.prometheus) as ours:
        # Without a service both services of web1 match: one is up and one is down.
        assert (await ours.reading(Target("web1"), "hale_service_up")).value is None


async def test_the_picture_says_how_every_node_and_service_is(real):
    async with prometheus_at(real.prometheus) as ours:
        picture = await until(ours.picture, lambda picture: picture.services)
        assert picture.nodes == {
            "web1": NodeHealth(scraped=True, reached=None),
            "web2": NodeHealth(scraped=False, reached=True),
            "web3": NodeHealth(scraped=None, reached=False),
        }
        assert picture.services == {Target("web1", "nginx"): False, Target("web1", WEIRD): True}
        assert picture.marks == {SeenMark("pool.drain", "web/web3", "web1", "person", 1.8e9)}
        assert picture.failing == {"web1"}
        assert picture.candidates == {
            "10.0.0.100": {"web1": False},  # INIT
            "10.0.0.101": {"web1": True},  # BACKUP
            "10.0.0.102": {"web1": True},  # MASTER
            "10.0.0.103": {"web1": False},  # FAULT
        }


async def test_a_picture_without_services_has_the_same_nodes_and_marks(real):
    async with prometheus_at(real.prometheus) as ours:
        whole = await until(ours.picture, lambda picture: picture.services)
        nodes = await ours.picture(services=False)
        assert (nodes.nodes, nodes.marks, nodes.services) == (whole.nodes, whole.marks, {})
        both = await asyncio.gather(ours.picture(services=False), ours.picture())
        assert both[1].services == whole.services


async def test_nothing_in_the_picture_is_older_than_evidence_may_be(real):
    async with prometheus_at(real.prometheus, evidence_age=-3600.0) as ours:
        picture = await ours.picture()
        assert (picture.nodes, picture.services, picture.marks) == ({}, {}, frozenset())
        assert picture.candidates == {}


async def test_pending_alerts_have_the_fingerprints_that_alertmanager_will_give_them(real):
    async with prometheus_at(real.prometheus) as ours, alertmanagers_at(real.alertmanager) as peers:
        pending = await until(ours.pending, lambda found: len(found) >= 4)
        names = {"DomainLost", "ServiceDown", "SlowTrouble", "Watchdog"}
        assert {one.name for one in pending} == names
        assert all(time.time() - one.began_at < 300 for one in pending)
        sight = await until(peers.read, lambda sight: sight.alerts)
        (down,) = [one for one in pending if one.name == "ServiceDown"]
        assert [one.fingerprint for one in sight.alerts] == [down.fingerprint]
        assert sight.alerts[0].labels == DOWN


async def test_fingerprints_are_alertmanagers_own(real):
    async with alertmanagers_at(real.alertmanager) as peers:
        await peers.post([OwnAlert((("alertname", "Odd"), ("note", 'ü"\\\n😀')), ())])
        sight = await until(peers.read, lambda sight: sight.rejected)
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{real.alertmanager}/api/v2/alerts") as answer,
        ):
            theirs = {one["fingerprint"] for one in await answer.json()}
        assert {one.fingerprint for one, _ in sight.rejected} <= theirs
        assert [reason for _, reason in sight.rejected] == ["impossible_labels"]
        await peers.post([OwnAlert((("alertname", "Odd"), ("note", 'ü"\\\n😀')), (), over=True)])
        await until(peers.read, lambda sight: not sight.rejected)


async def test_watchdog_is_as_old_as_alertmanagers_own_clock_says(real):
    async with alertmanagers_at(real.alertmanager) as peers:
        sight = await until(peers.read, lambda sight: sight.watchdog_at is not None)
        assert -2 < time.time() - sight.watchdog_at < 120
        assert "Watchdog" not in {one.name for one in sight.alerts}
        assert sight.silent == ()


async def test_a_silenced_alert_stays_in_sight_and_is_marked(real):
    async with alertmanagers_at(real.alertmanager) as peers:
        await until(peers.read, lambda sight: sight.alerts)
        now = datetime.now(UTC)
        silence = {
            "matchers": [{"name": "alertname", "value": "ServiceDown", "isRegex": False}],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=1)).isoformat(),
            "createdBy": "ann",
            "comment": "migration",
        }
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                f"{real.alertmanager}/api/v2/silences",
                data=json.dumps(silence),
                headers={"Content-Type": "application/json"},
            ) as answer,
        ):
            assert answer.status == 200
            made = (await answer.json())["silenceID"]
        await until(peers.read, lambda sight: [one.silenced for one in sight.alerts] == [True])
        async with (
            aiohttp.ClientSession() as session,
            session.delete(f"{real.alertmanager}/api/v2/silence/{made}") as answer,
        ):
            assert answer.status == 200


async def test_a_peer_that_is_silent_is_named_and_does_not_hide_the_others(real):
    async with alertmanagers_at(real.alertmanager, "http://127.0.0.1:1") as peers:
        sight = await until(peers.read, lambda sight: sight.alerts)
        assert sight.silent == ("http://127.0.0.1:1",)
        await peers.post([OwnAlert((("alertname", "HealerHolds"), ("cluster", "first")), ())])
    async with alertmanagers_at("http://127.0.0.1:1") as peers:
        with pytest.raises(Unreachable, match="no Alertmanager answered"):
            await peers.read()
        with pytest.raises(Unreachable, match="no Alertmanager answered"):
            await peers.post([OwnAlert((("alertname", "HealerHolds"),), ())])
        await peers.post([])


async def test_how_far_rules_look_back_is_read_with_the_rules_that_they_rest_on(real):
    async with prometheus_at(real.prometheus) as prometheus:
        found = await prometheus.looks_back(["Flaps", "test:changes:5m", "ServiceDown", "Unheard"])
    assert found == {"Flaps": 390.0, "test:changes:5m": 330.0, "ServiceDown": 0.0, "Unheard": 0.0}


async def test_a_disk_whose_figures_are_gone_does_not_tell_that_it_is_well(real):
    labels = {"alertname": "DiskFailing", "heal": "move-away", "failure": "disk", "service": ""}
    async with prometheus_at(real.prometheus, evidence_age=5.0) as ours:

        async def told(began_at):
            return await ours.still_told(replace(alert(**labels), began_at=began_at))

        began_at = time.time()
        await until(lambda: told(began_at), lambda found: found is True)
        real.disks.remove("sdb")
        # The other one tells still, and its word is not about this one.
        await until(lambda: told(began_at), lambda found: found is False)
        assert (await ours.evidence(alert(**labels), "up")).firing is False
        await until(lambda: told(time.time()), lambda found: found is True)
        real.disks.clear()
        await until(lambda: told(time.time()), lambda found: found is None)
        real.disks.extend(("sda", "sdb"))
        await until(lambda: told(began_at), lambda found: found is True)
        assert await told(began_at - 3600) is None
        assert await ours.still_told(alert(alertname="NoSuchRule")) is None
