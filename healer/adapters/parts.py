"""Several questions to Prometheus as one query, so that all answers are of one moment.

Rule: ages are differences of Prometheus' own times, and a number that is none is no sample.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from typing_extensions import TypedDict

from healer.adapters import labels as lb

PART = "hale_part"
"""The label that says which question a series answers."""

Labels = dict[str, str]


class Sample(TypedDict):
    """One element of an instant vector, as the API writes it: labels, time and value.

    A dict, since ten thousand of them come every two seconds, and pydantic makes it in half the time of a model.
    """

    metric: Labels
    value: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Parts:
    """The answers, and what time it was by Prometheus' clock."""

    now: float
    samples: Mapping[str, Sequence[tuple[Labels, float]]]

    @staticmethod
    def of_samples(found: Iterable[Sample]) -> "Parts | None":
        """Sort samples by their part; None where the time is not among them."""
        samples: dict[str, list[tuple[Labels, float]]] = {}
        for sample in found:
            labels, (_, value) = sample["metric"], sample["value"]
            if math.isfinite(value):
                part = labels.pop(PART, "")
                labels.pop("__name__", None)
                samples.setdefault(part, []).append((labels, value))
        now = next((value for _, value in samples.get("now", ())), None)
        return None if now is None else Parts(now, samples)

    def timed(self, part: str) -> list[tuple[Labels, float, float]]:
        """Return labels, value and time of each series of a part that `with_times` asked for."""
        times = {lb.in_order(labels): at for labels, at in self.of(f"{part}_at")}
        return [
            (labels, value, times[key])
            for labels, value in self.of(part)
            if (key := lb.in_order(labels)) in times
        ]

    def of(self, part: str) -> Sequence[tuple[Labels, float]]:
        """Return labels and value of each series of a part."""
        return self.samples.get(part, ())


def together(terms: Mapping[str, str]) -> str:
    """Return one expression that asks for all of these, and for the time."""
    asked = {"now": "vector(time())", **terms}
    return " or ".join(
        f'label_replace({term}, "{PART}", "{part}", "", "")' for part, term in asked.items()
    )


def with_times(selectors: Mapping[str, str]) -> dict[str, str]:
    """Return terms for series and for the times of their samples."""
    times = {f"{part}_at": f"timestamp({one})" for part, one in selectors.items()}
    return {**selectors, **times}


def fresh(selector: str, age: float, by: str = "") -> str:
    """Return a term for what a selector finds that is no older than `age` seconds.

    Args:
        selector: Of series.
        age: Seconds by Prometheus' clock.
        by: Labels to keep, of whose series the smallest value counts; empty to keep each series as it is.
    """
    term = f"({selector} and (timestamp({selector}) >= time() - {age:g}))"
    return f"min by ({by}) {term}" if by else term
