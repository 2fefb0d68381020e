"""Whom an alert reaches, how long each of them waits for it, and what an exporter posts by itself."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.load import interpret
from cluster.packaged import rule_files
from cluster.quantity import duration_text
from cluster.render import render
from cluster.render.alertmanager import HARDWARE_FOLLOWS
from cluster.tree import Tree
from tests.cluster.examples import HEALERS, SHORT, SOUND, TIER, WIDE
from tests.cluster.native import tool
from tests.cluster.rendering import SHORT_WAY, text_of, tree_of
from tests.test_contract import ALERTS


@pytest.mark.parametrize(
    ("change", "waits"),
    [(("mode: act", "mode: act"), True), (("mode: act", "mode: explain"), False)],
)
def test_people_wait_only_where_the_healer_may_act(change: tuple[str, str], waits: bool) -> None:
    text = text_of(tree_of(SOUND.replace(*change)), "mon1/etc/prometheus/alertmanager.yml")
    routes = yaml.safe_load(text)["route"]["routes"]
    assert [r.get("group_wait") for r in routes].count("2m") == (1 if waits else 0)


def test_the_watchdog_goes_to_the_dead_mans_switch_alone() -> None:
    text = text_of(tree_of(SOUND), "mon1/etc/prometheus/alertmanager.yml")
    first = yaml.safe_load(text)["route"]["routes"][0]
    assert first["matchers"] == ['alertname="Watchdog"']
    assert first["receiver"] == "deadman"
    assert "continue" not in first


# With somebody who takes tickets.
TICKETS = [
    ("alertname=Watchdog severity=info heal=none cluster=tier", "deadman"),
    ("alertname=ServiceDown severity=critical heal=restart-service group=web", "healer,people"),
    ("alertname=PoolMemberDown severity=warning heal=none group=web", "healer,tickets"),
    ("alertname=ExporterDown severity=warning heal=restart-exporter group=web", "healer,tickets"),
    ("alertname=HealerMitigated severity=warning heal=none group=web", "tickets"),
    ("alertname=HealerHolds severity=critical heal=none group=web", "people"),
    ("alertname=NodeDown severity=critical heal=none group=web", "healer,people"),
    ("alertname=Foreign", "healer,people"),
]
ROUTES = [
    ("alertname=Watchdog severity=info heal=none cluster=sound", "deadman"),
    ("alertname=ServiceDown heal=restart-service group=web service=nginx", "healer,people"),
    ("alertname=NodeDown heal=none group=web", "healer,people"),
    ("alertname=DomainLost heal=none failure_domain=rack-b", "healer,people"),
    ("alertname=ExporterDown heal=restart-exporter group=control", "healer,people"),
    ("alertname=HealerHolds heal=none group=web", "people"),
    ("alertname=Context severity=info heal=none", "healer,nobody"),
    ("alertname=Foreign", "healer,people"),
]


@pytest.mark.tools
@pytest.mark.parametrize(
    ("text", "labels", "receivers"),
    [(SOUND, *route) for route in ROUTES]
    + [(TIER, *route) for route in TICKETS]
    + [("exporter: {short_way: {}}\n" + SOUND, *route) for route in ROUTES],
)
def test_an_alert_reaches_those_it_is_for(
    text: str, labels: str, receivers: str, tmp_path: Path
) -> None:
    tree_of(text).write(tmp_path)
    config = tmp_path / "mon1/etc/prometheus/alertmanager.yml"
    command = [tool("amtool"), "config", "routes", "test", f"--config.file={config}"]
    answer = subprocess.run([*command, *labels.split()], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == receivers


def test_the_short_way_is_written_for_every_node_with_the_rules_own_words() -> None:
    tree = render(interpret(SHORT_WAY + HEALERS, "cluster.yml"), rule_files())
    rules = [
        {"name": one["alert"], "labels": one["labels"], "annotations": one["annotations"]}
        for file in ("failures", "services")
        for group in yaml.safe_load(text_of(tree, f"mon1/etc/prometheus/rules/{file}.yml"))[
            "groups"
        ]
        for one in group["rules"]
        if one["alert"] in ("NodeFailing", "ServiceDown")
    ]
    for node in ("mon1", "mon2", "mon3", "web1", "web2"):
        way = yaml.safe_load(text_of(tree, f"{node}/etc/hale/exporter.yml"))["short_way"]
        assert way == {
            "alertmanagers": ["https://10.0.0.11:9093", "https://10.0.0.12:9093"],
            "tls": {"ca": "/etc/hale/ca.crt", "cert": "/etc/hale/n.crt", "key": "/etc/hale/n.key"},
            "repeat": "30s",
            "rules": rules,
        }
    assert len(rules) == 2


def test_without_it_nothing_is_posted_and_every_group_waits() -> None:
    tree = tree_of(HEALERS)
    assert "short_way" not in text_of(tree, "web1/etc/hale/exporter.yml")
    assert "routes" not in waking(tree)
    assert waking(tree_of(SHORT_WAY + HEALERS))["routes"] == [
        {
            "receiver": "healer",
            "matchers": ['alertname=~"ServiceDown|NodeFailing"'],
            "group_wait": "0s",
        }
    ]


def waking(tree: Tree) -> dict[str, Any]:
    """The route that wakes the healer."""
    routes = yaml.safe_load(text_of(tree, "mon1/etc/prometheus/alertmanager.yml"))["route"]
    found: dict[str, Any] = next(
        one for one in routes["routes"] if one["receiver"] == "healer" and one.get("continue")
    )
    return found


def test_each_file_system_of_a_node_is_told_by_itself() -> None:
    routes = yaml.safe_load(text_of(tree_of(TIER), "mon1/etc/prometheus/alertmanager.yml"))["route"]
    # What is grouped waits for the group's interval, and is over when all of it is.
    own = [r for r in routes["routes"] if r.get("matchers") == ['alertname=~"Healer.*"']]
    assert "mountpoint" in routes["group_by"]
    assert ["group_by" in route for route in own] == [False]


def test_dead_nodes_come_as_one_page_and_tickets_wait_for_a_ladder_as_pages_do() -> None:
    routes = yaml.safe_load(text_of(tree_of(TIER), "mon1/etc/prometheus/alertmanager.yml"))["route"]
    lost = ['alertname=~"DomainLost|NodeDown"']
    nodes = next(r for r in routes["routes"] if r.get("matchers") == lost)
    assert nodes["group_by"] == ["cluster"]
    assert nodes["group_wait"] == "40s"  # one wait, one scrape and one evaluation
    tickets = next(r for r in routes["routes"] if r["receiver"] == "tickets")
    assert [route["group_wait"] for route in tickets["routes"]] == ["0s", "2m", "2m"]


@pytest.mark.parametrize(
    ("source", "node", "receiver"), [(TIER, "mon1", "tickets"), (WIDE, "010", "people")]
)
def test_what_a_node_tells_of_its_hardware_is_one_ticket(
    source: str, node: str, receiver: str
) -> None:
    text = text_of(tree_of(source), f"{node}/etc/prometheus/alertmanager.yml")
    routes = yaml.safe_load(text)["route"]["routes"]
    found = [one for one in (*routes, *nested(routes)) if "NodeFailing" in str(one.get("matchers"))]
    (ticket,) = (one for one in found if one["receiver"] == receiver)
    assert ticket["group_by"] == ["cluster", "node"]
    assert ticket["matchers"] == ['alertname=~"NodeFailing|HardwareFailing"']
    (hardware,) = (alert for alert in ALERTS if alert.name == "HardwareFailing")
    assert hardware.wait == duration_text(HARDWARE_FOLLOWS)


def test_the_ticket_waits_for_as_long_as_cluster_yml_lets_the_second_alert_wait() -> None:
    text = SHORT.replace("nodes: [a]}\n", "nodes: [a], for: {HardwareFailing: 10m}}\n")
    config = yaml.safe_load(text_of(tree_of(text), "a/etc/prometheus/alertmanager.yml"))
    routes = config["route"]["routes"]
    found = [one for one in (*routes, *nested(routes)) if "NodeFailing" in str(one.get("matchers"))]
    # One scrape and one evaluation later Alertmanager has heard of it.
    assert [one["group_wait"] for one in found if one["receiver"] == "people"] == ["630s"]


def nested(routes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for one in routes:
        yield from one.get("routes", [])
