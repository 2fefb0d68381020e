"""Which alerts may reach the core, and which webhooks are taken."""

import contextlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healer.adapters import labels as lb
from healer.adapters.intake import concerns_nobody, is_of_a_group, refusal
from healer.adapters.webhook_body import MOST_BYTES, parse_webhook
from healer.core.alert import Alert, Target
from healer.errors import Malformed
from healer.settings import read

TOPOLOGY = read(Path(__file__).parents[3] / "scenarios/first/cluster.yml").topology
GOOD = {
    "alertname": "ServiceDown",
    "cluster": "first",
    "node": "web1",
    "group": "web",
    "failure_domain": "rack-b",
    "service": "nginx",
    "severity": "critical",
    "heal": "restart-service",
}


def alert(**changes):
    labels = {name: value for name, value in (GOOD | changes).items() if value is not None}
    return Alert(lb.fingerprint(labels), labels.get("alertname", ""), lb.in_order(labels), 1.0)


def test_an_alert_about_a_declared_target_goes_on():
    assert refusal(alert(), TOPOLOGY) is None
    assert refusal(alert(service="hale-exporter", group=None), TOPOLOGY) is None
    assert refusal(alert(service=None, failure_domain=None), TOPOLOGY) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"cluster": "second"}, "other_cluster"),
        ({"cluster": None}, "other_cluster"),
        ({"node": "web9"}, "unknown_target"),
        ({"node": None}, "unknown_target"),
        ({"service": "postgres"}, "unknown_target"),
        ({"node": "mon1", "failure_domain": "rack-a"}, "unknown_target"),
        ({"group": "control"}, "impossible_labels"),
        ({"failure_domain": "rack-a"}, "impossible_labels"),
        ({"mountpoint": "/data"}, "impossible_labels"),
        ({"alertname": None}, "impossible_labels"),
        ({"alertname": "no name"}, "impossible_labels"),
        ({"bad-name": "x"}, "impossible_labels"),
        ({"note": "line\nbreak"}, "impossible_labels"),
        ({"note": "\u202egnp"}, "impossible_labels"),
        ({"note": ""}, "impossible_labels"),
        ({"note": "x" * 1025}, "impossible_labels"),
        ({f"l{number}": "x" for number in range(64)}, "impossible_labels"),
    ],
)
def test_what_can_never_start_anything_is_refused_with_a_word(changes, reason):
    assert refusal(alert(**changes), TOPOLOGY) == reason


LOSS = {"alertname": "DomainLost", "node": None, "group": None, "service": None, "heal": "none"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"failure_domain": "rack-z"}, "unknown_target"),
        ({"failure_domain": "rack-b"}, "unknown_target"),  # one node, which is NodeDown's
        ({"failure_domain": None}, "unknown_target"),
        ({"group": "web"}, "impossible_labels"),
        ({"service": "nginx"}, "impossible_labels"),
        ({"alertname": "RackOnFire", "heal": "restart-service"}, "unknown_target"),
    ],
)
def test_only_the_loss_of_a_domain_with_several_nodes_is_about_no_node(changes, reason):
    nodes = {
        name: replace(one, failure_domain="rack-a") if name != "web1" else one
        for name, one in TOPOLOGY.nodes.items()
    }
    labels = LOSS | {"failure_domain": "rack-a"} | changes
    one = alert(**labels)
    assert not concerns_nobody(one, TOPOLOGY)
    assert refusal(one, replace(TOPOLOGY, nodes=nodes)) == reason


def test_alerts_about_the_whole_cluster_are_nobodys_trouble_unless_they_ask_for_a_ladder():
    watchdog = alert(alertname="Watchdog", node=None, service=None, heal="none")
    assert concerns_nobody(watchdog, TOPOLOGY)
    assert not concerns_nobody(alert(node=None), TOPOLOGY)
    assert not concerns_nobody(alert(heal="none"), TOPOLOGY)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"group": "nobodys"}, False),
        ({"group": None}, False),
        ({"cluster": "other"}, False),
        ({"heal": "restart-service"}, False),  # it would start something, and is judged as such
        ({"pool": "x" * 2000}, False),
    ],
)
def test_an_alert_about_a_group_of_ours_is_kept_for_what_it_says_of_it(changes, found):
    labels = {"alertname": "PoolWithoutMembers", "node": None, "service": None, "heal": "none"}
    assert is_of_a_group(alert(**labels | {"failure_domain": None} | changes), TOPOLOGY) is found


WHOLE = {
    "receiver": "healer",
    "status": "firing",
    "alerts": [],
    "groupLabels": {},
    "commonLabels": {},
    "commonAnnotations": {},
    "externalURL": "http://mon1:9093",
    "version": "4",
    "groupKey": "{}:{}",
    "truncatedAlerts": 0,
}


def payload(*alerts, **changes):
    whole = WHOLE | {"alerts": alerts} | changes
    return json.dumps({key: value for key, value in whole.items() if value is not None}).encode()


def sent(status="firing", starts="2026-01-02T03:04:05.123456789Z", **changes):
    labels = {name: value for name, value in (GOOD | changes).items() if value is not None}
    return {
        "status": status,
        "labels": labels,
        "annotations": {"summary": "s"},
        "startsAt": starts,
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": "a stranger's word",
    }


def test_a_webhook_gives_its_firing_alerts_once_each_under_their_own_fingerprints():
    found = parse_webhook(payload(sent(), sent(), sent(status="resolved", node="web2")))
    assert [one.target for one in found] == [Target("web1", "nginx")]
    assert found[0].fingerprint == lb.fingerprint(GOOD)
    assert found[0].began_at == pytest.approx(1767323045.123456789)


def test_a_webhook_of_resolved_alerts_only_is_empty():
    assert parse_webhook(payload(sent(status="resolved"))) == ()
    assert parse_webhook(payload()) == ()


def test_keys_that_newer_alertmanagers_add_are_passed_over():
    """0.32 added one and 0.34 another, under the same version."""
    more = {"notification_reason": "first", "routeLabels": {"team": "x"}, "later": [1]}
    newer = sent() | {"later": {"deep": None}}
    assert len(parse_webhook(payload(newer, **more))) == 1


def test_before_0_21_alertmanager_did_not_say_how_many_alerts_it_left_out():
    assert len(parse_webhook(payload(sent(), truncatedAlerts=None))) == 1


def test_a_webhook_that_was_truncated_gives_what_it_has():
    assert len(parse_webhook(payload(sent(), truncatedAlerts=2**64 - 1))) == 1
    assert parse_webhook(payload(truncatedAlerts=7)) == ()


@pytest.mark.parametrize("key", sorted(set(WHOLE) - {"truncatedAlerts"}))
def test_a_webhook_without_a_key_of_version_4_is_none(key):
    with pytest.raises(Malformed, match=key):
        parse_webhook(payload(sent(), **{key: None}))


@pytest.mark.parametrize("key", sorted(sent()))
def test_an_alert_without_a_key_of_version_4_is_none(key):
    less = {name: value for name, value in sent().items() if name != key}
    with pytest.raises(Malformed, match=key):
        parse_webhook(payload(less))


@pytest.mark.parametrize(
    "changes",
    [
        {"truncatedAlerts": -1},
        {"truncatedAlerts": "0"},
        {"truncatedAlerts": 2**64},
        {"status": "sleeping"},
        {"groupLabels": {"a": 1}},
        {"groupLabels": []},
        {"externalURL": 1},
        {"version": 4},
    ],
)
def test_a_key_of_version_4_with_another_type_or_range_is_refused(changes):
    (key,) = changes
    with pytest.raises(Malformed, match=key):
        parse_webhook(payload(sent(), **changes))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"[]", "body"),
        (b"\xff", "body"),
        (payload(version="3"), "version"),
        (payload(version=None), "version"),
        (payload(sent(status="sleeping")), "status"),
        (payload(sent(alertname=None)), "no alertname"),
        (payload(sent(**{"bad-name": "x"})), "bad-name"),
        (payload(sent(note="x" * 5000)), "longer than 4096"),
        (payload(sent(note=5)), "labels.note"),
        (payload(sent(starts="yesterday")), "startsAt"),
        (payload(sent(**{f"l{number}": "x" for number in range(70)})), "at most 64"),
        (payload(*[{}] * 2), "alerts.0"),
        (b" " * (MOST_BYTES + 1), "at most"),
        (b'{"version":"4","alerts":' + b"[" * 100_000, "body"),
    ],
)
def test_a_webhook_that_can_never_be_taken_says_why(body, why):
    with pytest.raises(Malformed, match=why):
        parse_webhook(body)


@given(st.binary(max_size=200) | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(
    lambda value: json.dumps({"version": "4", "alerts": value}).encode()))  # fmt: skip
def test_no_body_breaks_the_parser(body):
    with contextlib.suppress(Malformed):
        parse_webhook(body)
