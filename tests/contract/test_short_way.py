"""What the exporter posts by the short way is the alert that Prometheus makes of the same exposition."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.alerting.alert import Alert
from exporter.alerting.conditions import RULES, service_down
from exporter.alerting.rule import Rule
from exporter.config import Service, ShortWay
from exporter.reading import parse
from tests.exporter.golden import GOLDEN
from tests.exporter.tools import find
from tests.test_contract import ALERTS

ROOT = Path(__file__).parents[2]
TARGET = {"cluster": "first", "node": "web1", "group": "front", "failure_domain": "rack-b"}
SERVED = re.findall(
    r'^hale_service_up\{service="(\w+)",service_group="(\w+)"\} ([01])$',
    (GOLDEN / "metrics.prom").read_text(),
    re.MULTILINE,
)


def as_packaged() -> ShortWay:
    """Return the packaged rules without `for`, through an exporter.yml."""
    rules = [
        {"name": alert.name, "labels": alert.labels, "annotations": alert.annotations}
        for alert in ALERTS
        if alert.name in RULES
    ]
    block = {"alertmanagers": ["http://10.77.0.10:9093"], "rules": rules}
    found = parse(yaml.safe_dump({**TARGET, "short_way": block}), "exporter.yml").short_way
    assert found is not None
    return found


def posted(rules: tuple[Rule, ...]) -> list[Alert]:
    """Return what the exporter of the golden exposition posts."""
    answers = [(Service(name, f"{name}.service", group), up == "1") for name, group, up in SERVED]
    known = {rule.name: rule for rule in rules}
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


def test_every_rule_without_a_wait_is_on_the_short_way_and_no_other() -> None:
    assert {alert.name for alert in ALERTS if alert.wait is None} == set(RULES)


@pytest.mark.tools
def test_what_is_posted_is_what_prometheus_makes_of_the_same_exposition(tmp_path: Path) -> None:
    alerts = posted(as_packaged().rules)
    assert [dict(alert.labels)["service"] for alert in alerts] == ["database"]
    assert promtool_says(tmp_path, ROOT / "rules/services.yml", alerts) == ""


@pytest.mark.tools
def test_promtool_would_see_a_label_or_a_word_that_differs(tmp_path: Path) -> None:
    (alert,) = posted(as_packaged().rules)
    for labels, annotations in (
        ({"severity": "warning"}, {}),
        ({"group": "front"}, {}),
        ({"job": "node"}, {}),
        ({}, {"summary": "It is down."}),
    ):
        other = Alert.of(
            {**dict(alert.labels), **labels}, {**dict(alert.annotations), **annotations}
        )
        assert promtool_says(tmp_path, ROOT / "rules/services.yml", [other]) != ""
