"""Prometheus' grammar, Alertmanager's fingerprints, Go's times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healer.adapters import labels as lb


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("2026-01-02T03:04:05Z", 1767323045.0),
        ("2026-01-02T03:04:05.123456789Z", 1767323045.123456789),
        ("2026-01-02T03:04:05.5+01:00", 1767319445.5),
        ("2026-01-02T03:04:05.000-05:30", 1767342845.0),
        ("0001-01-01T00:00:00Z", -62135596800.0),
    ],
)
def test_times_are_read_as_go_writes_them(text, seconds):
    assert lb.epoch(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-01-02", "2026-01-02T03:04:05", "2026-13-02T03:04:05Z", "2026-01-02T03:04:05.Z",
     "2026-01-02T03:04:05Z\n", "\u0662026-01-02T03:04:05Z"],
)  # fmt: skip
def test_what_is_no_time_is_an_error(text):
    with pytest.raises(ValueError, match=r"RFC 3339|month"):
        lb.epoch(text)


def test_fingerprints_do_not_depend_on_order_and_keep_names_and_values_apart():
    one = lb.fingerprint({"a": "b", "c": "d"})
    assert one == lb.fingerprint({"c": "d", "a": "b"})
    assert (
        len({one, lb.fingerprint({"a": "bc", "": "d"}), lb.fingerprint({"ab": "", "c": "d"})}) == 3
    )
    # The value of an empty set is FNV's offset basis, as in prometheus/common's signature_test.go.
    assert lb.fingerprint({}) == f"{14695981039346656037:016x}"


def test_a_hostile_value_stays_inside_its_quotes():
    hostile = 'x"} or up{a="\\\n\t\x00\u2028😀'
    assert lb.quoted(hostile) == r'"x\"} or up{a=\"\\\u000a\u0009\u0000\u2028😀"'
    assert lb.selector("up", {"node": '"'}) == r'up{node="\""}'


@given(st.text())
def test_no_value_ends_its_quotes_early(value):
    text = lb.quoted(value)
    inner = text[1:-1].replace("\\\\", "")
    assert '"' not in inner.replace('\\"', "")
    assert "\n" not in text


@pytest.mark.parametrize("metric", ["", "1up", "up{}", "up or down", "üp", "up\n"])
def test_a_metric_that_cannot_be_is_refused(metric):
    with pytest.raises(ValueError, match="no metric"):
        lb.selector(metric, {})
