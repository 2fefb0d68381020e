"""What a person is told of a job of a database, beside how it ended."""

from collections.abc import Iterator, Mapping
from typing import Any

_FACTS = (
    ("snapshot", "backup"),
    ("snapshot_at", "of"),
    ("newest_record_at", "newest record"),
    ("rows", "rows"),
    ("into", "recovered into"),
)


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield what was recovered, table by table; nothing where nothing was."""
    if "tables" not in told:
        return
    for key, name in _FACTS:
        if told.get(key) is not None:
            yield f"{name}: {told[key]}"
    for one in told["tables"]:
        yield f"  {one['database']} {one['table']}: {one['rows']}"


def turn(told: Mapping[str, Any]) -> str:
    """Return whose turn it was instead, where it was not this node's; empty where it was."""
    return f"is left to {told['left_to']}" if told.get("left_to") else ""
