"""Values of a message, each taken by its kind or refused; a wrong one is malformed, a strange key unknown_key."""

from gate.strict_json import Json, JsonObject
from gate.words import Reason, Unreadable

TEXT_LIMIT = 256


def object_at(value: Json, where: str) -> JsonObject:
    """Take an object."""
    if not isinstance(value, dict):
        raise ValueError(f"{where}: want an object")
    return value


def text_at(value: Json, where: str) -> str:
    """Take a text of at most 256 characters."""
    if not isinstance(value, str) or len(value) > TEXT_LIMIT:
        raise ValueError(f"{where}: want text of at most {TEXT_LIMIT} characters")
    return value


def only(found: JsonObject, *known: str, where: str = "") -> None:
    """Refuse keys that are not known.

    Raises:
        Unreadable: unknown_key.
    """
    for key in found:
        if key not in known:
            raise Unreadable(
                Reason.UNKNOWN_KEY, f"{where}{key[:80]!r} is unknown. Known: {', '.join(known)}"
            )
