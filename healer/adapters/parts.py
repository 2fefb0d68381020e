"""Several questions to Prometheus as one query, so that all answers are of one moment.

Rule: ages are differences of Prometheus' own times, and a number that is none is no sample.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from healer.adapters import labels as lb

PART = "hale_part"
"""The label that says which question a series answers."""

Labels = dict[str, str]


class Sample(BaseModel):
    """One element of an instant vector, as the API writes it: labels, time and value."""

    metric: Labels
    value: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Parts:
    """The answers, and what time it was by Prometheus' clock."""

    now: float
    samples: Mapping[str, Mapping[tuple[tuple[str, str], ...], float]]

    @staticmethod
    def of_samples(found: Iterable[Sample]) -> "Parts | None":
        """Sort samples by their part; None where the time is not among them."""
        samples: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
        for sample in found:
            labels, (_, value) = sample.metric, sample.value
            if math.isfinite(value):
                part = labels.pop(PART, "")
                labels.pop("__name__", None)
                samples.setdefault(part, {})[lb.in_order(labels)] = value
        now = samples.get("now", {}).get(())
        return None if now is None else Parts(now, samples)

    def timed(self, part: str) -> list[tuple[Labels, float, float]]:
        """Return labels, value and time of each series of a part that `with_times` asked for."""
        times = self.samples.get(f"{part}_at", {})
        return [
            (dict(labels), value, times[labels])
            for labels, value in self.samples.get(part, {}).items()
            if labels in times
        ]

    def of(self, part: str) -> list[tuple[Labels, float]]:
        """Return labels and value of each series of a part."""
        return [(dict(labels), value) for labels, value in self.samples.get(part, {}).items()]


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
