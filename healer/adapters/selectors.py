"""The series that an expression of PromQL looks at, read from its text.

Rule: what is found too much only makes it harder to say that a trouble is gone.
"""

import re
from collections.abc import Iterator, Mapping

from healer.adapters import labels as lb

# https://prometheus.io/docs/prometheus/latest/querying/operators/: words that are no metrics.
_WORDS = frozenset(
    {
        "and",
        "or",
        "unless",
        "atan2",
        "bool",
        "offset",
        "start",
        "end",
        "inf",
        "nan",
        "by",
        "without",
    }
    | {"on", "ignoring", "group_left", "group_right"}
)
_STRING = r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`"""
_TOKENS = re.compile(
    rf"""(?P<skip>\#[^\n]*|{_STRING}|\[[^\]]*\]|\b\d[\w.]*
        |\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)
        |[A-Za-z_:][\w:]*\s*\(|\b[A-Za-z]\w*\s+(?:by|without)\s*\([^)]*\))
    |(?P<metric>[A-Za-z_:][\w:]*)?\s*(?P<matchers>\{{(?:[^}}"'`]|{_STRING})*\}})
    |(?P<name>[A-Za-z_:][\w:]*)""",
    re.VERBOSE | re.IGNORECASE,
)


def selectors(expression: str, wanted: Mapping[str, str]) -> tuple[str, ...]:
    """Return a selector for each series that an expression names, narrowed to these labels.

    Args:
        expression: In PromQL.
        wanted: `node` is asked for as it is; a series that lacks one of the others is meant too.

    Raises:
        ValueError: A value is not Unicode text.
    """
    narrow = [
        f"{name}={lb.quoted(value)}"
        if name == "node"
        else f"{name}=~{lb.quoted(lb.literally(value) + '|')}"
        for name, value in sorted(wanted.items())
    ]
    return tuple(dict.fromkeys(_narrowed(one, narrow) for one in _named(expression)))


def _named(expression: str) -> Iterator[tuple[str, str]]:
    for token in _TOKENS.finditer(expression):
        name = token["metric"] or token["name"] or ""
        if token["skip"] is None and (token["matchers"] or name.lower() not in _WORDS):
            yield name, (token["matchers"] or "{}")[1:-1].strip().rstrip(",")


def _narrowed(found: tuple[str, str], narrow: list[str]) -> str:
    name, matchers = found
    return f"{name}{{{','.join([*([matchers] if matchers else []), *narrow])}}}"
