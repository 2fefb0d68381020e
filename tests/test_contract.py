"""Promises between the parts that no import can check.

Each section holds one border; a new border gets a section of its own. Here are rules and runbooks;
tests/contract has what the programs promise each other.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from cluster.conditions import Failure
from cluster.ladder import DEFAULT_LADDERS, LADDER_OF
from healer.core.conditions import HARDWARE, REPAIRS
from healer.metrics import FREEZES

ROOT = Path(__file__).parent.parent
CONTRACTS = (ROOT / "docs/contracts.md").read_text()
RULES = sorted((ROOT / "rules").glob("*.yml"))
RUNBOOKS = sorted((ROOT / "runbooks").glob("*.md"))


# --- What is read ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Alert:
    """One alerting rule. `wait` is its `for`; None where it has none."""

    name: str
    expr: str
    wait: str | None
    labels: dict[str, str]
    annotations: dict[str, str]


def _alerts() -> Iterator[Alert]:
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    yield Alert(
                        rule["alert"],
                        rule["expr"].strip(),
                        rule.get("for"),
                        rule["labels"],
                        rule["annotations"],
                    )


ALERTS = tuple(_alerts())
each_alert = pytest.mark.parametrize(
    "alert", ALERTS, ids=lambda alert: f"{alert.name}-{alert.labels['severity']}"
)
each_runbook = pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)


def names_of_metrics(text: str) -> set[str]:
    """Return every name in a text that looks like one of our own metrics."""
    return set(re.findall(r"\b(?:hale|healer)_[a-z][a-z0-9_]*\b", text))


def tables_of_metrics() -> set[str]:
    """Return the metrics that the first column of a table in docs/contracts.md names."""
    cells = re.findall(r"^\| ((?:`[a-z0-9_]+`(?:, )?)+) \|", CONTRACTS, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def queries_for_people() -> set[str]:
    """Return the expressions that runbooks and docs/rules.md tell people to ask Prometheus."""
    pages = "\n".join(page.read_text() for page in RUNBOOKS)
    asked = re.findall(r"^promtool query instant \S+ '([^']+)'", pages, re.MULTILINE)
    blocks = re.findall(r"^```\n(.+?)\n```$", (ROOT / "docs/rules.md").read_text(), re.M | re.S)
    return {*asked, *blocks}


# --- Rules: labels and annotations ----------------------------------------------------------

# What an alert may be about. The first five labels of docs/contracts.md, and fewer for the cluster's own.
ABOUT = {
    "by (cluster)",
    "by (cluster, group)",
    "by (cluster, failure_domain)",
    "by (cluster, group, address)",
    "by (cluster, group, pool)",
    "by (cluster, node, group, failure_domain)",
    "by (cluster, node, group, failure_domain, backup)",
    "by (cluster, node, group, failure_domain, failure)",
    "by (cluster, node, group, failure_domain, mark, subject)",
    "by (cluster, node, group, failure_domain, mountpoint)",
    "by (cluster, node, group, failure_domain, pool)",
    "by (cluster, node, group, failure_domain, service)",
    "by (cluster, node, group, failure_domain, service, mountpoint)",  # the healer's own, about either
}


def test_no_two_rules_make_the_same_alert() -> None:
    """One name may stand for two severities, or two ladders."""
    told = {(one.name, one.labels["severity"], one.labels["heal"]) for one in ALERTS}
    assert len(told) == len(ALERTS) > 0


@each_alert
def test_expression_ends_in_the_labels_that_an_alert_may_carry(alert: Alert) -> None:
    assert alert.expr[alert.expr.rindex("by (") :] in ABOUT


@each_alert
def test_alert_adds_exactly_a_severity_and_a_ladder(alert: Alert) -> None:
    assert alert.labels.keys() == {"severity", "heal"}
    assert alert.labels["severity"] in {"critical", "warning", "info"}
    assert alert.labels["heal"] in {*DEFAULT_LADDERS, "none"}


@each_alert
def test_annotations_are_complete(alert: Alert) -> None:
    links = {"runbook_url": f"HALE_RUNBOOKS/{alert.name}"}
    if "dashboard_url" in alert.annotations:
        links["dashboard_url"] = "HALE_DASHBOARDS/cluster"
    assert alert.annotations.keys() == {"summary", "description"} | links.keys()
    assert alert.annotations.items() >= links.items()
    assert alert.annotations["summary"].endswith(".")
    assert (
        "$value" in alert.annotations["description"]
        or "$labels" in alert.annotations["description"]
    )


def test_an_alert_that_the_exporter_may_post_itself_does_not_wait() -> None:
    """Two go the short way; every other rule says how long it waits."""
    assert {alert.name for alert in ALERTS if alert.wait is None} == {"ServiceDown", "NodeFailing"}


# What a packaged alert does not ask for (yet), and an owner's own rule may.
FOR_OWN_RULES = {"reboot-node", "database", "backup", "monitoring", "clock"}


def test_every_default_ladder_has_an_alert_that_asks_for_it() -> None:
    asked = {alert.labels["heal"] for alert in ALERTS}
    assert asked | FOR_OWN_RULES == {*DEFAULT_LADDERS, "none"}


def test_every_failure_type_has_a_ladder_or_is_a_persons_with_a_reason() -> None:
    assert set(LADDER_OF) == set(Failure)
    assert set(LADDER_OF.values()) <= {*DEFAULT_LADDERS, "none"}


def test_every_failure_of_hardware_moves_work_away_and_repairs_nothing_on_the_node() -> None:
    assert {one for one, ladder in LADDER_OF.items() if ladder == "move-away"} >= set(HARDWARE)
    verbs = {rung["action"] for rung in DEFAULT_LADDERS["move-away"]["rungs"]}
    assert not verbs & REPAIRS


def test_the_page_says_why_each_alert_without_a_ladder_has_none() -> None:
    text = (ROOT / "docs/rules.md").read_text()
    section = text.split("## Why these have no ladder")[1].split("\n## ")[0]
    told = re.findall(r"^- \*\*(\w+)\*\*: \w", section, re.MULTILINE)
    assert sorted(told) == sorted({one.name for one in ALERTS if one.labels["heal"] == "none"})


# --- Rules: their page ----------------------------------------------------------------------


@each_alert
def test_the_table_of_alerts_says_what_the_rule_says(alert: Alert) -> None:
    text = (ROOT / "docs/rules.md").read_text()
    rows = re.findall(rf"^\| {alert.name} \|.*$", text, re.MULTILINE)
    cells = [[cell.strip() for cell in row.strip("|").split("|")][2:] for row in rows]
    said = [alert.wait or "none", alert.labels["severity"], alert.labels["heal"]]
    assert said in cells, f"docs/rules.md has no such row for {alert.name}"
    assert len(cells) == sum(other.name == alert.name for other in ALERTS)


# --- Rules: tests ---------------------------------------------------------------------------


@each_alert
def test_alert_has_a_test_that_it_fires_and_one_that_it_stays_silent(alert: Alert) -> None:
    path = ROOT / f"tests/rules/{alert.name}.test.yml"
    names = [test["name"] for test in yaml.safe_load(path.read_text())["tests"]]
    assert any(name.startswith("fires") for name in names)
    # The Watchdog has no silence to prove: it always fires.
    assert alert.name == "Watchdog" or any(name.startswith("near miss") for name in names)


# --- Runbooks -------------------------------------------------------------------------------

HEADINGS = [
    "What it means",
    "What Hale does by itself",
    "What to check first",
    "What to do",
    "How to stop Hale here",
    "What to write down afterwards",
]


def test_every_alert_has_a_runbook_and_every_runbook_its_alert() -> None:
    assert {page.stem for page in RUNBOOKS} == {alert.name for alert in ALERTS}


@each_runbook
def test_runbooks_have_the_same_headings_so_that_a_tired_reader_finds_them(page: Path) -> None:
    text = page.read_text()
    assert text.startswith(f"# {page.stem}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS


@each_runbook
def test_runbook_names_only_metrics_that_exist(page: Path) -> None:
    assert names_of_metrics(page.read_text()) <= tables_of_metrics()


# --- Runbooks: reason words -----------------------------------------------------------------


CORE = [ast.parse(path.read_text()) for path in sorted((ROOT / "healer/core").rglob("*.py"))]
CONSTANTS = {
    target.id: node.value.value
    for tree in CORE
    for node in tree.body
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    for target in node.targets
    if isinstance(target, ast.Name) and isinstance(node.value.value, str)
}


def words_given_to(function: str, argument: int) -> set[str]:
    """Return the words that the healer's core itself gives as one argument of a function.

    Literals and the core's constants; what a gate or a rule said is none of its words.
    """
    words: set[str] = set()
    for node in (node for tree in CORE for node in ast.walk(tree)):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args) if (
                name == function and len(args) > argument
            ):
                words |= words_in(args[argument])
    return words


def words_in(value: ast.expr) -> set[str]:
    """Return the words that an expression may be, as far as it is written there."""
    match value:
        case ast.Constant(value=str() as word):
            return {word}
        case ast.Name(id=name) if name in CONSTANTS:
            return {CONSTANTS[name]}
        case ast.IfExp(body=body, orelse=orelse):
            return words_in(body) | words_in(orelse)
    return set()


def explained_on(page: str) -> set[str]:
    """Return the words that a runbook sets in code type."""
    return set(re.findall(r"`([a-z_]+)`", (ROOT / f"runbooks/{page}.md").read_text()))


def test_every_word_for_a_hold_is_explained_to_the_person_it_calls() -> None:
    words = words_given_to("hold", 1)
    assert "capacity" in words
    assert words <= explained_on("HealerHolds")


def test_every_word_for_an_escalation_is_explained_to_the_person_it_calls() -> None:
    words = words_given_to("Escalate", 0)
    assert "ladder_exhausted" in words
    assert words <= explained_on("HealerEscalation")


def test_every_word_for_a_freeze_is_explained_to_the_person_it_calls() -> None:
    assert set(FREEZES) <= explained_on("HealerFrozen")
