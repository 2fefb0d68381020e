"""Reads Prometheus' text format 0.0.4 as other programs write it, strictly: as expfmt of prometheus/common does.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import math
import re
from dataclasses import dataclass, field

from exporter.collector import Malformed

Labels = tuple[tuple[str, str], ...]
"""Names and values, by name."""

KINDS = ("counter", "gauge", "histogram", "summary", "untyped")
BOUND = {"histogram": "le", "summary": "quantile"}
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*+"
LABEL_NAME = r"[a-zA-Z_][a-zA-Z0-9_]*+"
LABEL_VALUE = r'(?:[^"\\]|\\[\\"n])*+'
BLANK = r"[ \t]*+"
LABEL = rf'{BLANK}{LABEL_NAME}{BLANK}={BLANK}"{LABEL_VALUE}"{BLANK}'
ONE_LABEL = re.compile(rf'({LABEL_NAME}){BLANK}={BLANK}"({LABEL_VALUE})"')
COMMENT = re.compile(rf"[ \t]*#[ \t]*(HELP|TYPE)[ \t]+({NAME})(?:[ \t]+(.*))?")
SAMPLE = re.compile(
    rf"{BLANK}({NAME}){BLANK}(?:\{{((?:{LABEL}(?:,|(?=\}})))*+){BLANK}\}}{BLANK})?"
    r"([^ \t{]++)(?:[ \t]++([^ \t]++))?[ \t]*"
)
# What strconv.ParseFloat takes but for hexadecimal and _, which expfmt refuses.
FLOAT = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,5})?|inf|infinity|nan)",
    re.IGNORECASE | re.ASCII,
)
LONGEST_NUMBER = 400
ESCAPED = re.compile(r'\\([\\"n])')
HELP_ESCAPED = re.compile(r"\\(.?)")


@dataclass(slots=True)
class Bounded:
    """One histogram or summary: what is at each bound, the sum and the count."""

    bounds: dict[float, float] = field(default_factory=dict)
    sum: float = 0.0
    count: float = 0.0


@dataclass(slots=True)
class Metrics:
    """One family of one text.

    Attributes:
        kind: One of KINDS; "" until that is said.
        help: Its sentence; None when there is none.
        values: Of a counter, gauge or untyped family, by labels.
        bounded: Of a histogram or summary, by labels but for the bound.
        twice: Whether a series is there twice; the first was taken.
    """

    name: str
    kind: str = ""
    help: str | None = None
    values: dict[Labels, float] = field(default_factory=dict)
    bounded: dict[Labels, Bounded] = field(default_factory=dict)
    twice: bool = False


def parse(data: bytes) -> list[Metrics]:
    """Read a whole text; families without a sample are left out.

    Raises:
        Malformed: A line cannot be read or has a timestamp, something is told twice, or the text ends within a line.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"no UTF-8: {error.reason} at byte {error.start}") from error
    if text and not text.endswith("\n"):
        raise Malformed("ends within a line")
    families: dict[str, Metrics] = {}
    for number, row in enumerate(text.split("\n")[:-1], 1):
        try:
            _take(families, row)
        except ValueError as error:
            raise Malformed(f"line {number}: {error}") from error
    return [one for one in families.values() if one.values or one.bounded]


def _take(families: dict[str, Metrics], row: str) -> None:
    bare = row.strip(" \t")
    if not bare:
        return
    if bare.startswith("#"):
        if match := COMMENT.fullmatch(row):
            _comment(_family(families, match[2]), match[1], match[3])
        return
    match = SAMPLE.fullmatch(row)
    if match is None:
        raise ValueError(f"wanted a name, labels and a value, saw {row[:80]!r}")
    if match[4] is not None:
        raise ValueError("timestamps are not supported")
    _sample(_family(families, match[1]), match[1], _labels(match[2] or ""), _number(match[3]))


def _family(families: dict[str, Metrics], name: str) -> Metrics:
    """Return the family that a name belongs to: its own, or that of the histogram or summary that it is a part of."""
    if name not in families:
        for kind, suffixes in SUFFIXES.items():
            for suffix in suffixes:
                found = families.get(name.removesuffix(suffix))
                if name.endswith(suffix) and found is not None and found.kind == kind:
                    return found
        families[name] = Metrics(name)
    return families[name]


def _comment(family: Metrics, keyword: str, said: str | None) -> None:
    if not said:
        return
    if keyword == "HELP":
        if family.help is not None:
            raise ValueError(f"second HELP line for {family.name}")
        family.help = HELP_ESCAPED.sub(_unescaped, said)
        return
    kind = said.strip(" \t").lower()
    if family.kind or family.values:
        raise ValueError(f"second TYPE line for {family.name}, or one after its samples")
    if kind not in KINDS:
        raise ValueError(f"unknown type {kind[:40]!r}")
    family.kind = kind


def _labels(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in ONE_LABEL.findall(text):
        if name in found or name == "__name__":
            raise ValueError(f"label {name} is there twice, or not allowed")
        found[name] = ESCAPED.sub(_unescaped, value)
    return found


def _unescaped(match: re.Match[str]) -> str:
    plain = {"\\": "\\", '"': '"', "n": "\n"}.get(match[1])
    if plain is None:
        raise ValueError(f"unknown escape {match[0]!r}")
    return plain


def _number(text: str) -> float:
    if len(text) > LONGEST_NUMBER or not FLOAT.fullmatch(text):
        raise ValueError(f"wanted a number, saw {text[:40]!r}")
    value = float(text)
    if math.isinf(value) and text[-1].isdigit():
        raise ValueError(f"{text[:40]} is out of range")
    return value


def _sample(family: Metrics, name: str, labels: dict[str, str], value: float) -> None:
    family.kind = family.kind or "untyped"
    bound = BOUND.get(family.kind)
    if bound is None:
        key = tuple(sorted(labels.items()))
        family.twice |= key in family.values
        family.values.setdefault(key, value)
        return
    at = labels.pop(bound, None)
    one = family.bounded.setdefault(tuple(sorted(labels.items())), Bounded())
    match name.removeprefix(family.name), at:
        case "_sum", _:
            one.sum = value
        case "_count", _:
            one.count = value
        case "_bucket" | "", str() if (name == family.name) == (family.kind == "summary"):
            where = _number(at or "")
            family.twice |= where in one.bounds
            one.bounds.setdefault(where, value)
        case _:
            raise ValueError(f"a {family.kind} has no sample {name} without {bound}")
