"""Reads from PromQL and from alerts' templates which metrics they ask for. It is no parser: promtool is."""

import re
from collections.abc import Iterator

WORDS = {
    "and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right",
    "bool", "offset", "inf", "nan",
}  # fmt: skip

# Labels in brackets after one of these are no metrics.
LISTS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)")
STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')
NAME = re.compile(r"(?<![\w:.$])([a-zA-Z_][\w:]*)(?!\s*\()(?![\w:])")
SELECTOR = re.compile(r"(?<![\w:])([a-zA-Z_][\w:]*)\s*\{([^{}]*)\}")


def metrics(expression: str) -> set[str]:
    """Return the names of the metrics that an expression selects."""
    bare = STRINGS.sub('""', expression)
    bare = re.sub(r"\{[^{}]*\}|\[[^\[\]]*\]", " ", bare)
    return set(NAME.findall(LISTS.sub(" ", bare))) - WORDS


def matched(expression: str) -> Iterator[tuple[str, str]]:
    """Yield a metric's name and a label for each that a selector asks for by name."""
    hidden = STRINGS.sub('""', expression)
    for metric, matchers in SELECTOR.findall(hidden):
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers):
            yield metric, label


def templated(text: str) -> Iterator[str]:
    """Yield the expressions that an annotation's template asks, with something for each placeholder."""
    for _, text_of in re.findall(r'(printf) ("(?:[^"\\]|\\.)*")(?=[^}]*\| query)', text):
        expression = text_of[1:-1].replace('\\"', '"')
        yield expression.replace("%q", '"x"').replace("%v", "1")
