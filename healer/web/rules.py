"""What the packaged rules say of their alerts: which ladder each names, and how severe it is."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml


@dataclass(frozen=True, slots=True)
class Rule:
    """One alert of the packaged rules.

    Attributes:
        alert: Its name.
        heal: The ladder that it names; `none` where it is a person's.
        severity: Its label.
    """

    alert: str
    heal: str
    severity: str


@cache
def packaged() -> dict[str, Rule]:
    """Return the alerts of the packaged rules by name, the first of several; empty where none are installed."""
    return {one.alert: one for one in reversed(tuple(_rules()))}


@cache
def healed_by() -> dict[str, tuple[str, ...]]:
    """Return the names of alerts by the ladder in their `heal` label, sorted; empty where no rules are installed.

    They cannot change while the process runs: they are part of the installation.
    """
    found: dict[str, set[str]] = {}
    for one in _rules():
        found.setdefault(one.heal, set()).add(one.alert)
    return {ladder: tuple(sorted(names)) for ladder, names in sorted(found.items())}


def _rules() -> Iterator[Rule]:
    try:
        entries = [one for one in files("rules").iterdir() if one.name.endswith(".yml")]
    except (ModuleNotFoundError, FileNotFoundError, NotADirectoryError):
        return
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for entry in entries:
        read = yaml.load(entry.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506  a safe loader, in C where there is one
        for group in (read or {}).get("groups") or ():
            for rule in group.get("rules") or ():
                if "alert" in rule:
                    labels = rule.get("labels") or {}
                    heal, severity = labels.get("heal", "none"), labels.get("severity", "")
                    yield Rule(rule["alert"], str(heal), str(severity))
