"""The rules and runbooks that come with Hale.

Rule: what is packaged is read as it lies, and nothing here changes it.
"""

import errno
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

import yaml

from cluster.quantity import duration


@dataclass(frozen=True, slots=True)
class RuleFile:
    """One packaged file of Prometheus rules."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Alert:
    """What a packaged alerting rule says about itself.

    Attributes:
        heal: The ladder's name, `none`, or empty where the rule says nothing.
        wait: Its `for` in seconds, 0 where it has none.
    """

    name: str
    file: str
    heal: str
    severity: str
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Posted:
    """What Prometheus adds to an alert of a rule, for whoever posts the same alert.

    Attributes:
        annotations: Templates.
    """

    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


def _folder(package: str, suffix: str) -> Iterator[Traversable]:
    try:
        entries = sorted(files(package).iterdir(), key=lambda entry: entry.name)
    except (ModuleNotFoundError, FileNotFoundError, NotADirectoryError):
        return  # an installation without the data: nothing is packaged
    yield from (entry for entry in entries if entry.name.endswith(suffix) and entry.is_file())


def rule_files() -> tuple[RuleFile, ...]:
    """Return the packaged rules, sorted by file name.

    Raises:
        FileNotFoundError: there are none. A Prometheus without rules would look healthy for ever.
    """
    found = tuple(
        RuleFile(entry.name, entry.read_text(encoding="utf-8"))
        for entry in _folder("rules", ".yml")
    )
    if not found:
        message = "no rules are installed. Install hale-ha again"
        raise FileNotFoundError(errno.ENOENT, message, "rules")
    return found


def alerts(rules: tuple[RuleFile, ...]) -> tuple[Alert, ...]:
    """Return the alerting rules of these files, in order."""
    return tuple(alert for file in rules for alert in _alerts(file))


def _alerts(file: RuleFile) -> Iterator[Alert]:
    for group in (yaml.safe_load(file.text) or {}).get("groups") or ():
        for rule in group.get("rules") or ():
            if "alert" in rule:
                labels = rule.get("labels") or {}
                heal, severity = str(labels.get("heal", "")), str(labels.get("severity", ""))
                wait = duration(str(rule.get("for", "0s")))
                yield Alert(str(rule["alert"]), file.name, heal, severity, wait)


def runbooks() -> frozenset[str]:
    """Return the alerts that have a packaged runbook."""
    return frozenset(entry.name.removesuffix(".md") for entry in _folder("runbooks", ".md"))
