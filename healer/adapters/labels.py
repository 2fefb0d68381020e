"""Labels as Prometheus has them: their grammar, their fingerprint, and times in Go's RFC 3339."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII)
REMEMBERED_LENGTH = 1000
"""Characters of all values of an alert whose fingerprint is remembered: strangers fill no memory."""

_OFFSET, _PRIME = 0xCBF29CE484222325, 0x100000001B3


def is_name(text: str) -> bool:
    """Whether this is a label's name."""
    return _NAME.fullmatch(text) is not None


def is_metric(text: str) -> bool:
    """Whether this is a metric's name."""
    return _METRIC.fullmatch(text) is not None


def in_order(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return labels as core.alert.Alert has them."""
    return tuple(sorted(labels.items()))


def fingerprint(labels: Mapping[str, str]) -> str:
    """Return the fingerprint that Alertmanager gives an alert with these labels.

    FNV-1a of 64 bits over each name and value in the order of names, each followed by 0xff
    (prometheus/common, model/signature.go and model/fnv.go), in 16 hex digits.
    """
    return identified(labels)[0]


def identified(labels: Mapping[str, str]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the fingerprint, and the labels as core.alert.Alert has them.

    Of labels that are seen again the same tuple is returned, so ten thousand alerts that are read every two seconds
    are kept once.
    """
    found = in_order(labels)
    short = sum(len(value) for _, value in found) <= REMEMBERED_LENGTH
    return _remembered(found) if short else (_hashed(found), found)


@lru_cache(maxsize=20_000)  # the same alerts are read every two seconds for as long as they fire
def _remembered(
    labels: tuple[tuple[str, str], ...],
) -> tuple[str, tuple[tuple[str, str], ...]]:
    return _hashed(labels), labels


def _hashed(labels: tuple[tuple[str, str], ...]) -> str:
    total = _OFFSET
    for pair in labels:
        for text in pair:
            for byte in text.encode(errors="surrogatepass") + b"\xff":
                total = ((total ^ byte) * _PRIME) & 0xFFFFFFFFFFFFFFFF
    return f"{total:016x}"


def quoted(value: str) -> str:
    r"""Return a value as a PromQL string, with Go's escapes for whatever is not plainly printable.

    Raises:
        ValueError: The value is not Unicode text, so that no label can have it.
    """
    value.encode()  # half a surrogate pair fails here
    return '"' + "".join(_escaped(character) for character in value) + '"'


def _escaped(character: str) -> str:
    if character in '\\"':
        return "\\" + character
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def literally(value: str) -> str:
    r"""Write a value as an expression that matches it alone.

    RE2 takes punctuation after a backslash for itself (github.com/google/re2/wiki/Syntax).
    """
    return "".join(f"\\{one}" if one in r"\.+*?()|[]{}^$" else one for one in value)


def selector(metric: str, labels: Mapping[str, str]) -> str:
    """Return a selector of the series with exactly these values for these labels.

    Raises:
        ValueError: The metric or a label has a name that cannot be.
    """
    if not is_metric(metric) or not all(is_name(name) for name in labels):
        msg = f"{metric!r} with labels {sorted(labels)} is no metric that there can be"
        raise ValueError(msg)
    wanted = ",".join(f"{name}={quoted(value)}" for name, value in sorted(labels.items()))
    return f"{metric}{{{wanted}}}"


def epoch(text: str) -> float:
    """Return a time of Go's RFC 3339 (up to nanoseconds, any offset) in epoch seconds.

    Raises:
        ValueError: It is none.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        msg = f"{text[:60]!r} is no RFC 3339 time"
        raise ValueError(msg)
    day, clock, fraction, zone = found.groups()
    whole = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if zone == 'Z' else zone}")
    # Built by hand: datetime itself stops at microseconds, and rounding would differ between peers.
    seconds = (whole - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    return seconds + float(f"0.{fraction or 0}")
