"""What a client asks for in its headers: the format, gzip, and how long it waits.

RFC 9110, 12.4.2 (q-values), 12.5.1 (Accept) and 12.5.3 (Accept-Encoding).
"""

import re
from functools import lru_cache
from typing import NamedTuple

# Seconds of a scrape's time that are left for what comes after it: packing, the way, reading. As blackbox_exporter.
OFFSET = 0.5

# RFC 9110, 12.4.2: up to three decimals.
WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")

OPENMETRICS, TEXT = "application/openmetrics-text", "text/plain"
VERSIONS = {OPENMETRICS: ("", "1.0.0", "0.0.1"), TEXT: ("", "0.0.4")}


class Misunderstood(Exception):
    """A header cannot be read; its text says what was wanted."""


class _Wish(NamedTuple):
    """One item of an Accept header; `weight` from 0, never, to 1."""

    what: str
    weight: float
    version: str


def _wishes(header: str) -> list[_Wish]:
    found = []
    for item in header.lower().split(","):
        what, *pairs = (word.strip() for word in item.split(";"))
        parameters = {
            key.strip(): value.strip(' "') for key, _, value in (p.partition("=") for p in pairs)
        }
        said = parameters.get("q", "1")
        weight = float(said) if WEIGHT.fullmatch(said) else 0.0
        found.append(_Wish(what, weight, parameters.get("version", "")))
    return found


@lru_cache(64)
def wants_openmetrics(accept: str) -> bool:
    """Tell whether an Accept header takes OpenMetrics rather than the text format.

    Who takes anything gets the text format, as node_exporter gives it.
    """
    weights = {OPENMETRICS: 0.0, TEXT: 0.0}
    for wish in _wishes(accept):
        if wish.version in VERSIONS.get(wish.what, ()):
            weights[wish.what] = max(weights[wish.what], wish.weight)
    return weights[OPENMETRICS] > 0 and weights[OPENMETRICS] >= weights[TEXT]


@lru_cache(64)
def wants_gzip(accept: str) -> bool:
    """Tell whether an Accept-Encoding header takes gzip, and nothing unpacked rather than it."""
    weights: dict[str, float] = {}
    for wish in _wishes(accept):
        weights[wish.what.removeprefix("x-")] = wish.weight
    weight = weights.get("gzip", weights.get("*", 0.0))
    return weight > 0 and weight >= weights.get("identity", 0.0)


def time_for(header: str) -> float | None:
    """Return the seconds that a scrape may take, by X-Prometheus-Scrape-Timeout-Seconds; None without a bound.

    Raises:
        Misunderstood: It is no number of seconds.
    """
    if not header:
        return None
    if not SECONDS.fullmatch(header):
        raise Misunderstood(
            f"X-Prometheus-Scrape-Timeout-Seconds: wanted seconds, saw {header[:40]!r}"
        )
    timeout = float(header)
    return timeout - min(OFFSET, timeout / 2)
