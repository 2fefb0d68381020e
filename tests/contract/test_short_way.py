"""What the exporter posts by the short way is the alert that Prometheus makes of the same exposition."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.coherence import SHORT
from cluster.load import interpret
from cluster.packaged import rule_files
from cluster.render import render
from cluster.tree import Tree
from exporter.alerting.alert import Alert
from exporter.alerting.conditions import RULES, service_down
from exporter.config import Config, Service
from exporter.reading import parse
from tests.cluster.examples import SOUND
from tests.cluster.rendering import text_of
from tests.exporter.golden import GOLDEN
from tests.exporter.tools import find
from tests.test_contract import ALERTS

SERVICES = Path("mon1/etc/prometheus/rules/services.yml")
TARGET = {"cluster": "sound", "node": "web1", "group": "web", "failure_domain": "rack-b"}
SERVED = re.findall(
    r'^hale_service_up\{service="(\w+)",service_group="(\w+)"\} ([01])$',
    (GOLDEN / "metrics.prom").read_text(),
    re.MULTILINE,
)


def rendered() -> Tree:
    """Return what is written for SOUND with the short way."""
    return render(interpret("exporter: {short_way: {}}\n" + SOUND, "cluster.yml"), rule_files())


def config_of(tree: Tree) -> Config:
    """Return what the exporter of web1 is told."""
    return parse(text_of(tree, "web1/etc/hale/exporter.yml"), "exporter.yml")


def posted(config: Config) -> list[Alert]:
    """Return what the exporter of the golden exposition posts, by its exporter.yml."""
    assert config.short_way is not None
    answers = [(Service(name, f"{name}.service", group), up == "1") for name, group, up in SERVED]
    known = {rule.name: rule for rule in config.short_way.rules}
    return [
        known[one.rule].alert(TARGET, one) for one in service_down(answers) if one.holds is True
    ]


def promtool_says(tmp_path: Path, rules: Path, expected: list[Alert]) -> str:
    """Return what promtool has against these alerts being all that Prometheus makes; empty for nothing."""
    labels = ",".join(f'{name}="{value}"' for name, value in TARGET.items())
    target = f'{labels},job="node",instance="10.77.0.11:9100"'
    series = [{"series": f"up{{{target}}}", "values": "1x4"}] + [
        {
            "series": f'hale_service_up{{{target},service="{name}",service_group="{group}"}}',
            "values": f"{up}x4",
        }
        for name, group, up in SERVED
    ]
    alerts = [_expected(alert) for alert in expected]
    test: dict[str, Any] = {
        "interval": "15s",
        "input_series": series,
        "alert_rule_test": [
            # In its very first evaluation: a rule that waited would have nothing yet.
            {"eval_time": "0s", "alertname": "ServiceDown", "exp_alerts": alerts}
        ],
    }
    file = tmp_path / "short_way.test.yml"
    file.write_text(
        yaml.safe_dump({"rule_files": [str(rules)], "evaluation_interval": "15s", "tests": [test]})
    )
    argv = [find("promtool"), "test", "rules", str(file)]
    answer = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return "" if answer.returncode == 0 else answer.stdout + answer.stderr


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
    assert [dict(alert.labels)["service"] for alert in alerts] == ["database"]
    assert promtool_says(tmp_path, tmp_path / SERVICES, alerts) == ""


@pytest.mark.tools
def test_promtool_would_see_a_label_or_a_word_that_differs(tmp_path: Path) -> None:
    tree = rendered()
    tree.write(tmp_path)
    (alert,) = posted(config_of(tree))
    for labels, annotations in (
        ({"severity": "warning"}, {}),
        ({"group": "web"}, {}),
        ({"job": "node"}, {}),
        ({}, {"summary": "It is down."}),
    ):
        other = Alert.of(
            {**dict(alert.labels), **labels}, {**dict(alert.annotations), **annotations}
        )
        assert promtool_says(tmp_path, tmp_path / SERVICES, [other]) != ""
