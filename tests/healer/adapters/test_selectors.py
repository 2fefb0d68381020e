"""Which series an expression names."""

import pytest

from healer.adapters.selectors import selectors

CASES = [
    ("x == 0", ["x{%s}"]),
    ('max by (node, device) (x{device=~"sd.*"} == 0)', ['x{device=~"sd.*",%s}']),
    ("max(x == 0) by (cluster, node)", ["x{%s}"]),
    ("rate(x_total[5m:30s] offset 1h) > 1e3", ["x_total{%s}"]),
    ("x{a='}',} unless on (node) y", ["x{a='}',%s}", "y{%s}"]),
    ("x and ignoring (a) group_left (b) y or x", ["x{%s}", "y{%s}"]),
    ('{__name__="x"} * 2^30 # and z', ['{__name__="x",%s}']),
    ("time() - x > bool 10", ["x{%s}"]),
    ('label_replace(x, "a", "$1", "b", "(.+)") == Inf', ["x{%s}"]),
    ("a:b:c < 0.1 and vector(1)", ["a:b:c{%s}"]),
    ("vector(1)", []),
]


@pytest.mark.parametrize(("expression", "named"), CASES)
def test_every_series_that_an_expression_names_is_found_and_nothing_else(expression, named):
    narrow = 'node="web1",service=~"ngi\\\\.nx|"'
    wanted = {"service": "ngi.nx", "node": "web1"}
    assert selectors(expression, wanted) == tuple(one % narrow for one in named)


def test_a_service_that_is_no_text_is_named_in_no_selector():
    with pytest.raises(ValueError, match="surrogates"):
        selectors("x", {"service": "\ud800"})
