"""How far a rule looks back is read from its expression, and never further than a repair is waited for."""

from pathlib import Path

import pytest
import yaml

from healer.core.lookback import DEEPEST, LONGEST, looks_back, seconds

RULES = Path(__file__).parents[3] / "rules"

RECORDED = {
    "hale:errors:rate5m": "sum by (pool) (rate(errors_total[5m]))",
    "hale:errors:rate1h": "sum by (pool) (rate(errors_total[1h]))",
    "hale:ratio": "hale:errors:rate5m / ignoring (code) hale:requests",
    "hale:old_ratio": 'hale:ratio{pool="web"} offset 2m',
    "hale:loop": "hale:loop + 1",
}


@pytest.mark.parametrize(
    ("expression", "window"),
    [
        ("up == 0", 0),
        ("rate(errors_total[5m]) > 0.1", 300),
        ('rate(errors_total{code=~"5..", path="[9m]}"}[90s])', 90),
        ("avg_over_time(temperature[10m]) > 80 or rate(errors_total[1m]) > 1", 600),
        ("max_over_time(rate(errors_total[5m])[8m:1m]) > 1", 780),
        ("max_over_time(rate(errors_total[5m])[8m:]) > 1", 780),
        ("sum by (node) (rate(errors_total[5m] offset 2m)) > 1", 420),
        ("errors_total offset 5m", 300),
        ("errors_total offset -5m", 0),
        ("changes(up[1h30m]) > 4", 0),  # history, not a trend
        ("max_over_time(hale_peer_up[1d]) == 1 unless up == 1", 0),
        ("hale:errors:rate5m > 0.1 and hale:errors:rate1h > 0.1", 300),
        ("hale:ratio > 0.1", 300),
        ("hale:old_ratio > 0.1", 420),
        ("max_over_time(hale:ratio[1m]) > 0.1", 360),
        ("hale:loop > 1", 0),
        ("rate(x[300])", 300),
        ("rate(x[1m30s500ms])", 90.5),
        ('label_replace(up, "a", "[5m]", "b", "(.*)[6m]") == 0', 0),
        ("up == 0 # was rate(up[5m])\n", 0),
        ("up{a='}[5m]'} == 0", 0),
        ("x[5m", 0),
        ("", 0),
    ],
)
def test_the_look_back_of_an_expression(expression: str, window: float) -> None:
    assert looks_back(expression, RECORDED) == window


def test_the_longest_that_counts_is_counted() -> None:
    assert looks_back("rate(x[15m])", {}) == LONGEST
    assert looks_back("rate(x[16m])", {}) == 0


def test_rules_that_rest_on_one_another_are_followed_so_deep_and_no_deeper() -> None:
    deep = {f"rule:{depth}": f"rule:{depth + 1}" for depth in range(1, DEEPEST + 1)}
    for last, window in ((DEEPEST, 60), (DEEPEST + 1, 0)):
        assert looks_back("rule:1", deep | {f"rule:{last}": "rate(x[1m])"}) == window


@pytest.mark.parametrize("text", ["", "m", "5x", "-5m", "5m ", "$__range"])
def test_what_is_no_duration_looks_back_nowhere(text: str) -> None:
    assert seconds(text) == 0


def test_of_our_own_rules_those_that_heal_look_at_what_is() -> None:
    """A repair that Hale begins by itself is proved without waiting for a window."""
    rules = [
        rule
        for path in RULES.glob("*.yml")
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]
    recorded = {rule["record"]: rule["expr"] for rule in rules if "record" in rule}
    found: dict[str, float] = {}
    for rule in (one for one in rules if "alert" in one):
        window = looks_back(rule["expr"], recorded)
        found[rule["alert"]] = max(found.get(rule["alert"], 0.0), window)
    assert found["ServiceDown"] == found["FilesystemAlmostFull"] == found["NodeDown"] == 0
    assert found["PoolErrorBudgetBurn"] == 300
