"""Every metric and label that a rule, a runbook or a page asks Prometheus for is one that somebody exposes.

Who exposes: our exporter and healer (their real expositions), HAProxy, Patroni and redis_exporter (captured ones),
Prometheus itself, and the recording rules. What is recorded stands in docs/contracts.md.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.contract.promql import matched, metrics, templated
from tests.contract.test_metrics import of_the_healer
from tests.exporter.golden import GOLDEN
from tests.test_contract import ALERTS, CONTRACTS, RULES, Alert, queries_for_people

FIXTURES = Path(__file__).parent / "fixtures"
OTHERS = (
    "haproxy-2.6.prom",
    "patroni-3.0.2.prom",
    "redis_exporter-1.45-master.prom",
    "redis_exporter-1.45-replica.prom",
    "redis_exporter-1.45-sentinel.prom",
)
"""What others' exporters said, captured."""

TARGET = {"cluster", "node", "group", "failure_domain", "job", "instance"}

# Prometheus' own. https://prometheus.io/docs/concepts/jobs_instances/ and its rules' ALERTS.
OWN = {"up": set[str](), "ALERTS": {"alertname", "alertstate", "severity", "heal"}}

Exposed = Mapping[str, set[str]]


def recorded() -> dict[str, set[str]]:
    """Return the series of docs/contracts.md's table of recorded ones, with their labels."""
    rows = re.findall(r"^\| ((?:`hale:[a-z0-9_:]+`(?:, )?)+) \|([^|]*)\|", CONTRACTS, re.MULTILINE)
    return {
        name: set(re.findall(r"`(\w+)`", labels))
        for names, labels in rows
        for name in re.findall(r"`([\w:]+)`", names)
    }


def rendered() -> set[str]:
    """Return those of them that hale-cluster render writes as constants."""
    rows = re.findall(r"^\| `(hale:[a-z0-9_]+)` \|[^|]*\| \*rendered\*", CONTRACTS, re.MULTILINE)
    return set(rows)


def rules() -> Iterator[dict[str, Any]]:
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


def samples(exposition: str) -> Iterator[tuple[str, set[str]]]:
    """Yield what Prometheus will store: names as they are in the text, `_bucket` and the like included."""
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            # The parser calls a counter NAME_total, also where the text, as Patroni's, does not.
            told = sample.name in exposition
            yield sample.name if told else sample.name.removesuffix("_total"), set(sample.labels)


@pytest.fixture
async def exposed() -> Exposed:
    """Return all series that there can be, with the labels that they have."""
    found: dict[str, set[str]] = defaultdict(set)
    golden = [file.read_text() for file in sorted(GOLDEN.glob("*.prom"))]
    others = [(FIXTURES / name).read_text() for name in OTHERS]
    for text in [*golden, await of_the_healer(), *others]:
        for name, labels in samples(text):
            found[name] |= labels | TARGET
    own = {name: labels | TARGET for name, labels in OWN.items()}
    return {**found, **recorded(), **own}


def unknown(expressions: Iterable[str], exposed: Exposed) -> set[str]:
    """Return metrics, and labels as `metric{label}`, that nobody exposes."""
    missing = set()
    for expression in expressions:
        missing |= metrics(expression) - exposed.keys()
        missing |= {
            f"{name}{{{label}}}"
            for name, label in matched(expression)
            if name in exposed and label not in exposed[name]
        }
    return missing


@pytest.mark.parametrize("alert", ALERTS, ids=lambda one: f"{one.name}-{one.labels['severity']}")
async def test_an_alert_asks_only_for_what_somebody_exposes(alert: Alert, exposed: Exposed) -> None:
    asked = [alert.expr, *templated(" ".join(alert.annotations.values()))]
    assert unknown(asked, exposed) == set()


async def test_a_recording_rule_asks_only_for_what_somebody_exposes(exposed: Exposed) -> None:
    asked = [rule["expr"] for rule in rules() if "record" in rule]
    assert asked
    assert unknown(asked, exposed) == set()


async def test_people_are_told_to_ask_only_for_what_somebody_exposes(exposed: Exposed) -> None:
    assert unknown(queries_for_people(), exposed) == set()


def test_what_is_recorded_is_in_the_table_and_what_is_in_the_table_is_recorded() -> None:
    ours = {rule["record"] for rule in rules() if "record" in rule}
    assert ours == recorded().keys() - rendered()


def test_constants_are_told_from_what_the_rules_record() -> None:
    assert "hale:group_nodes" in rendered()
    assert "hale:redundancy" not in rendered()


async def test_nothing_that_nobody_exposes_is_taken_for_known(exposed: Exposed) -> None:
    asked = ["hale_no_such_thing", 'up{colour="red"}', "haproxy_server_status{proxy='web'}"]
    assert unknown(asked, exposed) == {"hale_no_such_thing", "up{colour}"}
