"""A rule of the short way: the labels and annotations that Prometheus gives an alert after it.

Annotations are Go templates of which two forms are understood, `{{ $labels.NAME }}` and `{{ $value }}`:
https://prometheus.io/docs/prometheus/2.42/configuration/alerting_rules/#templating
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from exporter.alerting.alert import Alert, Condition, Pairs

FORM = re.compile(r"\{\{ *\$(?:labels\.([a-zA-Z_][a-zA-Z0-9_]*)|value) *\}\}")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule without `for`, as exporter.yml has it.

    Attributes:
        labels: What the rule adds.
        annotations: Templates.
    """

    name: str
    labels: Pairs
    annotations: Pairs

    def alert(self, target: Mapping[str, str], condition: Condition) -> Alert:
        """Return the alert that Prometheus makes where the condition holds.

        Args:
            target: The labels of the node's target.
            condition: One of this rule.
        """
        sample = {**target, **dict(condition.labels)}
        found = {name: filled(text, sample, condition.value) for name, text in self.annotations}
        return Alert.of({**sample, **dict(self.labels), "alertname": self.name}, found)


def understood(template: str) -> bool:
    """Tell whether nothing of a template is of another form than those two."""
    return "{{" not in FORM.sub("", template)


def filled(template: str, labels: Mapping[str, str], value: float) -> str:
    """Fill in a template; a label that is not there is empty, as with Prometheus."""

    def word(match: re.Match[str]) -> str:
        return labels.get(match[1], "") if match[1] else f"{value:g}"

    return FORM.sub(word, template)
