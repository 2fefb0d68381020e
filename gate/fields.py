"""Values of gate.json, each taken by its kind or refused with its place and what is wanted."""

import math
import os.path
import re

from gate.strict_json import Json, JsonObject

# As cluster.yml: a host name, a file name and a label at once. Never a blank, `/` or `;`, so that a
# name can stand in a command to HAProxy and in `POOL/MEMBER`.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


def only(found: JsonObject, known: tuple[str, ...], where: str) -> None:
    """Refuse a key that is not one of `known`."""
    for key in found:
        if key not in known:
            raise ValueError(f"{where}{key[:80]}: unknown key. Known: {', '.join(known)}")


def object_at(value: Json, where: str) -> JsonObject:
    """Take an object."""
    if not isinstance(value, dict):
        raise ValueError(f"{where}: want an object")
    return value


def texts(value: Json, where: str) -> tuple[str, ...]:
    """Take a list of texts, none of them empty."""
    if not isinstance(value, list):
        raise ValueError(f"{where}: want a list of texts")
    found = []
    for text in value:
        if not isinstance(text, str) or not text or "\0" in text:
            raise ValueError(f"{where}: want a list of texts, got {text!r:.40} in it")
        found.append(text)
    return tuple(found)


def label(value: Json, where: str) -> str:
    """Take any text but an empty one."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{where}: want a name, got {value!r:.40}")
    return value


def name(value: Json, where: str) -> str:
    """Take a name of letters, digits, `_`, `.` and `-`, at most 63 of them."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(
            f"{where}: want a name of letters, digits, '_', '.', '-', got {value!r:.80}"
        )
    return value


def flag(value: Json, where: str) -> bool:
    """Take true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"{where}: want true or false, got {value!r:.40}")
    return value


def path(value: Json, where: str) -> str:
    """Take an absolute path in its one usual spelling: no `..`, no `//`, no slash at the end."""
    if (
        not isinstance(value, str)
        or not value.startswith("/")
        or "\0" in value
        or os.path.normpath(value) != value
    ):
        raise ValueError(f"{where}: want an absolute path without '..', got {value!r:.80}")
    return value


def number(value: Json, where: str) -> float:
    """Take a number that is neither negative nor endless."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{where}: want a number of seconds")
    if not 0 <= value < math.inf:
        raise ValueError(f"{where}: want a number of seconds, got {value}")
    return float(value)


def count(value: Json, where: str) -> int:
    """Take a whole number that is not negative."""
    if type(value) is not int or value < 0:
        raise ValueError(f"{where}: want a whole number from 0 on, got {value!r:.40}")
    return value
