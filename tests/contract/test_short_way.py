"""What the exporter posts by the short way is the alert that Prometheus makes of the same exposition."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from cluster.coherence import SHORT
from cluster.load import interpret
from cluster.packaged import rule_files
from cluster.render import render
from cluster.tree import Tree
from exporter.alerting.alert import Alert
from exporter.alerting.conditions import (
    NODE_FAILING,
    OF_THE_NODE,
    RULES,
    node_failing,
    service_down,
)
from exporter.config import Config, Service
from exporter.failures.kinds import Failure
from exporter.reading import parse
from tests.cluster.examples import SOUND
from tests.cluster.rendering import text_of
from tests.exporter.golden import GOLDEN
from tests.exporter.tools import find
from tests.test_contract import ALERTS

RULE_FILES = [
    Path("mon1/etc/prometheus/rules") / f"{name}.yml" for name in ("services", "failures")
]
TARGET = {"cluster": "sound", "node": "web1", "group": "web", "failure_domain": "rack-b"}


def exposed(name: str, metric: str) -> list[tuple[dict[str, str], float]]:
    """Return a metric's samples in a golden exposition."""
    families = text_string_to_metric_families((GOLDEN / f"{name}.prom").read_text())
    return [
        (one.labels, one.value) for each in families for one in each.samples if one.name == metric
    ]


SERVED = exposed("metrics", "hale_service_up")
FAILING = exposed("failures", "hale_failure")


def rendered() -> Tree:
    """Return what is written for SOUND with the short way."""
    return render(interpret("exporter: {short_way: {}}\n" + SOUND, "cluster.yml"), rule_files())


def config_of(tree: Tree) -> Config:
    """Return what the exporter of web1 is told."""
    return parse(text_of(tree, "web1/etc/hale/exporter.yml"), "exporter.yml")


def posted(config: Config) -> list[Alert]:
    """Return what the exporter of the golden expositions posts, by its exporter.yml."""
    assert config.short_way is not None
    answers = [
        (Service(one["service"], "x.service", one["service_group"]), value == 1.0)
        for one, value in SERVED
    ]
    told = frozenset(
        Failure(one["failure"])
        for one, _ in FAILING
        if one["witness"] == "kernel" and one["weight"] != "minor"
    )
    known = {rule.name: rule for rule in config.short_way.rules}
    return [
        known[one.rule].alert(config.target, one)
        for one in (*service_down(answers), *node_failing(told))
        if one.holds is True
    ]


def promtool_says(folder: Path, expected: list[Alert]) -> str:
    """Return what promtool has against these alerts being all that Prometheus makes; empty for nothing."""
    target = {**TARGET, "job": "node", "instance": "10.77.0.11:9100"}
    samples = [("up", target, 1.0)]
    samples += [("hale_service_up", target | labels, value) for labels, value in SERVED]
    samples += [("hale_failure", target | labels, value) for labels, value in FAILING]
    asked: list[dict[str, Any]] = [
        # In its very first evaluation: a rule that waited would have nothing yet.
        {
            "eval_time": "0s",
            "alertname": name,
            "exp_alerts": [
                _expected(one) for one in expected if dict(one.labels)["alertname"] == name
            ],
        }
        for name in RULES
    ]
    test = {
        "interval": "15s",
        "input_series": [
            {"series": _series(name, labels), "values": f"{value:g}x4"}
            for name, labels, value in samples
        ],
        "alert_rule_test": asked,
    }
    file = folder / "short_way.test.yml"
    files = [str(folder / one) for one in RULE_FILES]
    file.write_text(
        yaml.safe_dump({"rule_files": files, "evaluation_interval": "15s", "tests": [test]})
    )
    argv = [find("promtool"), "test", "rules", str(file)]
    answer = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return "" if answer.returncode == 0 else answer.stdout + answer.stderr


def _series(name: str, labels: dict[str, str]) -> str:
    return f"{name}{{{','.join(f'{key}={json.dumps(text)}' for key, text in labels.items())}}}"


def _expected(alert: Alert) -> dict[str, Any]:
    labels = {name: value for name, value in alert.labels if name != "alertname"}
    return {"exp_labels": labels, "exp_annotations": dict(alert.annotations)}


def test_the_labels_that_are_added_are_those_of_prometheus_targets() -> None:
    tree = rendered()
    (target,) = (
        one
        for one in json.loads(text_of(tree, "mon1/etc/prometheus/targets/node.json"))
        if one["labels"]["node"] == "web1"
    )
    config = config_of(tree)
    assert target["labels"] == TARGET
    assert config.target == TARGET
    prometheus = yaml.safe_load(text_of(tree, "mon1/etc/prometheus/prometheus.yml"))
    # Prometheus adds these to every alert that it sends, and relabels none.
    assert prometheus["global"]["external_labels"].items() <= TARGET.items()
    assert "alert_relabel_configs" not in prometheus["alerting"]


def test_every_rule_without_a_wait_is_on_the_short_way_and_no_other() -> None:
    assert {alert.name for alert in ALERTS if alert.wait is None} == set(RULES) == set(SHORT)


@pytest.mark.tools
def test_what_is_posted_is_what_prometheus_makes_of_the_same_exposition(tmp_path: Path) -> None:
    tree = rendered()
    tree.write(tmp_path)
    alerts = posted(config_of(tree))
    assert {dict(alert.labels)["alertname"] for alert in alerts} == set(RULES)
    assert promtool_says(tmp_path, alerts) == ""


@pytest.mark.tools
def test_promtool_would_see_a_label_or_a_word_that_differs(tmp_path: Path) -> None:
    tree = rendered()
    tree.write(tmp_path)
    alerts = posted(config_of(tree))
    for labels, annotations in (
        ({"severity": "info"}, {}),
        ({"group": "other"}, {}),
        ({"job": "node"}, {}),
        ({}, {"summary": "It is down."}),
    ):
        for number, alert in enumerate(alerts):
            other = Alert.of(
                {**dict(alert.labels), **labels}, {**dict(alert.annotations), **annotations}
            )
            assert promtool_says(tmp_path, [*alerts[:number], other, *alerts[number + 1 :]]) != ""


def test_the_rule_asks_for_the_types_that_the_exporter_tells_of() -> None:
    (rule,) = (alert for alert in ALERTS if alert.name == NODE_FAILING)
    asked = re.search(r'failure=~"([^"]+)"', rule.expr)
    assert asked is not None
    assert set(asked[1].split("|")) == {kind.value for kind in OF_THE_NODE}
