"""Every key of cluster.yml stands in docs/cluster.md with what applies without it, and no key that is none."""

import json
import re
from collections.abc import Iterator
from typing import Any

from cluster.schema import schema_json
from tests.test_contract import ROOT

SCHEMA = json.loads(schema_json())
PAGE = (ROOT / "docs/cluster.md").read_text().partition("\n## Every key\n")[2]


def keys(block: dict[str, Any], path: str = "") -> Iterator[tuple[str, str | None]]:
    """Yield each key below a block of the schema, and what it is without being written.

    An entry with a name of its own is NAME, one of a list `[]`. None: the page says it in words.
    """
    for name, value in block["properties"].items():
        inner, step = block_in(value)
        if inner:
            yield from keys(inner, f"{path}{name}{step}.")
        elif name in block.get("required", ()):
            yield f"{path}{name}", "required"
        else:
            yield f"{path}{name}", plain(value)


def plain(value: dict[str, Any]) -> str | None:
    """Write a default as people would; None where it is empty or depends on the rest of the file."""
    match value.get("default"):
        case bool() as flag:
            return "true" if flag else "false"
        case str() | int() | float() as scalar:
            return str(scalar)
    return None


def block_in(value: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """Return the block that a value is, holds by name or lists, and how its path goes on."""
    for one in value.get("anyOf", [value]):
        named = one.get("patternProperties", {}).values()
        parts = [(one, ""), (one.get("items"), "[]"), *((part, ".NAME") for part in named)]
        for part, step in parts:
            if isinstance(part, dict) and "$ref" in part:
                found = SCHEMA["$defs"][part["$ref"].rpartition("/")[2]]
                if "properties" in found:
                    return found, step
    return None, ""


def test_every_key_has_a_row_with_its_default_and_every_row_a_key() -> None:
    rows = dict(re.findall(r"^\| `([^`]+)` \| ([^|]+) \| [^|]+ \|$", PAGE, re.MULTILINE))
    known = dict(keys(SCHEMA))
    assert rows.keys() == known.keys()
    for key, default in known.items():
        assert default is None or rows[key].strip("`") == default, key
