"""The dashboard as it is committed: what it asks for exists, parses, and is what its module writes."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cluster.load import read
from cluster.render.constants import constants_yml
from dashboards import cluster as module
from tests.dashboards.asking import QUERIES, filled
from tests.exporter.golden import GOLDEN
from tests.test_contract import tables_of_metrics

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads(module.FILE.read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
each_panel = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
each_query = pytest.mark.parametrize("query", QUERIES)

KEYWORDS = {
    *("and", "or", "on", "by", "increase", "rate", "sum", "avg", "topk", "time", "vector"),
    "label_replace",
}


def test_the_file_is_what_the_module_writes():
    """`make dashboards` writes it anew."""
    assert module.FILE.read_text() == module.text()


def test_alerts_link_to_it():
    links = {
        rule["annotations"].get("dashboard_url")
        for path in (ROOT / "rules").glob("*.yml")
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert links - {None} == {f"HALE_DASHBOARDS/{DASHBOARD['uid']}"}


@each_panel
def test_a_panel_says_what_it_shows_and_follows_the_data_source(panel):
    assert panel["description"].endswith(".")
    assert panel["datasource"]["uid"] == "${datasource}"
    assert panel["fieldConfig"]["defaults"].get("noValue") or panel["type"] in {
        "timeseries",
        "state-timeline",
    }


def test_panels_have_numbers_of_their_own_and_do_not_overlap():
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    taken = [cell for panel in DASHBOARD["panels"] for cell in _cells(panel["gridPos"])]
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24


def _cells(place: dict[str, int]) -> Iterator[tuple[int, int]]:
    for x in range(place["x"], place["x"] + place["w"]):
        for y in range(place["y"], place["y"] + place["h"]):
            yield x, y


@each_query
def test_every_metric_that_is_asked_for_is_one_that_we_have(query):
    asked = _metrics(query)
    assert asked
    assert asked <= _known()


def _metrics(query: str) -> set[str]:
    """Return the metric names of a query: words that are no label, function or keyword."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^]]*\]|\b(?:by|on) \([^)]*\)', " ", query)
    return set(re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", bare)) - KEYWORDS


def _known() -> set[str]:
    texts = [path.read_text() for path in (ROOT / "rules").glob("*.yml")]
    texts.append(constants_yml(read(ROOT / "scenarios/web-tier/cluster.yml").cluster))
    recorded = {name for text in texts for name in re.findall(r'record: "?([\w:]+)', text)}
    golden = "".join(file.read_text() for file in GOLDEN.glob("*.prom"))
    exposed = set(re.findall(r"^# TYPE (\S+)", golden, re.MULTILINE))
    ours = tables_of_metrics()
    parts = {f"{name}_{part}" for name in ours for part in ("sum", "count")}
    return {"ALERTS"} | recorded | exposed | ours | parts


@pytest.mark.tools
def test_prometheus_understands_every_query(tmp_path):
    """promtool reads each as a rule."""
    rules = [{"record": f"query:{n}", "expr": filled(one)} for n, one in enumerate(QUERIES)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run(
        [ROOT / ".tools/usr/bin/promtool", "check", "rules", file], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert f"{len(QUERIES)} rules found" in done.stdout
