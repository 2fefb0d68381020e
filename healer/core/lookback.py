"""How far a rule's expression looks back: for so long it may go on saying what was before a repair.

A rule such as `rate(errors_total[5m]) > 0.1` stays true for minutes after the last error. That is no failed repair,
and it is no new trouble either. What is read here is an upper bound, from the text alone.
"""

import re
from collections.abc import Iterator, Mapping

LONGEST = 900.0
"""Seconds. What looks back further asks for history (`max_over_time(x[1d])`: was it ever there?), not for a trend, and
nobody waits for a repair that long. Whoever means it declares it: `verify.lookback` in cluster.yml."""

DEEPEST = 10
"""Recording rules that rest on one another; Prometheus has no such depth in practice, and loops end here."""

# https://prometheus.io/docs/prometheus/latest/querying/basics/: strings in three kinds of quotes, comments to the
# line's end, durations such as 1h30m, and since release 3 plain numbers of seconds.
_TOKENS = re.compile(
    r"""(?P<skip>\#[^\n]*|\{(?:[^}"'`]|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)*\}
        |"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
    |(?P<range>\[[^\]]*\])
    |offset\s+(?P<offset>-?[\d.]+[a-z\d]*)
    |(?P<name>[A-Za-z_:][\w:]*)
    |(?P<open>\()|(?P<close>\))""",
    re.VERBOSE,
)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w|y)?")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000, "": 1}


def seconds(text: str) -> float:
    """Return what a duration of PromQL stands for; 0 for one that looks ahead, or that is none."""
    if not re.fullmatch(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w|y)?)+", text):
        return 0.0
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))


def looks_back(expression: str, recorded: Mapping[str, str], depth: int = 0) -> float:
    """Return how many seconds before its evaluation an expression's samples may be from, at most.

    Ranges of more than LONGEST are left out. A scrape's own age is not counted.

    Args:
        expression: In PromQL.
        recorded: The expression behind each recording rule's name.
        depth: Of recording rules that lead here.
    """
    return _within(_TOKENS.finditer(expression), recorded, depth)


def _within(tokens: Iterator[re.Match[str]], recorded: Mapping[str, str], depth: int) -> float:
    """Return the longest look back up to the closing bracket of these tokens."""
    longest = last = 0.0
    for token in tokens:
        match token.lastgroup:
            case "open":
                last = _within(tokens, recorded, depth)
            case "close":
                break
            case "name":
                last = _of_rule(token["name"], recorded, depth)
            case "range":
                last += _counted(token["range"][1:-1].partition(":")[0].strip())
            case "offset":
                last += _counted(token["offset"])
            case _:
                pass
        longest = max(longest, last)
    return longest


def _of_rule(name: str, recorded: Mapping[str, str], depth: int) -> float:
    if name not in recorded or depth >= DEEPEST:
        return 0.0
    return looks_back(recorded[name], recorded, depth + 1)


def _counted(text: str) -> float:
    found = seconds(text)
    return found if found <= LONGEST else 0.0
