"""JSON without its soft spots, for text that a stranger may have written.

Duplicate keys, NaN, infinities and runaway nesting are errors here, because two readers could
take such text to mean two things.
"""

import json
import math
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = "dict[str, Json]"


def loads(text: bytes) -> Json:
    """Parse UTF-8 JSON strictly.

    Raises:
        ValueError: it is not UTF-8, not JSON, or JSON that can be read in two ways.
    """
    try:
        value: Json = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def object_of(text: bytes) -> JsonObject:
    """Parse strictly and insist on an object.

    Raises:
        ValueError: as `loads`, or it is something else than an object.
    """
    value = loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"want an object, got {type(value).__name__}")
    return value


def _object(pairs: list[tuple[str, Json]]) -> JsonObject:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"duplicate key {key[:80]!r}")
            seen.add(key)
    return found


def _no_constant(word: str) -> Json:
    raise ValueError(f"{word} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"number out of range: {text[:40]}")
    return value
