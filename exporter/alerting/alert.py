"""One alert as Alertmanager's API version 2 takes it, and the condition that it tells of.

Rule: an alert is identified by its labels alone, and they are those that Prometheus gives it after its rule.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """What a rule of the short way asks about one thing on this node, as the exposition says it now.

    Attributes:
        rule: The rule's name.
        labels: Those that the alert has beside its node's own; they override those.
        value: What the rule's expression is while it holds.
        holds: None means unknown, and then Prometheus has no sample of it either.
    """

    rule: str
    labels: Pairs
    value: float
    holds: bool | None


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert.

    Attributes:
        labels: In the order of their names, none empty.
    """

    labels: Pairs
    annotations: Pairs

    @classmethod
    def of(cls, labels: Mapping[str, str], annotations: Mapping[str, str]) -> "Alert":
        """Make one; a label without a value is none to Prometheus."""
        kept = sorted((name, value) for name, value in labels.items() if value)
        return cls(tuple(kept), tuple(sorted(annotations.items())))

    @property
    def said(self) -> str:
        """What the log calls it."""
        return " ".join(f"{name}={value}" for name, value in self.labels)


def body(posts: Iterable[Alert], ends: Iterable[Alert] = (), now: float = 0.0) -> bytes:
    """Write the JSON of one request.

    What is posted has neither startsAt nor endsAt: Alertmanager's clock and its resolve_timeout apply.

    Args:
        posts: What holds.
        ends: What is over.
        now: When the ends are, epoch seconds of that same Alertmanager's clock.
    """
    over = datetime.fromtimestamp(now, UTC).isoformat()
    alerts = [_written(alert) for alert in posts]
    alerts += [_written(alert) | {"endsAt": over} for alert in ends]
    return json.dumps(alerts).encode()


def _written(alert: Alert) -> dict[str, Any]:
    return {"labels": dict(alert.labels), "annotations": dict(alert.annotations)}
