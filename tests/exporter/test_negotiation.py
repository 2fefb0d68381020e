"""What a client's headers ask for."""

import pytest

from exporter.negotiation import Misunderstood, time_for, wants_gzip, wants_openmetrics

# What Prometheus 2.42 and 3 send.
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (PROMETHEUS_2, True),
        (PROMETHEUS_3, True),
        (BROWSER, False),
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("application/openmetrics-text", True),
        ('Application/OpenMetrics-Text; Version="1.0.0"', True),
        ("application/openmetrics-text;version=2.0.0", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=loud", False),
        ("application/openmetrics-text;q=0.2,text/plain;q=0.3", False),
        ("text/plain;version=0.0.4;q=0.3,application/openmetrics-text;q=0.3", True),
        (";;,,=;q", False),
    ],
)
def test_accept(header: str, wanted: bool) -> None:
    assert wants_openmetrics(header) is wanted


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("", False),
        ("gzip", True),
        ("x-gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("gzip;q=0.001", True),
        ("gzip; q=2", False),
        ("*", True),
        ("*, gzip;q=0", False),
        ("identity", False),
        ("gzip;q=0.5, identity;q=0.8", False),
        ("gzip;q=0.8, identity;q=0.5", True),
        ("br, zstd", False),
    ],
)
def test_accept_encoding(header: str, wanted: bool) -> None:
    assert wants_gzip(header) is wanted


@pytest.mark.parametrize(
    ("header", "seconds"), [("", None), ("10", 9.5), ("0.75", 0.375), ("0.1", 0.05), ("0", 0.0)]
)
def test_a_scrapes_time(header: str, seconds: float | None) -> None:
    assert time_for(header) == seconds


@pytest.mark.parametrize("header", ["soon", "-1", "nan", "inf", "1e9", "1" * 400])
def test_a_time_that_is_none_is_told(header: str) -> None:
    with pytest.raises(Misunderstood, match="wanted seconds, saw"):
        time_for(header)
