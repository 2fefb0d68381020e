"""What the reader of PromQL finds, on expressions as ours are written."""

import pytest

from tests.contract.promql import matched, metrics, templated


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("up", {"up"}),
        ('max (up{job="node"} == 0) by (cluster, node)', {"up"}),
        ("a:b:rate5m / on (x) group_left () c * 3 * 24 > 1e3", {"a:b:rate5m", "c"}),
        ('increase(restarts_total{a="b{",c=~"d|e"}[1h]) >= 6 and on (up) seen', {"restarts_total", "seen"}),
        ("predict_linear(avail[6h], 24 * 3600) < 0 and time() - since > 10 * 2^30", {"avail", "since"}),
        ('label_replace(x >= bool 0.1, "a", "$1", "b", "(.+)/.+") unless y offset 5m', {"x", "y"}),
        ("vector(1)", set()),
    ],
)  # fmt: skip
def test_it_finds_the_metrics_and_nothing_else(expression: str, names: set[str]) -> None:
    assert metrics(expression) == names


def test_it_finds_the_labels_that_a_selector_names() -> None:
    found = matched('rate(a{b="c,d=e",f!~"g"}[5m]) / up{job="x"} + c')
    assert list(found) == [("a", "b"), ("a", "f"), ("up", "job")]


def test_it_finds_what_a_template_asks() -> None:
    text = (
        'is {{ $value }}, {{ with printf "a{b=%q,state=\\"DOWN\\"} == %v" $labels.b $value | query }}'
        '{{ . | first | value | printf "%.0f" }}{{ end }} {{ range printf "c{d=%q}"\n$labels.d | query }}'
    )
    assert list(templated(text)) == ['a{b="x",state="DOWN"} == 1', 'c{d="x"}']
