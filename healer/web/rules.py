"""Which of the packaged rules' alerts name which ladder."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files

import yaml


@cache
def healed_by() -> dict[str, tuple[str, ...]]:
    """Return the names of alerts by the ladder in their `heal` label, sorted; empty where no rules are installed.

    They cannot change while the process runs: they are part of the installation.
    """
    found: dict[str, set[str]] = {}
    for alert, ladder in _pairs():
        found.setdefault(ladder, set()).add(alert)
    return {ladder: tuple(sorted(names)) for ladder, names in sorted(found.items())}


def _pairs() -> Iterator[tuple[str, str]]:
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
                    yield rule["alert"], str((rule.get("labels") or {}).get("heal", "none"))
