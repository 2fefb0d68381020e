"""One query for the series that many incidents ask for at the same time.

Rule: what was asked for alone and what was asked for together have the same answer.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from healer.adapters import labels as lb

MOST_VALUES = 50
"""Values of one label that are named in a selector. Where more are wanted, all are read and sorted out here."""

Series = tuple[dict[str, str], float, float]
"""Labels, value, and the time of the sample in epoch seconds."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Series of one metric with exactly these values for these labels; an empty value means a label that is missing.

    Made by `wanted`, which refuses what no series can be called.
    """

    metric: str
    labels: tuple[tuple[str, str], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its labels, in order."""
        return tuple(name for name, _ in self.labels)


def wanted(metric: str, labels: Mapping[str, str]) -> Wanted:
    """Return what to ask for.

    Raises:
        ValueError: The metric or a label has a name that cannot be, or a value is not Unicode text.
    """
    lb.selector(metric, labels)
    return Wanted(metric, tuple(sorted(labels.items())))


def selectors(all_wanted: Iterable[Wanted]) -> dict[tuple[str, tuple[str, ...]], str]:
    """Return a selector for each metric and set of labels that is asked for; together they find all that is wanted."""
    alike: defaultdict[tuple[str, tuple[str, ...]], list[Wanted]] = defaultdict(list)
    for one in all_wanted:
        alike[one.metric, one.names].append(one)
    return {key: _selector(key[0], group) for key, group in alike.items()}


def _selector(metric: str, group: Sequence[Wanted]) -> str:
    values: dict[str, dict[str, None]] = {}
    for one in group:
        for name, value in one.labels:
            values.setdefault(name, {})[value] = None
    terms = []
    for name, found in values.items():
        if len(found) == 1:
            terms.append(f"{name}={lb.quoted(*found)}")
        elif len(found) <= MOST_VALUES:
            terms.append(f"{name}=~{lb.quoted('|'.join(lb.literally(one) for one in found))}")
    return f"{metric}{{{','.join(terms)}}}"


def sorted_out(
    all_wanted: Iterable[Wanted], found: Mapping[tuple[str, tuple[str, ...]], Sequence[Series]]
) -> dict[Wanted, list[Series]]:
    """Return each one's own series among those that its selector found."""
    by_values: dict[tuple[str, tuple[tuple[str, str], ...]], list[Series]] = defaultdict(list)
    for (metric, names), series in found.items():
        for one in series:
            labels = tuple((name, one[0].get(name, "")) for name in names)
            by_values[metric, labels].append(one)
    return {one: by_values.get((one.metric, one.labels), []) for one in all_wanted}
